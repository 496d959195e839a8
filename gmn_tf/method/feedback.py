"""Beyond 3.1: a generator in two passes (TF-VAEGAN, Narayan et al., ECCV 2020).

    first  = out(h(z, a))
    second = out(h(z, a) + weight F(r(first)))

h is the last hidden layer of G and out what follows it; r is the last hidden
layer of the regressor R (`regression`), and F two layers that move with G. R is
read as it is: no gradient goes through it, nor through the first pass. A
re-implementation from the description.
"""

import keras
import tensorflow as tf
from keras import ops, saving

from gmn_tf.method import layers
from gmn_tf.method.generator import Generator, WrappedGenerator
from gmn_tf.method.regression import Regressor


@saving.register_keras_serializable("gmn_tf")
class FeedbackGenerator(WrappedGenerator):
    """G with feedback, used as a `Generator` is.

    Args:
        generator: G, built.
        regressor: R, built.
        weight: of the feedback; 0 gives G.
    """

    PARTS = ("generator", "regressor")
    representation = None  # classifiers see features as they are

    def __init__(
        self,
        generator: Generator,
        regressor: Regressor,
        weight: float,
        **kwargs,
    ):
        super().__init__(autocast=False, **kwargs)  # layers inside cast
        self.generator, self.regressor = generator, regressor
        self.weight = weight
        units = generator.units[-1]
        self.feedback_layers = [
            layers.dense(
                units,
                layers.activation(generator.activation),
                dtype=generator.dtype_policy,
            )
            for _ in range(2)
        ]
        width = regressor.sizes["units"][-1]
        for layer in self.feedback_layers:
            layer.build((None, width))
            width = units
        self.built = True

    @property
    def feature_dim(self) -> int:
        """Size of a feature, d_x."""
        return self.generator.feature_dim

    @property
    def noise_layer(self) -> keras.layers.Layer:
        """That of G."""
        return self.generator.noise_layer

    def call(self, noise, embeddings):
        """As that of `Generator`."""
        return self.generate(noise, self.condition(embeddings))

    def condition(self, embeddings):
        """As that of `Generator`."""
        return self.generator.condition(embeddings)

    def generate(self, noise, condition):
        """As that of `Generator`."""
        return self.decode(self.noise_layer.draw(noise, condition))

    def decode(self, codes):
        """All after the noise, in two passes: `[..., dz]` -> `[..., dx]`."""
        hidden = self.generator.hidden(codes)
        first = self.generator.output_of(hidden)
        read = tf.stop_gradient(self.regressor.read(first)[1])
        for layer in self.feedback_layers:
            read = layer(read)
        weight = ops.cast(self.weight, hidden.dtype)
        return self.generator.output_of(
            hidden + weight * ops.cast(read, hidden.dtype)
        )

    def get_config(self):
        return {**super().get_config(), "weight": self.weight}
