"""Initial values and activations."""

import math

import numpy as np
import pytest
import tensorflow as tf

from gmn_tf.method import layers


def test_initial_values_are_xavier_normal_with_gain_sqrt_2():
    layer = layers.dense(300)
    layer.build((None, 200))

    expected = math.sqrt(2.0) * math.sqrt(2.0 / 500)
    assert layers.initial_stddev(200, 300) == pytest.approx(expected)
    assert np.std(layer.kernel) == pytest.approx(expected, rel=0.02)
    assert np.max(np.abs(layer.kernel)) > 3.0 * expected  # not truncated
    assert np.abs(layer.bias).max() == 0.0


@pytest.mark.parametrize(("name", "slope"), [("leaky_relu", 0.2), ("relu", 0)])
def test_activation(name, slope):
    activation = layers.activation(name)

    np.testing.assert_allclose(
        activation(np.float32([-5.0, 0.0, 3.0])), [-5.0 * slope, 0.0, 3.0]
    )


@pytest.mark.parametrize("name", ["leaky_relu", "relu"])
def test_twice_differentiable(name):
    inputs = tf.constant([-5.0, -1.0, 3.0])
    with tf.GradientTape() as outer:
        outer.watch(inputs)
        with tf.GradientTape() as inner:
            inner.watch(inputs)
            outputs = layers.twice_differentiable(name)(inputs)
        gradient = inner.gradient(outputs, inputs)

    np.testing.assert_array_equal(outputs, layers.activation(name)(inputs))
    slope = layers.SLOPES[name]
    np.testing.assert_array_equal(gradient, np.float32([slope, slope, 1.0]))
    # Not zeros, which would have to be carried on.
    assert outer.gradient(gradient, inputs) is None
