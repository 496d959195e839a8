"""A small data set drawn from a documented random process.

1. Classes come in groups of related ones, as species do. Each class has a few
   hidden factors u = g + d e, with normal g (one per group) and e (one per
   class). Its embedding is a = tanh(B u) with a random matrix B: more numbers
   than factors, so that they depend on each other, as attributes do.
2. An unknown smooth map, a random network with one hidden layer of tanh units,
   takes a to the mean of the class, m = tanh(a W1 + b1) W2.
3. A sample is x = ReLU(m + s e1 V + t e2 - c), with normal e1 and e2. The
   directions V are shared by all classes; c makes many features zero. So the
   features are sparse and not negative, as pooled activations of a
   convolutional network are.
4. The unseen classes are drawn at random, and so are the validation classes, a
   third of the seen ones. A fifth of the rows of each seen class is for
   testing.
"""

import dataclasses

import numpy as np

from gmn_tf.utils.dataset_names import SYNTHETIC
from gmn_tf_datasets.zero_shot import splits
from gmn_tf_datasets.zero_shot.source import Embedding, Source, digest_of

FEATURE_FILE = "drawn"
PROCESS_VERSION = 1  # Counts changes of the process itself.


@dataclasses.dataclass(frozen=True)
class SyntheticParameters:
    """What the process is drawn with; the letters are those above."""

    num_classes: int = 60  # seen and unseen together
    num_unseen: int = 15  # classes without training rows
    factors: int = 6  # length of u
    num_groups: int = 12  # groups of related classes
    group_spread: float = 0.4  # d
    embedding_dim: int = 32  # length of a
    hidden_units: int = 64  # units of the unknown map
    feature_dim: int = 256  # length of x
    min_samples: int = 50  # rows of the smallest class
    max_samples: int = 80  # rows of the largest class
    mean_scale: float = 1.0  # roughly, standard deviation of m over classes
    shared_directions: int = 16  # rows of V
    shared_scale: float = 1.5  # s
    noise_scale: float = 0.5  # t
    shift: float = 0.5  # c
    seed: int = 0  # of all random numbers


def digest(parameters: SyntheticParameters) -> str:
    """The digest of what `draw` returns; see `source.digest_of`."""
    return digest_of(PROCESS_VERSION, dataclasses.asdict(parameters))


def draw(parameters: SyntheticParameters) -> Source:
    """Draws the data set; equal parameters give equal data."""
    rng = np.random.default_rng(parameters.seed)
    count, factors = parameters.num_classes, parameters.factors
    centres = rng.normal(size=(parameters.num_groups, factors))
    deviations = rng.normal(size=(count, factors))
    hidden = centres[np.arange(count) % parameters.num_groups]
    hidden = hidden + parameters.group_spread * deviations
    basis = rng.normal(size=(factors, parameters.embedding_dim))
    embeddings = np.tanh(hidden @ basis / np.sqrt(factors))

    units, dim = parameters.hidden_units, parameters.feature_dim
    first = rng.normal(size=(parameters.embedding_dim, units))
    second = rng.normal(size=(units, dim))
    bias = rng.normal(size=units) / 2
    hidden = embeddings @ first / np.sqrt(parameters.embedding_dim) + bias
    means = parameters.mean_scale * np.tanh(hidden) @ second
    means /= np.sqrt(units / 4)

    fewest, most = parameters.min_samples, parameters.max_samples
    labels = np.repeat(np.arange(count), rng.integers(fewest, most + 1, count))
    directions = parameters.shared_directions
    shared = rng.normal(size=(directions, dim))
    shared *= parameters.shared_scale / np.sqrt(directions)
    noise = rng.normal(size=(len(labels), directions)) @ shared
    noise += parameters.noise_scale * rng.normal(size=(len(labels), dim))
    features = np.maximum(means[labels] + noise - parameters.shift, 0)
    return Source(
        dataset=SYNTHETIC,
        features=features.astype(np.float32),
        labels=labels,
        class_names=tuple(
            f"class_{number:03d}" for number in range(1, count + 1)
        ),
        embeddings=(Embedding("att", embeddings.astype(np.float32)),),
        rows=_draw_rows(labels, parameters, rng),
        validation_names=(),
        feature_file=FEATURE_FILE,
        files=(),
        digest=digest(parameters),
        origin=SYNTHETIC,
    )


def _draw_rows(
    labels: np.ndarray, parameters: SyntheticParameters, rng
) -> dict[str, np.ndarray]:
    classes = rng.permutation(parameters.num_classes)
    unseen, seen = np.split(classes, [parameters.num_unseen])
    is_unseen = np.isin(labels, unseen)
    is_val = np.isin(labels, seen[: max(1, len(seen) // 3)])
    # Rows of a class are drawn alike, so any fifth is a random fifth.
    is_test = ~is_unseen & (splits.numbers_within_class(labels) % 5 == 0)
    is_train = ~is_unseen & ~is_test
    masks = {
        "trainval": is_train,
        "test_seen": is_test,
        "test_unseen": is_unseen,
        "train": is_train & ~is_val,
        "val": is_train & is_val,
    }
    return {name: np.flatnonzero(mask) for name, mask in masks.items()}
