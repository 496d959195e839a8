"""Table 3 and beyond: a regressor x -> a that is trained beside the generator.

    G:  weight E d(R(G(z, a)), a)
    R:  E d(R(x), a) + fake_weight E d(R(G(z, a)), a)

Unlike that of L_cycle, R is a network with hidden layers, and learns in a step
of its own after each of the generator. In SE-GZSL (Verma et al., CVPR 2018) d
is the squared distance and R learns from synthetic samples too; in TF-VAEGAN
(Narayan et al., ECCV 2020) R is the decoder, d the absolute distance, and the
final classifiers see its hidden layer. Re-implementations from the
descriptions.
"""

import keras
import tensorflow as tf
from keras import ops

from gmn_tf.method import layers
from gmn_tf.method.autoencoding import absolute_error, squared_error
from gmn_tf.method.guidance import GuidanceLayer

DISTANCES = {"squared": squared_error, "absolute": absolute_error}


@keras.saving.register_keras_serializable("gmn_tf")
class Regressor(keras.Model):
    """R: an MLP from a feature (or a code) to an embedding.

    Args:
        feature_dim: size of what is read.
        embedding_dim: d_a.
        units: sizes of the hidden layers, one at least.
        activation: hidden activation, `leaky_relu` (slope 0.2) or `relu`.
    """

    def __init__(
        self,
        feature_dim: int,
        embedding_dim: int,
        units: tuple[int, ...],
        activation: str,
        **kwargs,
    ):
        super().__init__(autocast=False, **kwargs)  # layers inside cast
        self.sizes = {
            "feature_dim": feature_dim,
            "embedding_dim": embedding_dim,
            "units": tuple(units),
            "activation": activation,
        }
        self.hidden_layers = layers.hidden(units, activation, self.dtype_policy)
        self.output_layer = layers.dense(embedding_dim, dtype=self.dtype_policy)
        layers.build_inside(self, (None, feature_dim))

    def read(self, features):
        """The embedding `[n, da]` and the last hidden layer `[n, h]`."""
        hidden = features
        for layer in self.hidden_layers:
            hidden = layer(hidden)
        return tuple(
            ops.cast(part, self.variable_dtype)
            for part in (self.output_layer(hidden), hidden)
        )

    def call(self, features):
        """Features `[n, dx]` -> embeddings `[n, da]`."""
        return self.read(features)[0]

    def get_config(self):
        return {**super().get_config(), **self.sizes}


class Regression(GuidanceLayer):
    """weight E d(R(fake), a), and R's own training.

    Args:
        regressor: R.
        embeddings: `[C, da]`.
        distance: d, a key of `DISTANCES`.
        weight: in the generator's loss.
        fake_weight: of the synthetic samples in R's own loss.
        representation: see `GuidanceLayer`.
    """

    own_optimizer = "network_optimizer"

    def __init__(
        self,
        regressor: Regressor,
        embeddings,
        distance: str,
        weight: float,
        fake_weight: float = 0.0,
        representation=None,
    ):
        super().__init__(name="regression")
        self.regressor = regressor
        self.embeddings = tf.convert_to_tensor(embeddings)
        self.distance = DISTANCES[distance]
        self.weight, self.fake_weight = weight, fake_weight
        self.representation = representation
        self.built = True

    def loss(self, fake, synthesise, batch, targets):
        """weight E d(R(fake), a) on the samples the critic sees."""
        loss = self._error(fake, batch)
        return self.weight * loss, {"regression_loss": loss}

    def own_loss(self, batch, synthesise):
        """What R learns from: real samples, and weighted synthetic ones."""
        samples = batch["generator"]
        loss = self._error(samples["features"], batch)
        if self.fake_weight:
            fake = synthesise(samples["noise"], samples["labels"])
            loss += self.fake_weight * self._error(fake, batch)
        return loss

    def _error(self, features, batch):
        embeddings = tf.gather(self.embeddings, batch["generator"]["labels"])
        return tf.reduce_mean(
            self.distance(embeddings, self.regressor(features))
        )
