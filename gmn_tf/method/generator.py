"""Section 3.1: the generator G and its noise z ~ N(mu(a), Sigma(a))."""

import keras
from keras import ops, saving

from gmn_tf.method import layers, saved


class Noise(keras.layers.Layer):
    """What G is fed: `condition` is computed once for each class, then drawn.

    Args:
        dim: size of the noise, d_z.
    """

    def __init__(self, dim: int, **kwargs):
        super().__init__(autocast=False, **kwargs)  # layers inside cast
        self.dim = dim

    def call(self, noise, embeddings):
        """As `draw`, with embeddings `[..., da]`."""
        return self.draw(noise, self.condition(embeddings))


@saving.register_keras_serializable("gmn_tf")
class LatentNoise(Noise):
    """z = mu(a) + sqrt(Sigma(a)) eps, drawn by reparameterisation.

    Args:
        dim: size of the noise, d_z.
        mean: `linear` for mu = W_mu a + b_mu, `tanh` for the tanh of it.
        covariance: `learned` for Sigma = diag exp(W_cov a + b_cov), or
            `identity`.
        units: sizes of hidden layers between a and both of these.
        activation: of these layers, `leaky_relu` (slope 0.2) or `relu`.
    """

    def __init__(
        self,
        dim: int,
        mean: str,
        covariance: str,
        units: tuple[int, ...] = (),
        activation: str = "leaky_relu",
        **kwargs,
    ):
        super().__init__(dim, **kwargs)
        self.hidden_layers = layers.hidden(units, activation, self.dtype_policy)
        self.mean_layer = layers.dense(
            dim, mean, name="mean", dtype=self.dtype_policy
        )
        self.log_variance_layer = (
            layers.dense(dim, name="log_variance", dtype=self.dtype_policy)
            if covariance == "learned"
            else None
        )

    def condition(self, embeddings):
        """mu(a) and sqrt(Sigma(a)): `[..., da]` -> two of `[..., dz]`.

        With the identity for Sigma, mu(a) alone.
        """
        hidden = embeddings
        for layer in self.hidden_layers:
            hidden = layer(hidden)
        mean = ops.cast(self.mean_layer(hidden), self.variable_dtype)
        if self.log_variance_layer is None:
            return (mean,)
        log_variance = ops.cast(
            self.log_variance_layer(hidden), self.variable_dtype
        )
        return mean, ops.exp(0.5 * log_variance)

    def draw(self, noise, condition):
        """z `[..., dz]` from standard noise `[..., dz]`; axes broadcast."""
        noise = ops.cast(noise, self.variable_dtype)
        mean, *stddev = condition
        return mean + (stddev[0] * noise if stddev else noise)


@saving.register_keras_serializable("gmn_tf")
class ConcatenatedNoise(Noise):
    """[z, a] with z ~ N(0, I): the embedding beside plain noise."""

    def condition(self, embeddings):
        """The embeddings `[..., da]` themselves."""
        return (embeddings,)

    def draw(self, noise, condition):
        """`[..., dz]` and `[..., da]` -> `[..., dz + da]`; axes broadcast."""
        (embeddings,) = condition
        shape = (*ops.shape(noise)[:-1], embeddings.shape[-1])
        return ops.concatenate(
            [noise, ops.broadcast_to(embeddings, shape)], axis=-1
        )


@saving.register_keras_serializable("gmn_tf")
class Generator(keras.Model):
    """G: an MLP from noise and class embedding to a synthetic feature.

    Args:
        noise_layer: `LatentNoise` or `ConcatenatedNoise`.
        feature_dim: size of a feature, d_x.
        units: sizes of the hidden layers.
        activation: hidden activation, `leaky_relu` (slope 0.2) or `relu`.
        output_activation: `relu` for pooled features >= 0, `sigmoid` for those
            between 0 and 1, else `linear`.
    """

    representation = None  # classifiers see features as they are

    def __init__(
        self,
        noise_layer: keras.layers.Layer,
        feature_dim: int,
        units: tuple[int, ...],
        activation: str,
        output_activation: str,
        **kwargs,
    ):
        super().__init__(autocast=False, **kwargs)  # layers inside cast
        self.noise_layer = noise_layer
        self.feature_dim = feature_dim
        self.units = tuple(units)
        self.activation = activation
        self.output_activation = output_activation
        self.hidden_layers = layers.hidden(
            self.units, activation, self.dtype_policy
        )
        self.output_layer = layers.dense(
            feature_dim, output_activation, dtype=self.dtype_policy
        )

    @property
    def noise_dim(self) -> int:
        """Size of the noise, d_z."""
        return self.noise_layer.dim

    def build(self, noise_shape, embeddings_shape):
        self.embedding_dim = embeddings_shape[-1]
        layers.build_inside(self, noise_shape, embeddings_shape)

    def call(self, noise, embeddings):
        """Synthesises features.

        Args:
            noise: `[..., dz]` standard normal numbers, eps.
            embeddings: `[..., da]` class embeddings; leading axes broadcast.

        Returns:
            `[..., dx]` synthetic features.
        """
        return self.generate(noise, self.condition(embeddings))

    def condition(self, embeddings):
        """All that is computed from classes alone: `[..., da]` -> tuple."""
        return self.noise_layer.condition(embeddings)

    def generate(self, noise, condition):
        """As `call`, with what `condition` gave; leading axes broadcast."""
        return self.decode(self.noise_layer.draw(noise, condition))

    def decode(self, codes):
        """All after the noise: `[..., dz]` (or dz + da) -> `[..., dx]`."""
        return self.output_of(self.hidden(codes))

    def hidden(self, codes):
        """The last hidden layer, `[..., h]`."""
        for layer in self.hidden_layers:
            codes = layer(codes)
        return codes

    def output_of(self, hidden):
        """What follows it: `[..., h]` -> `[..., dx]`."""
        return ops.cast(self.output_layer(hidden), self.variable_dtype)

    def get_config(self):
        return {
            **super().get_config(),
            "noise_layer": saving.serialize_keras_object(self.noise_layer),
            "feature_dim": self.feature_dim,
            "units": self.units,
            "activation": self.activation,
            "output_activation": self.output_activation,
        }

    @classmethod
    def from_config(cls, config):
        make = saving.deserialize_keras_object
        with saved.reporting_other_versions("generator"):
            noise_layer = make(config["noise_layer"])
            return cls(**{**config, "noise_layer": noise_layer})

    def build_from_config(self, config):
        with saved.reporting_other_versions("generator"):
            self.build(**config["shapes_dict"])


class WrappedGenerator(keras.Model):
    """A generator around another one, whose noise and embeddings it takes.

    A subclass has it as `generator`, and names in `PARTS` the arguments of its
    constructor that are networks: they are saved with it.
    """

    PARTS = ("generator",)

    @property
    def noise_dim(self) -> int:
        """Size of the noise, d_z."""
        return self.generator.noise_dim

    @property
    def embedding_dim(self) -> int:
        """d_a."""
        return self.generator.embedding_dim

    def get_config(self):
        parts = {
            name: saving.serialize_keras_object(getattr(self, name))
            for name in self.PARTS
        }
        return {**super().get_config(), **parts}

    @classmethod
    def from_config(cls, config):
        with saved.reporting_other_versions("generator"):
            return cls(**cls.with_parts(config))

    @classmethod
    def with_parts(cls, config) -> dict:
        """A configuration in which the parts are networks again."""
        make = saving.deserialize_keras_object
        return {**config, **{name: make(config[name]) for name in cls.PARTS}}
