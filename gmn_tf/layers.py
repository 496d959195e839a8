"""What the layers of generator and critic share: their initial values."""

import math

import keras


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


def activation(name: str):
    """The hidden activation: `relu`, or `leaky_relu` with slope 0.2."""
    if name == "leaky_relu":
        return leaky_relu
    return keras.activations.get(name)


@keras.saving.register_keras_serializable("gmn_tf")
def leaky_relu(inputs):
    """LeakyReLU with slope 0.2."""
    return keras.activations.leaky_relu(inputs, negative_slope=0.2)
