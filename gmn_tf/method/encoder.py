"""Beyond 3.1: an encoder q(z | x) or q(z | x, a), and the codes it gives.

A code z is drawn by reparameterisation from the normal distribution that the
encoder reads from a feature: z = mean + exp(log variance / 2) eps.
"""

import keras
import tensorflow as tf
from keras import ops

from gmn_tf.method import layers


@keras.saving.register_keras_serializable("gmn_tf")
class Encoder(keras.Model):
    """q: an MLP from a feature, with or without its class, to a distribution.

    Args:
        feature_dim: d_x.
        embedding_dim: d_a if the encoder sees embeddings beside features, 0 if
            it does not.
        code_dim: size of a code, d_z.
        units: sizes of the hidden layers.
        activation: hidden activation, `leaky_relu` (slope 0.2) or `relu`.
    """

    def __init__(
        self,
        feature_dim: int,
        embedding_dim: int,
        code_dim: int,
        units: tuple[int, ...],
        activation: str,
        **kwargs,
    ):
        super().__init__(autocast=False, **kwargs)  # layers inside cast
        self.sizes = {
            "feature_dim": feature_dim,
            "embedding_dim": embedding_dim,
            "code_dim": code_dim,
            "units": tuple(units),
            "activation": activation,
        }
        self.hidden_layers = layers.hidden(units, activation, self.dtype_policy)
        self.mean_layer, self.log_variance_layer = (
            layers.dense(code_dim, name=name, dtype=self.dtype_policy)
            for name in ("mean", "log_variance")
        )
        layers.build_inside(self, (None, feature_dim), (None, embedding_dim))

    def call(self, features, embeddings=None):
        """Mean and log variance of the codes of features.

        Args:
            features: `[n, dx]`.
            embeddings: `[n, da]` of their classes, which an encoder with the
                `embedding_dim` 0 does not look at.

        Returns:
            Two of `[n, dz]`.
        """
        hidden = features
        if self.sizes["embedding_dim"]:
            hidden = ops.concatenate([features, embeddings], axis=-1)
        for layer in self.hidden_layers:
            hidden = layer(hidden)
        return tuple(
            ops.cast(layer(hidden), self.variable_dtype)
            for layer in (self.mean_layer, self.log_variance_layer)
        )

    def get_config(self):
        return {**super().get_config(), **self.sizes}


def code(mean, log_variance, noise):
    """z `[..., dz]` of a normal distribution, from standard noise."""
    return mean + tf.exp(0.5 * log_variance) * tf.cast(noise, mean.dtype)


def kl_divergence(mean, log_variance):
    """KL(q || N(0, I)): `[n, dz]` -> `[n]`."""
    terms = tf.square(mean) + tf.exp(log_variance) - 1.0 - log_variance
    return 0.5 * tf.reduce_sum(terms, axis=-1)


def negative_log_density(codes, mean, log_variance):
    """-log q(z), less its constant: `[n, dz]` -> `[n]`."""
    squares = tf.square(codes - mean) * tf.exp(-log_variance)
    return 0.5 * tf.reduce_sum(squares + log_variance, axis=-1)
