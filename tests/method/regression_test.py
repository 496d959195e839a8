"""A regressor that is trained beside the generator."""

import numpy as np
import pytest
import tensorflow as tf

from gmn_tf.method import regression
from tests.support import toys

LABELS = np.arange(9) % toys.NUM_SEEN
EMBEDDINGS = toys.normal(toys.NUM_SEEN, toys.DA)
FEATURES, FAKE = toys.normal(9, toys.DX), toys.normal(9, toys.DX, seed=1)
SAMPLES = {"generator": {"features": FEATURES, "labels": LABELS, "noise": FAKE}}


def make_regressor():
    made = regression.Regressor(toys.DX, toys.DA, (11, 8), "relu")
    return toys.randomise(made)


def by_hand(regressor, rows):
    """The reading and the last hidden layer, a row at a time."""
    *hidden, last_kernel, last_bias = regressor.get_weights()
    found = []
    for row in rows:
        for kernel, bias in zip(hidden[::2], hidden[1::2]):
            row = np.maximum(row @ kernel + bias, 0.0)
        found.append((row @ last_kernel + last_bias, row))
    return map(np.array, zip(*found))


def slow_error(regressor, rows, distance):
    reading, _ = by_hand(regressor, rows)
    difference = reading - EMBEDDINGS[LABELS]
    each = np.abs(difference) if distance == "absolute" else difference**2 / 2
    return each.sum(axis=1).mean()


@pytest.mark.usefixtures("float64")
def test_it_reads_an_embedding_and_shows_its_hidden_layer():
    regressor = make_regressor()

    for found, expected in zip(
        regressor.read(FEATURES), by_hand(regressor, FEATURES)
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-9)
    np.testing.assert_array_equal(
        regressor(FEATURES), regressor.read(FEATURES)[0]
    )


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("distance", ["squared", "absolute"])
@pytest.mark.parametrize("fake_weight", [0.0, 0.25])
def test_losses(distance, fake_weight):
    regressor = make_regressor()
    layer = regression.Regression(
        regressor, EMBEDDINGS, distance, 3.0, fake_weight
    )

    loss, parts = layer.loss(FAKE, None, SAMPLES, None)
    own = layer.own_loss(SAMPLES, lambda noise, labels: noise)

    of_fake = slow_error(regressor, FAKE, distance)
    of_real = slow_error(regressor, FEATURES, distance)
    assert float(parts["regression_loss"]) == pytest.approx(of_fake, rel=1e-9)
    assert float(loss) == pytest.approx(3.0 * of_fake, rel=1e-9)
    assert float(own) == pytest.approx(of_real + fake_weight * of_fake)
    assert not layer.joint_variables
    assert len(layer.own_variables) == len(regressor.trainable_variables)


def test_it_learns_to_read():
    regressor = regression.Regressor(toys.DX, toys.DA, (16,), "leaky_relu")
    layer = regression.Regression(
        regressor, EMBEDDINGS.astype("f4"), "squared", 1.0
    )
    samples = tf.nest.map_structure(tf.constant, SAMPLES)
    first = float(layer.own_loss(samples, None))
    for _ in range(60):
        with tf.GradientTape() as tape:
            loss = layer.own_loss(samples, None)
        variables = layer.own_variables
        for variable, gradient in zip(
            variables, tape.gradient(loss, variables)
        ):
            variable.assign_sub(0.05 * gradient)
    assert float(loss) < 0.3 * first
