"""Beyond 3.4: what the final classifiers see in place of features.

A representation maps features to what final classifiers are trained on, and
says what they see of a synthetic sample. Most are networks trained with the
generator, and saved inside it; `kernel_features` needs none. All are saved
inside each classifier, which takes features as all others do.
"""

import math

import keras
import numpy as np
import tensorflow as tf
from keras import ops, saving

from gmn_tf.data import on_disk, row_blocks
from gmn_tf.data.zero_shot_data import Samples
from gmn_tf.method import saved
from gmn_tf.method.encoder import code
from gmn_tf.method.generator import Generator, WrappedGenerator
from gmn_tf.method.random_numbers import standard_normal


class Representation(keras.Model):
    """A map of features; a subclass defines `call` and both sizes.

    Attributes:
        feature_dim: d_x.
        dim: size of what classifiers see.
    """

    def __init__(self, **kwargs):
        super().__init__(autocast=False, **kwargs)

    @property
    def feature_dim(self) -> int:
        """d_x."""
        raise NotImplementedError

    @property
    def dim(self) -> int:
        """Size of what classifiers see."""
        raise NotImplementedError

    def of_synthetic(self, generator: Generator, noise, embeddings):
        """What classifiers see of synthetic samples, `[n, dim]`."""
        return self(generator(noise, embeddings))

    def of_training(self, features, seed: int, memory: float = math.inf):
        """What classifiers learn from: features `[n, dx]` -> `[n, dim]`.

        Args:
            features: an array or an `on_disk.OnDisk`, as is the result.
            seed: of what is random.
            memory: bytes that the result may take; if it needs more, it is
                computed when it is read.
        """
        size = len(features) * self.dim * on_disk.OnDisk.dtype.itemsize
        if isinstance(features, on_disk.OnDisk) or size > memory:
            return on_disk.Mapped(features, self, self.dim)
        return row_blocks.in_blocks(self, features)

    def in_full_precision(self) -> "Representation":
        """The same without bfloat16, which not all runtimes have."""
        return self


class TrainedRepresentation(Representation):
    """A representation by a network.

    Args:
        network: trained with the generator, built.
    """

    def __init__(self, network: keras.Model, **kwargs):
        super().__init__(**kwargs)
        self.network = network
        self.built = True

    @property
    def feature_dim(self) -> int:
        return self.network.sizes["feature_dim"]

    def in_full_precision(self):
        network = self.network
        if network.compute_dtype == network.variable_dtype:
            return self
        config = {**network.get_config(), "dtype": network.variable_dtype}
        full = type(network).from_config(config)
        full.set_weights(network.get_weights())
        return type(self)(full)

    def get_config(self):
        network = saving.serialize_keras_object(self.network)
        return {**super().get_config(), "network": network}

    @classmethod
    def from_config(cls, config):
        with saved.reporting_other_versions("representation"):
            network = saving.deserialize_keras_object(config["network"])
            return cls(**{**config, "network": network})


@saving.register_keras_serializable("gmn_tf")
class DecodedFeatures(TrainedRepresentation):
    """[x, R(x), h]: a feature beside its reading (TF-VAEGAN).

    The network is a `regression.Regressor`, h its last hidden layer.
    """

    @property
    def dim(self) -> int:
        sizes = self.network.sizes
        return self.feature_dim + sizes["embedding_dim"] + sizes["units"][-1]

    def call(self, features):
        """Features `[n, dx]` -> `[n, dx + da + h]`."""
        features = ops.cast(features, self.variable_dtype)
        return ops.concatenate([features, *self.network.read(features)], -1)


@saving.register_keras_serializable("gmn_tf")
class Codes(TrainedRepresentation):
    """The mean of q(z | x), the code of a feature (CADA-VAE).

    The network is an `encoder.Encoder`. Of a synthetic sample classifiers see
    the code that it is decoded from. They learn from codes of real samples
    drawn from q, one for each.
    """

    @property
    def dim(self) -> int:
        return self.network.sizes["code_dim"]

    def call(self, features):
        """Features `[n, dx]` -> codes `[n, dz]`."""
        return self.network(ops.cast(features, self.variable_dtype))[0]

    def of_synthetic(self, generator, noise, embeddings):
        condition = generator.condition(embeddings)
        return generator.noise_layer.draw(noise, condition)

    def of_training(self, features, seed, memory=math.inf):
        codes = []
        for block in row_blocks.blocks(len(features)):
            mean, log_variance = self.network(tf.constant(features[block]))
            noise = standard_normal(
                mean.shape, tf.random.fold_in([seed, 3], block.start)
            )
            codes.append(code(mean, log_variance, noise).numpy())
        return np.concatenate(codes)


@saving.register_keras_serializable("gmn_tf")
class RepresentedGenerator(WrappedGenerator):
    """A generator of what the final classifiers see.

    Args:
        generator: G, built.
        representation: how classifiers see features.
    """

    PARTS = ("generator", "representation")

    def __init__(
        self, generator: Generator, representation: Representation, **kwargs
    ):
        super().__init__(autocast=False, **kwargs)
        self.generator, self.representation = generator, representation
        self.built = True

    @property
    def feature_dim(self) -> int:
        """Size of what classifiers see."""
        return self.representation.dim

    def call(self, noise, embeddings):
        """Noise `[n, dz]` and embeddings `[..., da]` -> `[n, dim]`."""
        return self.representation.of_synthetic(
            self.generator, noise, embeddings
        )

    def get_config(self):
        read = getattr(self.generator, "regressor", None)
        own = getattr(self.representation, "network", None)
        # The generator may read it, too; Keras saves its weights once.
        same = read is not None and read is own
        return {**super().get_config(), "reads_network": same}

    @classmethod
    def from_config(cls, config):
        with saved.reporting_other_versions("generator"):
            config = cls.with_parts(config)
            if config.pop("reads_network", False):
                own = config["representation"]
                network = {"network": config["generator"].regressor}
                one = type(own)(**{**own.get_config(), **network})
                config["representation"] = one
            return cls(**config)


def represented(
    samples: Samples,
    seen_as: Representation | None,
    seed: int,
    memory: float = math.inf,
) -> Samples:
    """Real samples as the classifiers learn from them.

    Args:
        samples: with features `[n, dx]`.
        seen_as: None for features as they are.
        seed: of what is random.
        memory: see `Representation.of_training`.
    """
    if seen_as is None:
        return samples
    features = seen_as.of_training(samples.features, seed, memory)
    return Samples(features, samples.labels)
