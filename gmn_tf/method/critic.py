"""Section 3.2: the critic, D(x) or D(x, a) on the concatenation."""

import functools

import keras

from gmn_tf.method import layers


@keras.saving.register_keras_serializable("gmn_tf")
class Critic(keras.Model):
    """D: an MLP from a feature, with or without its class, to a score.

    The first layer is kept in two parts, one for features and one for
    embeddings. Their sum is the first layer on the concatenation [x, a]; apart,
    the embedding's share is computed once for all samples of a class.

    Args:
        units: sizes of the hidden layers.
        activation: hidden activation, `leaky_relu` (slope 0.2) or `relu`.
        conditional: whether the critic sees embeddings: D(x, a).
    """

    def __init__(
        self,
        units: tuple[int, ...],
        activation: str,
        conditional: bool,
        **kwargs,
    ):
        super().__init__(autocast=False, **kwargs)  # layers inside cast
        self.units = tuple(units)
        self.activation = activation
        self.conditional = conditional
        self.activate = layers.twice_differentiable(activation)
        first_layer = functools.partial(
            keras.layers.Dense, self.units[0], dtype=self.dtype_policy
        )
        self.feature_layer = first_layer(name="features")
        self.embedding_layer = None
        if conditional:
            self.embedding_layer = first_layer(
                use_bias=False, name="embeddings"
            )
        self.hidden_layers = [
            layers.dense(size, self.activate, dtype=self.dtype_policy)
            for size in self.units[1:]
        ]
        self.output_layer = layers.dense(1, dtype=self.dtype_policy)

    def build(self, features_shape, embeddings_shape):
        fan_in = features_shape[-1] + self.conditional * embeddings_shape[-1]
        initializer = keras.initializers.RandomNormal(
            stddev=layers.initial_stddev(fan_in, self.units[0])
        )
        # Cloned, because an unseeded initializer warns when it is used twice.
        self.feature_layer.kernel_initializer = initializer.clone()
        if self.conditional:
            self.embedding_layer.kernel_initializer = initializer.clone()
        layers.build_inside(self, features_shape, embeddings_shape)

    def condition(self, embeddings):
        """The embeddings' share of the first layer: `[..., da]` -> `[..., h]`.

        Zeros `[..., 1]` for an unconditional critic.
        """
        if self.conditional:
            return self.embedding_layer(embeddings)
        return keras.ops.zeros_like(
            embeddings[..., :1], dtype=self.compute_dtype
        )

    def project(self, features, condition):
        """The linear first layer: `[..., dx]` -> `[..., h]`."""
        return self.feature_layer(features) + condition

    def score(self, projection):
        """All after the first layer: `[..., h]` -> scores `[...]`."""
        hidden = self.activate(projection)
        for layer in self.hidden_layers:
            hidden = layer(hidden)
        scores = keras.ops.squeeze(self.output_layer(hidden), axis=-1)
        return keras.ops.cast(scores, self.variable_dtype)

    def call(self, features, embeddings):
        """Scores samples.

        Args:
            features: `[..., dx]` real or synthetic features.
            embeddings: `[..., da]` embeddings of their classes; ignored by an
                unconditional critic. Leading axes broadcast.

        Returns:
            `[...]` scores, high for real.
        """
        return self.score(self.project(features, self.condition(embeddings)))

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "activation": self.activation,
            "conditional": self.conditional,
        }
