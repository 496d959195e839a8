"""Table 3: matching moments of the samples of a class (Bucher et al., 2017).

    L_moments = MMD(X_r, X_s)
    MMD^2 = mean k(X_r, X_r) + mean k(X_s, X_s) - 2 mean k(X_r, X_s)
    k(x, y) = sum over v of exp(-|x - y|^2 / (2 v))

X_r and X_s are the real and the synthetic samples of one class: the generator
of moment matching networks, which need no critic. Bucher et al. (ICCV 2017
workshops, arXiv 1708.06975) train one with the embedding as its condition. The
means run over all pairs, those of a sample with itself too, so that MMD is
never negative, and 0 for equal sets. A re-implementation from the description.
"""

from collections.abc import Sequence

import numpy as np
import scipy.spatial
import tensorflow as tf

from gmn_tf.data.zero_shot_data import Samples
from gmn_tf.method.guidance import GuidanceLayer

# v of each kernel, as the authors have them for features in [0, 1]; here in
# units of the data, so that the middle of these is half of the median of
# |x - y|^2 within a class.
WIDTHS = (2.0, 5.0, 10.0, 20.0, 40.0, 80.0)
EPSILON = 1e-12  # keeps the root's gradient finite where sets are equal
PER_CLASS = 16  # samples of a class that the median is taken of


def kernel(first, second, widths: Sequence[float]):
    """k of all pairs: `[K, n, dx]` and `[K, m, dx]` -> `[K, n, m]`.

    Args:
        first: samples of K classes.
        second: others of the same classes.
        widths: v of each kernel.
    """
    products = tf.matmul(first, second, transpose_b=True)
    squares = [tf.reduce_sum(tf.square(x), axis=-1) for x in (first, second)]
    distances = squares[0][..., tf.newaxis] + squares[1][..., tf.newaxis, :]
    # Rounding may leave a negative one.
    distances = tf.nn.relu(distances - 2.0 * products)
    return tf.add_n([tf.exp(-distances / (2.0 * v)) for v in widths])


def discrepancy(real, fake, widths: Sequence[float]):
    """MMD of each class: `[K, n, dx]` and `[K, m, dx]` -> `[K]`."""
    # Of numbers far from 0, rounded squares would hide the distances.
    origin = tf.reduce_mean(real, axis=1, keepdims=True)
    real, fake = real - origin, fake - origin

    def mean(first, second):
        return tf.reduce_mean(kernel(first, second, widths), axis=(1, 2))

    square = mean(real, real) + mean(fake, fake) - 2.0 * mean(real, fake)
    return tf.sqrt(tf.nn.relu(square) + EPSILON)


def widths_for(samples: Samples) -> tuple[float, ...]:
    """`WIDTHS` in the unit of the data.

    Args:
        samples: real ones. Where no class has two different samples, the
            median is that of samples of different classes.
    """
    labels = np.asarray(samples.labels)
    chosen = [
        samples.features[np.flatnonzero(labels == label)[:PER_CLASS]]
        for label in np.unique(labels)
    ]
    for groups in (chosen, [np.concatenate(chosen)]):
        distances = np.concatenate(
            [scipy.spatial.distance.pdist(one, "sqeuclidean") for one in groups]
        )
        if distances.any():
            middle = np.exp(np.mean(np.log(WIDTHS)))
            unit = np.median(distances[distances > 0.0]) / (2.0 * middle)
            return tuple(float(unit * width) for width in WIDTHS)
    return WIDTHS


class MomentMatching(GuidanceLayer):
    """weight L_moments, averaged over the classes of a step.

    Args:
        widths: v of each kernel, as from `widths_for`.
        weight: of the loss.
    """

    def __init__(self, widths: Sequence[float], weight: float):
        super().__init__(name="moments")
        self.widths = tuple(widths)
        self.weight = weight
        self.built = True

    def loss(self, fake, synthesise, batch, targets):
        """weight L_moments on fresh samples of the step's classes."""
        classes = batch["matching"]
        fakes = synthesise(classes["noise"], classes["labels"])
        found = discrepancy(classes["features"], fakes, self.widths)
        loss = tf.reduce_sum(classes["share"] * found)
        return self.weight * loss, {"moments_loss": loss}
