"""Sections 3.1 and 3.2: initial values and activations of G and D."""

import functools
import math
from collections.abc import Sequence

import keras
import tensorflow as tf

SLOPES = {"leaky_relu": 0.2, "relu": 0.0}  # for inputs below zero


def initial_stddev(fan_in: int, fan_out: int) -> float:
    """Xavier-normal with gain sqrt 2, as in the authors' release."""
    return math.sqrt(2.0) * math.sqrt(2.0 / (fan_in + fan_out))


def dense(units: int, activation=None, **kwargs) -> keras.layers.Dense:
    """A dense layer with the release's initial values; biases are zero."""
    return keras.layers.Dense(
        units,
        activation=activation,
        kernel_initializer=keras.initializers.VarianceScaling(
            scale=2.0, mode="fan_avg", distribution="untruncated_normal"
        ),
        **kwargs,
    )


def hidden(units: Sequence[int], activation_name: str, dtype) -> list:
    """Hidden dense layers of these sizes, with the same activation.

    Args:
        units: sizes of the layers.
        activation_name: of `activation`.
        dtype: a Keras policy.
    """
    return [
        dense(size, activation(activation_name), dtype=dtype) for size in units
    ]


def build_inside(model: keras.Model, *shapes) -> None:
    """Builds a model's layers, each for the shape that reaches it."""
    model.compute_output_spec(*map(keras.KerasTensor, shapes))
    model.built = True


def activation(name: str):
    """The hidden activation: `relu`, or `leaky_relu` with slope 0.2."""
    return functools.partial(
        keras.activations.leaky_relu, negative_slope=SLOPES[name]
    )


def twice_differentiable(name: str):
    """The same activation, for networks that are differentiated twice.

    Its slope is constant on either side of zero. TensorFlow's own activations
    do not use that, and would propagate zeros back through all earlier layers.
    """

    def activate(inputs):
        one, slope = (tf.cast(s, inputs.dtype) for s in (1.0, SLOPES[name]))
        slopes = tf.where(inputs > 0.0, one, slope)
        return inputs * tf.stop_gradient(slopes)

    return activate
