"""Beyond 3.4: linear discriminant analysis, means predicted from descriptions.

    score of class k: m_k^T V^-1 x - m_k^T V^-1 m_k / 2

but for what is the same for all classes of a row. Samples of a class are taken
to be normally distributed around its mean m_k, with one covariance for all
classes. The mean of a class without samples is predicted from its embedding by
kernel ridge regression, learned from the means of the other classes. Where an
embedding has as many dimensions as features, it may come from the same network,
and be near the mean itself; then the regression learns the difference. Its
kernel and ridge, and whether it does that, are those with the smallest error on
classes left out one by one. With the covariance W of samples within a class,
and the covariance E of those errors,

    V = W + error_weight E + shrinkage tr(W) / dx I,

so that what cannot be predicted counts less. E is known by as few errors as
there are classes: with bad predictions in many dimensions, less of it is
better. W is to be that of classes without samples, so that a few classes of
very many samples do not make it alone: each sample of a class counts less, once
there are more than 50. A class of few samples has a mean between theirs and the
predicted one, and the regression follows it less.
Everything is in closed form: nothing is random, and it takes seconds. Where
samples and classes together are fewer than dimensions, V is never written out,
as large as it would be: V^-1 follows from the products of samples (Woodbury).
"""

import functools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import keras
import numpy as np
import scipy.linalg
import scipy.spatial
import tensorflow as tf

from gmn_tf.data import row_blocks
from gmn_tf.data.zero_shot_data import Samples
from gmn_tf.method.classifiers import base
from gmn_tf.utils.dimensions import statistics
from gmn_tf.utils.errors import InputError, first_line

LINEAR = 0.0  # this width stands for the linear kernel
# Widths of exp(-width |a - b|^2), in units of 1 / the median of |a - b|^2.
WIDTHS = (LINEAR, 0.1, 0.3, 1.0, 3.0)
RIDGES = np.logspace(-3.0, 2.0, 11)  # in units of the kernel of equal classes
CONSTANT = 1e4  # beside the kernel, in the same units
MOST_CLASSES = 2000  # spread evenly, that the regression learns from
# Dimensions of slopes, at least and at most: few are alike by chance, and the
# columns of many are a matrix of dx x dx.
SLOPES = 16, 4096
MOST_SAMPLES = 50  # as which a class counts in W, however many it has
LEAST_TRUST = 0.1  # of the error of predicted means: noise may hide it all


class Settings(NamedTuple):
    """Settings of a discriminant classifier; see `gmn_tf.Config`."""

    shrinkage: float
    error_weight: float = 1.0

    @property
    def epochs(self) -> int:
        """It is fitted at once."""
        return 1


def class_means(samples: Samples, num_classes: int) -> np.ndarray:
    """The mean of each class, `[C, dx]`; zeros for one without a sample."""
    order = np.argsort(samples.labels, kind="stable")
    counts = np.bincount(samples.labels, minlength=num_classes)
    means = np.zeros((num_classes, samples.features.shape[1]), np.float32)
    stops = np.cumsum(counts)
    for label in np.flatnonzero(counts):
        rows = order[stops[label] - counts[label] : stops[label]]
        # In float32, the mean of equal samples would differ from them.
        means[label] = samples.features[rows].mean(axis=0, dtype=np.float64)
    return means


def scatter_within(
    samples: Samples, means: np.ndarray, weights: np.ndarray | None = None
) -> np.ndarray:
    """n W `[dx, dx]`, of n samples about the means `[C, dx]` of classes.

    Args:
        samples: labels 0..C-1.
        means: of the classes.
        weights: `[C]`, how much each sample of a class counts; default: 1.
    """
    total = np.zeros((means.shape[1],) * 2, np.float32)
    for block in row_blocks.blocks(len(samples)):
        labels = samples.labels[block]
        rest = samples.features[block] - means[labels]
        if weights is not None:
            rest *= np.sqrt(weights[labels], dtype=np.float32)[:, np.newaxis]
        total += rest.T @ rest
    return total


def inverse(covariance: np.ndarray) -> Callable:
    """V `[dx, dx]` -> the function from `[dx, k]` to V^-1 times it."""
    factor = scipy.linalg.cho_factor(covariance)
    return functools.partial(scipy.linalg.cho_solve, factor)


def inverse_in_span(factors: np.ndarray, level: float) -> Callable:
    """`inverse` of V = A^T A + level I, with the factors A `[m, dx]`."""
    products = factors @ factors.T
    products.flat[:: len(factors) + 1] += level
    inner = inverse(products)
    return lambda rows: (rows - factors.T @ inner(factors @ rows)) / level


def columns(means: np.ndarray, inverted: Callable, origin=0.0):
    """Weights `[dx, C]` and biases `[C]` for means `[C, dx]` and V^-1.

    Scores are those of the means and features less the `origin` `[dx]`, but
    for what is the same for all classes. Where features are far from 0 beside
    their spread, float32 has too few digits for scores without one near them.
    """
    weights = inverted((means - origin).T)
    return weights, -0.5 * np.sum((means + origin).T * weights, axis=0)


def kernel(embeddings, others, width: float):
    """`[k, da]`, `[n, da]` -> products `[k, n]`, or exp(-width |a - b|^2)."""
    if width == LINEAR:
        return embeddings @ others.T
    return np.exp(
        -width * scipy.spatial.distance.cdist(embeddings, others, "sqeuclidean")
    )


class Regression(NamedTuple):
    """Kernel ridge regression of means on embeddings.

    Attributes:
        width: of the kernel, or `LINEAR`.
        landmarks: `[n, da]`, the embeddings it was learned from.
        centre: `[dx]`, the constant that is added.
        coefficients: `[n, dx]`.
        slopes: `[dx]`, by which the embedding itself is added, where da = dx.
        errors: `[n, dx]`, of each mean when it is left out; only the one number
            behind the slopes is of all.
    """

    width: float
    landmarks: np.ndarray
    centre: np.ndarray
    coefficients: np.ndarray
    slopes: np.ndarray | None
    errors: np.ndarray

    def __call__(self, embeddings) -> np.ndarray:
        """Embeddings `[k, da]` -> predicted means `[k, dx]`."""
        found = kernel(embeddings, self.landmarks, self.width)
        means = self.centre + found @ self.coefficients
        if self.slopes is not None:
            means += self.slopes * embeddings
        return means


def same_dimensions(embeddings, means) -> np.ndarray | None:
    """How embeddings `[n, d]` follow means `[n, d]`, dimension by dimension.

    One number for all dimensions, in units of their standard deviations: it is
    certain with few classes, and the same if embeddings are scaled by
    dimension. Dimensions in which means differ more weigh more.

    Returns:
        `[d]` slopes; None if the numbers of dimensions differ, are too few or
        too many, or if embeddings do not grow with means.
    """
    least, most = SLOPES
    if embeddings.shape != means.shape or not least <= means.shape[1] <= most:
        return None
    described, found = statistics(embeddings), statistics(means)
    units = found.std * described.inverse(described.std)
    near = units * (embeddings - described.mean)
    size = np.sum(np.square(near))
    common = np.sum(near * (means - found.mean)) / size if size else 0.0
    return common * units if common > 0.0 else None


def regression(
    embeddings: np.ndarray, means: np.ndarray, trust: np.ndarray | None = None
) -> Regression:
    """The regression whose errors on means left out are smallest.

    Args:
        embeddings: `[n, da]`.
        means: `[n, dx]` of the same classes.
        trust: `[n]`, how much each mean is trusted, above 0 and at most 1: the
            ridge of one is divided by it; default: 1.
    """
    roots = np.ones(len(means)) if trust is None else np.sqrt(trust)
    roots = roots[:, np.newaxis]
    starts = [(None, means)]
    if (slopes := same_dimensions(embeddings, means)) is not None:
        starts.append((slopes, means - slopes * embeddings))
    targets = [roots * (start - start.mean(axis=0)) for _, start in starts]
    # As long and as far apart, in no more dimensions than there are classes.
    small = [np.linalg.qr(one.T, mode="r").T for one in targets]

    def decomposed(width: float):
        products = kernel(embeddings, embeddings, width)
        # A constant that costs nearly no ridge, learned without the class
        # that is left out: the mean of all means would give that one away.
        size = np.mean(products.diagonal()) or 1.0
        constant = CONSTANT * size
        found = np.linalg.eigh(roots * (products + constant) * roots.T)
        return size, constant, *found

    def left_out(values, vectors, ridge: float, target) -> np.ndarray:
        # K (K + ridge)^-1 = 1 - R, and errors are R M / diag(R).
        rest = ridge / (np.maximum(values, 0.0) + ridge)
        own = np.square(vectors) @ rest
        return (vectors * rest) @ target / (roots * own[:, np.newaxis])

    distances = scipy.spatial.distance.pdist(embeddings, "sqeuclidean")
    distances = distances[distances > 0.0]
    unit = np.median(distances) if distances.size else 1.0
    best = None
    for width in np.array(WIDTHS) / unit:
        size, constant, *spectrum = decomposed(width)
        turned = [spectrum[1].T @ one for one in small]
        for ridge in RIDGES * size:
            for place, target in enumerate(turned):
                errors = left_out(*spectrum, ridge, target)
                total = np.sum(np.square(errors))
                if best is None or total < best[0]:
                    best = total, width, ridge, place, constant, *spectrum
    _, width, ridge, place, constant, values, vectors = best
    target = vectors.T @ targets[place]
    found = (vectors / (np.maximum(values, 0.0) + ridge)) @ target
    coefficients = roots * found
    slopes, start = starts[place]
    centre = start.mean(axis=0) + constant * coefficients.sum(axis=0)
    errors = left_out(values, vectors, ridge, target)
    return Regression(width, embeddings, centre, coefficients, slopes, errors)


@keras.saving.register_keras_serializable("gmn_tf")
class DiscriminantEmbedder(base.Embedder):
    """The columns of a class whose mean is predicted.

    Args:
        embedding_dim: da.
        feature_dim: dx.
        landmarks: n, of the regression.
        width: of its kernel.
        factor: of all columns.
        slopes: how many the regression has: 0 or dx.
    """

    def __init__(
        self,
        embedding_dim: int,
        feature_dim: int,
        landmarks: int,
        width: float,
        factor: float = 1.0,
        slopes: int = 0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.sizes = {
            "embedding_dim": embedding_dim,
            "feature_dim": feature_dim,
            "landmarks": landmarks,
            "width": width,
            "factor": factor,
            "slopes": slopes,
        }
        rows = 1 + landmarks + slopes
        shapes = {
            "landmarks": (landmarks, embedding_dim),
            "means": (rows, feature_dim),
            "columns": (rows, feature_dim),
        }
        # Centre, coefficients, a diagonal of slopes; and all times V^-1. The
        # first has the origin (see `columns`) added here and subtracted there.
        self.landmarks, self.means, self.columns = (
            self.add_weight(shape, "zeros", trainable=False, name=name)
            for name, shape in shapes.items()
        )
        self.built = True

    @classmethod
    def of(cls, found: Regression, inverted: Callable, origin: np.ndarray):
        """The embedder of a regression; its columns are V^-1 of its means.

        Args:
            found: the regression.
            inverted: V^-1.
            origin: `[dx]`, see `columns`.
        """
        rows = np.vstack([found.centre, found.coefficients])
        count, dim = found.landmarks.shape
        slopes = 0
        if found.slopes is not None:
            rows = np.vstack([rows, np.diag(found.slopes)])
            slopes = dim
        width = float(found.width)
        made = cls(dim, rows.shape[1], count, width, slopes=slopes)
        shift = np.zeros_like(rows)
        shift[0] = origin
        inverse_rows = inverted((rows - shift).T).T
        made.set_weights([found.landmarks, rows + shift, inverse_rows])
        return made

    def term(self, embeddings) -> base.Term:
        """The columns of classes with the embeddings `[k, da]`."""
        landmarks, means, weights = (
            np.asarray(part, np.float64) for part in self.get_weights()
        )
        embeddings = np.asarray(embeddings, np.float64)
        found = kernel(embeddings, landmarks, self.sizes["width"])
        found = np.insert(found, 0, 1.0, axis=1)
        if self.sizes["slopes"]:
            found = np.hstack([found, embeddings])
        means = found @ means
        weights = self.sizes["factor"] * (found @ weights)
        return _term(weights.T, -0.5 * np.sum(means * weights, axis=1))

    def scaled(self, factor: float) -> "DiscriminantEmbedder":
        """The same, its columns multiplied."""
        factor *= self.sizes["factor"]
        made = DiscriminantEmbedder(**{**self.sizes, "factor": factor})
        made.set_weights(self.get_weights())
        return made


def fit(
    task: base.Task,
    settings: Settings,
    seed: int,
    on_epoch: Callable[[], None] = lambda: None,
) -> base.Classifier:
    """Fits means and covariance.

    Args:
        task: what to learn from. Classes without samples are predicted.
        settings: of the covariance.
        seed: not used; nothing is random.
        on_epoch: called at the end.

    Raises:
        InputError: for a covariance that cannot be inverted.
    """
    samples = task.samples
    counts = np.bincount(samples.labels, minlength=len(task.embeddings))
    known = np.flatnonzero(counts)
    embeddings = np.asarray(task.embeddings, np.float64)
    means = class_means(samples, len(counts))
    spread = np.linspace(0, len(known) - 1, min(len(known), MOST_CLASSES))
    learned = known[spread.round().astype(int)]
    others = np.setdiff1d(known, learned)
    weights = np.minimum(1.0, MOST_SAMPLES / np.maximum(counts, 1))
    freedom = max(np.sum(weights * np.maximum(counts - 1, 0)), 1.0)
    weights /= freedom
    dim = means.shape[1]
    in_span = len(samples) + len(learned) < dim
    if in_span:
        rest = samples.features[: len(samples)] - means[samples.labels]
        rest = rest.astype(np.float64)
        rest *= np.sqrt(weights[samples.labels])[:, np.newaxis]
        within_size = np.sum(np.square(rest))
    else:
        within = scatter_within(samples, means, weights).astype(np.float64)
        within_size = np.trace(within)
    means = means.astype(np.float64)
    described = embeddings[learned], means[learned]
    found = regression(*described)
    size = _size(found)
    trust = _trust(size, within_size, counts[learned])
    if trust.min() < trust.max():  # the same for all is another ridge
        found = regression(*described, trust)
    error_size = _size(found)
    errors = found.errors / np.sqrt(len(learned))
    means[learned] -= (1.0 - trust)[:, np.newaxis] * found.errors
    if len(others):  # their errors are of classes left out, too
        away = means[others] - found(embeddings[others])
        trust = _trust(size, within_size, counts[learned], counts[others])
        means[others] -= (1.0 - trust)[:, np.newaxis] * away
    level = settings.shrinkage * (within_size or error_size or 1.0) / dim
    errors *= np.sqrt(settings.error_weight)
    try:
        if in_span:
            factors = np.vstack([rest, errors])
            inverted = inverse_in_span(factors, level)
        else:
            covariance = within + errors.T @ errors
            covariance.flat[:: dim + 1] += level
            inverted = inverse(covariance)
    except ValueError as error:  # numpy.linalg.LinAlgError is one
        raise InputError(
            "The covariance of the features cannot be inverted.",
            "numbers within float32, and more shrinkage than their rounding",
            f"--discriminant_shrinkage={settings.shrinkage:g}: "
            f"{first_line(error)}",
            "Raise --discriminant_shrinkage, or try --feature_scaling=unit.",
        ) from error
    origin = means[learned].mean(axis=0)
    embedder = DiscriminantEmbedder.of(found, inverted, origin)
    means[counts == 0] = found(embeddings[counts == 0])
    on_epoch()
    term = _term(*columns(means, inverted, origin))
    return base.assemble([term], [embedder])


def _size(found: Regression) -> float:
    """The summed variance of predicted means."""
    return np.sum(np.square(found.errors)) / len(found.errors)


def _trust(
    errors: float,
    within: float,
    counts: np.ndarray,
    others: np.ndarray | None = None,
) -> np.ndarray:
    """How much of the mean of the samples goes into the mean of a class, `[n]`.

    The variances of the two, as of the product of two normal distributions.

    Args:
        errors: the summed variance of predicted means.
        within: the same of samples within a class.
        counts: `[n]` samples of each class that the errors are of.
        others: `[n]` samples of other classes, if those are meant.
    """
    noise = within / counts  # of the mean of the samples
    error = max(errors - noise.mean(), LEAST_TRUST * errors)
    if others is not None:
        noise = within / others
    return np.divide(error, error + noise, np.ones(len(noise)), where=noise > 0)


def _term(weights: Sequence, biases: Sequence) -> base.Term:
    return base.Term(
        False,
        tf.constant(weights, tf.float32),
        tf.constant(biases, tf.float32),
    )
