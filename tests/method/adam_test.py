"""Adam on TensorFlow's kernel."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from gmn_tf.method.adam import Adam
from tests.support import reference, toys

SETTINGS = {"beta_1": 0.5, "beta_2": 0.75, "epsilon": 2.0**-20}
SHAPES = [(toys.DX, toys.DA), (3,)]


def variables(dtype):
    return [
        keras.Variable(toys.normal(*shape), dtype=dtype) for shape in SHAPES
    ]


def gradients(step, dtype):
    return [
        tf.constant(toys.normal(*shape, seed=step), dtype) for shape in SHAPES
    ]


class FixedGradients:
    """A tape that knows its gradients beforehand."""

    def __init__(self, gradients):
        self.gradients = gradients

    def gradient(self, loss, variables):
        return self.gradients


def test_adam_by_hand():
    moved, expected = variables("float64"), variables("float64")
    adam = Adam(2.0**-7, **SETTINGS)
    by_hand = reference.Adam(2.0**-7, 0.5, 0.75, 2.0**-20, expected)
    for step in range(4):
        steepness = gradients(step, "float64")
        adam.apply(steepness, moved)
        by_hand.minimise(None, FixedGradients(steepness))

        for one, other in zip(moved, expected):
            np.testing.assert_allclose(one, other, rtol=1e-12)


@pytest.mark.parametrize("beta_1", [0.0, 0.9])
def test_adam_is_that_of_keras(beta_1):
    moved, expected = variables("float32"), variables("float32")
    settings = {"beta_1": beta_1, "beta_2": 0.999, "epsilon": 1e-8}
    adam = Adam(1e-2, **settings)
    plain = keras.optimizers.Adam(1e-2, **settings)
    for step in range(4):
        adam.apply(gradients(step, "float32"), moved)
        plain.apply(gradients(step, "float32"), expected)

    assert int(adam.iterations) == 4
    for one, other, start in zip(moved, expected, variables("float32")):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
        assert np.abs(np.asarray(one) - np.asarray(start)).max() > 1e-2
