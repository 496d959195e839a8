"""Beyond 3.4: features of a Gaussian kernel, for classes of a curved outline.

    phi(x) = s (k(x) - mean) U L^-1/2,    k_j(x) = exp(-|x - z_j|^2 / width)

The landmarks z_j are real training samples, and U L U^T are the eigenvectors
and eigenvalues of K, their own k (Nystroem; Williams and Seeger, NIPS 2000).
The mean is that of the landmarks, and s gives them the length that features
scaled by `unit` have, so that the same learning rates suit. What is linear in
phi(x) is not linear in x: the boundaries of final classifiers become curved.
Nothing is trained, and nothing is random.
"""

import numpy as np
import scipy.linalg
from keras import ops, saving

from gmn_tf.data.zero_shot_data import Samples
from gmn_tf.method.representation import Representation
from gmn_tf.utils.errors import InputError

MOST_LANDMARKS = 2000
NEARLY_EQUAL = 1e-9  # of both squared lengths: rounding, or equal rows
# Of the largest eigenvalue: smaller ones are noise of float32.
LEAST_EIGENVALUE = 1e-6
LEAST_SHARE = 0.5  # of what landmarks differ by, in what is left of it
# Of a number, in units of the width's root: sums of squares stay below the
# largest number of float32, and so far away all similarities are 0.
FARTHEST = 1e15


@saving.register_keras_serializable("gmn_tf")
class KernelFeatures(Representation):
    """phi(x) in place of a feature x.

    Args:
        feature_dim: d_x.
        landmarks: m, how many.
        dim: r, how many numbers phi(x) has.
        width: of the kernel, in units of squared distances.
    """

    def __init__(
        self, feature_dim: int, landmarks: int, dim: int, width: float, **kwargs
    ):
        super().__init__(**kwargs)
        self.sizes = {
            "feature_dim": feature_dim,
            "landmarks": landmarks,
            "dim": dim,
            "width": width,
        }
        shapes = {
            "centre": (feature_dim,),
            "landmarks": (landmarks, feature_dim),  # less the centre
            "projection": (landmarks, dim),  # s U L^-1/2
            "mean": (landmarks,),
        }
        self.centre, self.landmarks, self.projection, self.mean = (
            self.add_weight(shape, "zeros", trainable=False, name=name)
            for name, shape in shapes.items()
        )
        self.built = True

    @property
    def feature_dim(self) -> int:
        return self.sizes["feature_dim"]

    @property
    def dim(self) -> int:
        return self.sizes["dim"]

    def call(self, features):
        """Features `[n, dx]` -> `[n, r]`."""
        # Divided by the width first: squares of float32 may overflow.
        scale = self.sizes["width"] ** -0.5
        features = ops.cast(features, self.variable_dtype) - self.centre
        features, landmarks = (
            ops.clip(scale * one, -FARTHEST, FARTHEST)
            for one in (features, self.landmarks)
        )
        products = ops.matmul(features, ops.transpose(landmarks))
        lengths = ops.sum(ops.square(features), axis=1, keepdims=True)
        lengths += ops.sum(ops.square(landmarks), axis=1)
        near = ops.exp(-ops.maximum(lengths - 2.0 * products, 0.0))
        # The mean first: GPUs round what they multiply to 11 bits, by default,
        # and the differences from it are small beside it.
        return ops.matmul(near - self.mean, self.projection)

    def get_config(self):
        return {**super().get_config(), **self.sizes}


def fit(samples: Samples, width: float) -> KernelFeatures:
    """The features of the kernel whose landmarks are of these samples.

    Args:
        samples: real training samples; of more than `MOST_LANDMARKS`, as many
            are taken from each class as its share of all.
        width: of the kernel, in units of the median squared distance of two
            samples.

    Raises:
        InputError: if all samples are the same, or nearly by this width.
    """
    order = np.argsort(samples.labels, kind="stable")
    count = min(len(order), MOST_LANDMARKS)
    landmarks = samples.features[np.sort(order[_spread(len(order), count)])]
    landmarks = np.asarray(landmarks, np.float64)
    # What is far from it loses digits: one outlier must not move it.
    centre = np.median(landmarks, axis=0)
    landmarks -= centre
    lengths = np.sum(np.square(landmarks), axis=1)
    # Of many numbers, products are ten times as fast as differences.
    sums = lengths[:, np.newaxis] + lengths
    distances = sums - 2.0 * landmarks @ landmarks.T
    np.fill_diagonal(distances, 0.0)
    differing = distances[distances > NEARLY_EQUAL * sums]
    if not differing.size:
        raise InputError(
            "--representation=kernel is not possible: all training samples "
            "have the same features.",
            "two that differ",
            "one feature",
            "Use --representation=auto.",
        )
    unit = width * float(np.median(differing))
    products = np.exp(-np.maximum(distances, 0.0) / unit)
    values, vectors = scipy.linalg.eigh(products)
    kept = values > LEAST_EIGENVALUE * values[-1]
    projection = vectors[:, kept] / np.sqrt(values[kept])
    mean = products.mean(axis=0)
    found = (products - mean) @ projection  # of the landmarks
    differences = np.trace(products) - count * products.mean()
    if np.sum(np.square(found)) < LEAST_SHARE * differences:
        raise InputError(
            "The kernel is too wide: all samples are nearly the same by it.",
            "one that tells samples apart, such as 3 or 10",
            f"--kernel_width={width:g}",
            "Give a smaller --kernel_width.",
        )
    projection /= np.sqrt(np.mean(np.square(found)))
    made = KernelFeatures(landmarks.shape[1], count, found.shape[1], unit)
    made.set_weights([centre, landmarks, projection, mean])
    return made


def _spread(rows: int, count: int) -> np.ndarray:
    """`count` of so many rows, evenly."""
    return np.linspace(0, rows - 1, count).round().astype(int)
