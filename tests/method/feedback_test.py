"""A generator in two passes, the second with what a regressor reads."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from gmn_tf.method import feedback, regression, representation
from gmn_tf.method.gmn import GMN
from tests.support import toys

NOISE, EMBEDDINGS = toys.normal(9, toys.DZ), toys.normal(9, toys.DA)


def make(weight=0.5, units=(11, 8)):
    generator = toys.generator("concat", units=units, output="sigmoid")
    regressor = regression.Regressor(toys.DX, toys.DA, (10, 6), "relu")
    made = feedback.FeedbackGenerator(
        generator, toys.randomise(regressor), weight
    )
    return toys.randomise(made)


def leaky(rows, slope=0.2):
    return np.where(rows > 0.0, rows, slope * rows)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("units", [(8,), (11, 8)])
def test_the_second_pass_adds_what_was_read_in_the_first(units):
    made = make(units=units)
    *hidden, last_w, last_b = made.generator.get_weights()
    rows = np.hstack([NOISE, EMBEDDINGS])
    for kernel, bias in zip(hidden[::2], hidden[1::2]):
        rows = leaky(rows @ kernel + bias)

    def output_of(rows):
        return 1.0 / (1.0 + np.exp(-(rows @ last_w + last_b)))

    read = output_of(rows)
    w1, b1, w2, b2, *_ = made.regressor.get_weights()
    read = np.maximum(np.maximum(read @ w1 + b1, 0.0) @ w2 + b2, 0.0)
    for layer in made.feedback_layers:
        kernel, bias = layer.get_weights()
        read = leaky(read @ kernel + bias)

    found = made(NOISE, EMBEDDINGS)

    np.testing.assert_allclose(found, output_of(rows + 0.5 * read), rtol=1e-6)
    made.weight = 0.0
    without = made(NOISE, EMBEDDINGS)
    np.testing.assert_allclose(without, output_of(rows), rtol=1e-6)
    assert made.feature_dim == toys.DX and made.noise_dim == toys.DZ


@pytest.mark.usefixtures("float64")
def test_no_gradient_goes_through_the_first_pass_or_the_regressor():
    made = make()
    codes = tf.constant(np.hstack([NOISE, EMBEDDINGS]))
    read = made.regressor.read(made.generator.decode(codes))[1]
    for layer in made.feedback_layers:
        read = layer(read)
    variables = made.generator.trainable_variables
    with tf.GradientTape(persistent=True) as tape:
        loss = tf.reduce_sum(tf.square(made.decode(codes)))
        plain = tf.reduce_sum(
            tf.square(
                made.generator.output_of(
                    made.generator.hidden(codes) + 0.5 * tf.constant(read)
                )
            )
        )
    found = tape.gradient(loss, variables)
    for first, second in zip(found, tape.gradient(plain, variables)):
        if second is not None:
            np.testing.assert_allclose(first, second, rtol=1e-9)
    of_regressor = tape.gradient(loss, made.regressor.trainable_variables)
    assert of_regressor == [None] * len(of_regressor)


def test_the_regressor_that_is_read_moves_by_its_own_loss_alone():
    made, embeddings = make(), toys.normal(toys.NUM_SEEN, toys.DA).astype("f4")
    guidance = regression.Regression(
        made.regressor, embeddings, "squared", 1.0, 0.5
    )
    model = GMN(made, None, [guidance], embeddings, 0.0)
    sgd = keras.optimizers.SGD
    # R's own rate is 0.
    model.compile(sgd(0.1), sgd(0.1), sgd(0.1), sgd(0.0))
    parts = made.generator, made.feedback_layers[0], made.regressor
    before = [part.get_weights() for part in parts]
    labels = np.arange(9) % toys.NUM_SEEN
    features = toys.normal(9, toys.DX).astype("f4")
    samples = {"features": features, "labels": labels}
    samples["noise"] = NOISE.astype("f4")
    model.train_step({"generator": tf.nest.map_structure(tf.constant, samples)})

    after = [part.get_weights() for part in parts]
    for moves, old, new in zip((True, True, False), before, after):
        same = [np.array_equal(*both) for both in zip(old, new)]
        assert not any(same) if moves else all(same)
    assert len(guidance.own_variables) == 6


def test_it_is_saved_with_the_regressor_that_classifiers_see(tmp_path):
    made = make()
    whole = representation.RepresentedGenerator(
        made, representation.DecodedFeatures(made.regressor)
    )
    inputs = NOISE.astype("f4"), EMBEDDINGS.astype("f4")
    for model in (made, whole):
        model.save(tmp_path / "saved.keras")
        again = keras.models.load_model(tmp_path / "saved.keras")
        np.testing.assert_array_equal(again(*inputs), model(*inputs))
        assert again.embedding_dim == toys.DA
    assert again.generator.regressor is again.representation.network
