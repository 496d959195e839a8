"""How steps are run: precision, XLA, several steps per execution."""

import functools
import re

import keras
import numpy as np
import pytest
import tensorflow as tf

from gmn_tf.config import Config
from gmn_tf.training import fit, parts
from gmn_tf.training.fit import Execution
from gmn_tf.utils.errors import InputError
from tests.method import plain_step_test
from tests.support import toys

pytestmark = pytest.mark.usefixtures("optimised_graphs")

ONE = fit.make_strategy("one")


# Less to trace and to compile.
TINY = {**plain_step_test.TINY, "critic_steps": 1, "steps": 6}


def trained(execution=fit.DEFAULT_EXECUTION, **settings):
    config = Config(**{**TINY, **settings})
    keras.utils.set_random_seed(1)
    return fit.train(config, toys.zero_shot_data(), ONE, execution=execution)


@functools.cache
def trained_plainly(variant=Config.variant):
    """A model trained with the default execution and precision."""
    return trained(variant=variant)


@pytest.fixture(scope="module")
def rough():
    """A model trained with mixed precision."""
    return trained(precision="mixed_bfloat16")


def distance(model, other):
    pairs = zip(model.generator.get_weights(), other.generator.get_weights())
    return max(np.abs(weights - others).max() for weights, others in pairs)


def test_several_steps_per_execution_are_the_same_steps():
    assert distance(trained_plainly(), trained(Execution(steps=3))) < 1e-6


def test_steps_must_fill_executions():
    with pytest.raises(InputError, match="multiple of --steps_per_execution"):
        trained(Execution(steps=4))


def test_unknown_jit():
    with pytest.raises(InputError, match="'on'"):
        Execution(jit="onn")


# Gradient matching draws theta, for which XLA has random numbers of its own.
@pytest.mark.parametrize("variant", ["cwgan", "wgan_cls"])
def test_xla_takes_the_same_steps(variant):
    plain = trained_plainly(variant)
    compiled = trained(Execution(jit="on"), variant=variant)

    assert compiled.jit_compile
    assert not plain.jit_compile  # by default, where there is no GPU
    assert distance(plain, compiled) < 1e-5


@pytest.mark.parametrize(
    "variant", ["cwgan_gm", "wgan_gm_transductive", "tfvaegan", "cadavae"]
)
def test_a_step_is_one_program_without_the_host(variant):
    config = Config(**TINY, variant=variant)
    data = toys.zero_shot_data()
    model = parts.build_model(config, data)
    batch = next(iter(parts.make_batches(config, data, ONE)))
    step = tf.function(model.train_step, jit_compile=True)

    # XLA refuses a step of which it cannot compile all.
    program = step.experimental_get_compiler_ir(batch)(stage="hlo")

    assert len(re.findall("^ENTRY", program, re.MULTILINE)) == 1
    assert " dot(" in program
    for word in ("infeed", "outfeed", "send(", "recv(", "callback"):
        assert word not in program


def test_mixed_bfloat16(rough):
    assert rough.generator.output_layer.compute_dtype == "bfloat16"
    assert rough.critic.feature_layer.compute_dtype == "bfloat16"
    for network in (rough.generator, rough.critic):
        assert {v.dtype for v in network.trainable_variables} == {"float32"}
    noise, embeddings = tf.ones([2, toys.DZ]), tf.ones([2, toys.DA])
    assert rough.generator(noise, embeddings).dtype == "float32"
    assert rough.critic(tf.ones([2, toys.DX]), embeddings).dtype == "float32"
    # As the step of single precision, but for roundings of 2^-8.
    assert 1e-6 < distance(trained_plainly(), rough) < 1e-2


def test_networks_of_guidances_compute_with_the_same_numbers():
    model = trained(
        precision="mixed_bfloat16", variant="tfvaegan", regressor_feedback=0.5
    )
    encoding, regression = model.guidances
    assert model.generator.feedback_layers[0].compute_dtype == "bfloat16"
    for network in (encoding.encoder, regression.regressor):
        assert network.hidden_layers[0].compute_dtype == "bfloat16"
        assert {v.dtype for v in network.trainable_variables} == {"float32"}
    seen = model.synthesiser(tf.ones([2, toys.DZ]), tf.ones([2, toys.DA]))
    assert seen.dtype == "float32" and np.isfinite(seen).all()


def test_precision_is_saved_with_the_generator(rough, tmp_path):
    model = rough.generator
    model.save(tmp_path / "generator.keras")
    loaded = keras.saving.load_model(tmp_path / "generator.keras")
    noise = toys.normal(9, toys.DZ).astype(np.float32)
    embeddings = toys.normal(9, toys.DA).astype(np.float32)

    np.testing.assert_array_equal(
        loaded(noise, embeddings), model(noise, embeddings)
    )


def test_calls_share_one_mirrored_strategy():
    """With two in a process, TensorFlow cannot sum the gradients of both."""
    first = fit.make_strategy("mirrored")
    assert isinstance(first, tf.distribute.MirroredStrategy)
    assert fit.make_strategy("mirrored") is first
