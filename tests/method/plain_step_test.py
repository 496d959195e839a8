"""The plain step and gmn_tf's do the same."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from gmn_tf.config import Config
from gmn_tf.method.variants import CLASSIFICATION, CYCLE, MATCHING, VARIANTS
from gmn_tf.training import fit, parts
from tests.support import plain_step, toys

pytestmark = pytest.mark.usefixtures("optimised_graphs")
STEPS = 20
TINY = {
    "noise_dim": toys.DZ,
    "generator_units": (11,),
    "critic_units": (10,),
    "critic_steps": 2,
    "batch_size": 8,
    "learning_rate": 0.001,
    "matching_classes": 2,
    "matching_real": 4,
    "matching_fake": 9,
    "matching_weight": 5.0,
    "classifier_epochs": 2,
}
WRITTEN_PLAINLY = {MATCHING, CLASSIFICATION, CYCLE}
VARIANT_NAMES = [
    name
    for name, variant in VARIANTS.items()
    if variant.has_generator
    and WRITTEN_PLAINLY.issuperset(variant.guidance)
    and name != "zlap"  # which is cwgan
]
DEEP = {"generator_units": (11, 9), "critic_units": (10, 8)}
# Several at once, because tracing a step takes longer than all of its steps.
OPTIONS = [
    {"noise": "concat", "sampling": "uniform"},
    {
        "noise_mean": "tanh",
        "noise_covariance": "identity",
        "matching_distance": "global",
        "theta_reset_steps": 3,
    },
    {
        "activation": "relu",
        "generator_output": "linear",
        "compatibility": "linear",
    },
    {"matching_norm_weight": 0.5},
]


# L_CLS comes from a classifier in single precision; all else is compared in
# double precision, which is sharper.
@pytest.mark.parametrize(
    "name", ["cwgan_gm", *(name for name in VARIANT_NAMES if "_cls" in name)]
)
def test_twenty_steps_agree_within_rounding(name):
    config = Config(**{**TINY, "variant": name})
    losses, ours, plain, moves = train(config, toys.zero_shot_data())

    assert losses[0] == pytest.approx(losses[1], rel=2e-3, abs=2e-3)
    for weights, expected in zip(ours, plain):
        np.testing.assert_allclose(weights, expected, atol=2e-4)
    assert min(moves) > 5e-3


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(
    "options",
    [{"variant": name} for name in VARIANT_NAMES if "_cls" not in name]
    + [*OPTIONS[:3], {**OPTIONS[3], **DEEP}],
    ids=str,
)
def test_twenty_steps_agree_in_double_precision(options):
    data = toys.zero_shot_data()
    data = dataclasses.replace(data, embeddings=data.embeddings.astype(float))
    # Keras rounds 0.999 to single precision; this one is exact in both.
    exact = {"beta_2": 1.0 - 2.0**-10}
    # One step of the critic takes less time to trace than two.
    config = Config(**{**TINY, "critic_steps": 1, **exact, **options})
    losses, ours, plain, moves = train(config, data)

    assert losses[0] == pytest.approx(losses[1], rel=1e-8)
    for weights, expected in zip(ours, plain):
        np.testing.assert_allclose(weights, expected, rtol=1e-6, atol=1e-8)
    assert min(moves) > 5e-3


def train(config, data):
    """Losses and weights of both forms, and how far the generator's moved."""
    keras.utils.set_random_seed(1)
    model, other = (parts.build_model(config, data) for _ in range(2))
    for mine, its in networks(model, other):
        its.set_weights(mine.get_weights())
    before = model.generator.get_weights()
    forms = model, plain_step.plain(other)
    steps = [tf.function(form.train_step, autograph=False) for form in forms]
    batches = parts.make_batches(config, data, fit.make_strategy("one"))
    losses = [], []
    for batch in batches.take(STEPS):
        if keras.config.floatx() == "float64":
            batch = toys.as_float64(batch)
        for kept, step in zip(losses, steps):
            kept.append(float(step(batch)["generator_loss"]))
    ours, plain = (
        [weights for network in form for weights in network.get_weights()]
        for form in zip(*networks(*forms))
    )
    moves = [
        np.abs(weights - old).max()
        for weights, old in zip(model.generator.get_weights(), before)
    ]
    return losses, ours, plain, moves


def networks(first, second):
    pairs = [(first.generator, second.generator)]
    if first.critic is not None:
        pairs.append((first.critic, second.critic))
    return pairs
