"""Small networks and inputs in which a transposed matrix cannot pass."""

import numpy as np
import tensorflow as tf

from gmn_tf.data import embeddings
from gmn_tf.data.zero_shot_data import Samples, ZeroShotData
from gmn_tf.method import compatibility
from gmn_tf.method.critic import Critic
from gmn_tf.method.generator import ConcatenatedNoise, Generator, LatentNoise

DX, DA, DZ = 7, 5, 3
NUM_SEEN, NUM_UNSEEN, NUM_CLASSES = 4, 2, 6
BATCH = 9


def normal(*shape, seed: int = 0) -> np.ndarray:
    """Standard normal numbers, other ones for another shape or seed."""
    return np.random.default_rng([seed, *shape]).normal(size=shape)


def uniform(*shape, seed: int = 0) -> np.ndarray:
    """Numbers between 0 and 1."""
    return np.random.default_rng([seed, *shape]).random(shape)


def randomise(model, seed: int = 0):
    """Gives every weight, the zero biases too, normal values."""
    model.set_weights(
        [
            0.5 * normal(*weight.shape, seed=seed + place)
            for place, weight in enumerate(model.get_weights())
        ]
    )
    return model


def generator(
    noise: str = "latent",
    mean: str = "linear",
    covariance: str = "learned",
    units: tuple[int, ...] = (11,),
    activation: str = "leaky_relu",
    output: str = "relu",
) -> Generator:
    """A generator with random weights."""
    layer = (
        LatentNoise(DZ, mean, covariance)
        if noise == "latent"
        else ConcatenatedNoise(DZ)
    )
    model = Generator(layer, DX, units, activation, output)
    model.build((None, DZ), (None, DA))
    return randomise(model)


def critic(
    units: tuple[int, ...] = (11,),
    activation: str = "leaky_relu",
    conditional: bool = True,
    feature_dim: int = DX,
) -> Critic:
    """A critic with random weights."""
    model = Critic(units, activation, conditional)
    model.build((None, feature_dim), (None, DA))
    return randomise(model)


def copy(model):
    """The same network with variables of its own."""
    twin = type(model).from_config(model.get_config())
    first = DZ if isinstance(model, Generator) else DX
    twin.build((None, first), (None, DA))
    twin.set_weights(model.get_weights())
    return twin


def scaled_embeddings(raw, norm: str, class_names) -> np.ndarray:
    """`[C, da]` from the raw matrices of parts, by name."""
    parts = [{"name": n, "dim": len(v[0])} for n, v in raw.items()]
    raw = [np.asarray(values, np.float64) for values in raw.values()]
    scalings = embeddings.scalings(parts, raw, norm, range(len(class_names)))
    return embeddings.scaled(raw, scalings, class_names)


def samples(counts, feature_dim: int = DX, seed: int = 0) -> Samples:
    """`counts[c]` samples of each class, in mixed order.

    Feature 0 is the number of the row, feature 1 its label.
    """
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat(np.arange(len(counts)), counts))
    features = rng.normal(size=(len(labels), feature_dim))
    features[:, 0] = np.arange(len(labels))
    features[:, 1] = labels
    return Samples(features.astype(np.float32), labels.astype(np.int32))


def as_float64(batch):
    """A batch with its floating point numbers in double precision."""
    return tf.nest.map_structure(
        lambda t: tf.cast(t, tf.float64) if t.dtype.is_floating else t, batch
    )


def full_theta(rows, seed, dtype="float32"):
    """theta as gradient matching draws it, out of the span of embeddings."""
    basis = compatibility.span_basis(np.asarray(rows))
    theta = compatibility.initial_theta(DX, basis.shape[1], seed, dtype)
    return compatibility.times(theta, basis)


def zero_shot_data() -> ZeroShotData:
    """A data set in memory: four seen classes, two unseen ones."""
    test = samples([2, 1, 3, 1], seed=1)
    unseen = samples([0, 0, 0, 0, 3, 2], seed=2)
    return ZeroShotData(
        class_names=tuple("abcdef"),
        num_seen=NUM_SEEN,
        embeddings=normal(NUM_CLASSES, DA).astype(np.float32),
        validation_classes=np.array([3]),
        train=samples([3, 1, 6, 4]),
        seen=test,
        unseen=unseen,
        metadata={},
    )
