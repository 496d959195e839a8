"""What the data can give: simple references beside the scores of a run.

Beyond section 4. Everything is measured on training samples, and scored on
these or on the held-back samples of seen classes; no sample of an unseen class
is read. Features and descriptions are standardised first, so that units and
shifts do not matter.

One formula scores samples throughout, the linear discriminant with equal
priors: with m_k a mean of class k, and V the covariance within classes,

    score of class k = x^T V^-1 m_k - m_k^T V^-1 m_k / 2.

V is shrunk: a multiple of the identity is added to it. With means of samples
this is a linear probe, with V = I the nearest class mean, and with means
predicted from descriptions it knows classes without a sample. All follow from
sums, in seconds; logistic regression takes a minute for similar accuracies.
"""

from collections.abc import Callable, Sequence

import numpy as np

from gmn_tf.data import row_blocks
from gmn_tf.data.zero_shot_data import Samples, ZeroShotData
from gmn_tf.method import metrics
from gmn_tf.method.classifiers.discriminant import (
    class_means,
    columns,
    inverse,
    regression,
    scatter_within,
)
from gmn_tf.utils.dimensions import statistics
from gmn_tf_datasets.zero_shot import splits

# Larger data is thinned out evenly, so that this takes seconds.
MOST_CLASSES = 1000
MOST_SAMPLES = 20_000
MOST_DIMENSIONS = 2500  # of the features; the time grows with their square
SHRINKAGES = (0.1, 1.0, 10.0)  # in units of the mean variance within classes
MOST_FOLDS = 10
MOST_MEASURED = 5  # of these
FEWEST_TO_MEASURE = 4  # Two to learn from, and two to tell apart.
TINY = 1e-5  # of the largest singular value: one that counts as 0
PARTS = 5  # of the work, each of which may take seconds
ALIKE = 0.01  # of the mean distance: descriptions that are nearer are alike


def measure(
    data: ZeroShotData, on_part: Callable[[], object] = lambda: None
) -> dict:
    """The references for the scores of a run.

    Args:
        data: of which training samples, held-back samples of seen classes and
            embeddings are read.
        on_part: called after each of `PARTS` parts of the work.

    Returns:
        Plain numbers, None where one is not known:

        chance_t1: percent that guessing reaches of T-1: 100 / U.
        chance_u_s: the same of u and s: 100 / C.
        chance_seen: the same among the seen classes measured on: 100 / S.
        seen_classes: how many these are; fewer than `num_seen` above 1000.
        num_seen: S.
        linear_probe: accuracy, in percent, of the linear discriminant among
            seen classes, on held-back samples. Another classifier may reach
            more.
        nearest_class_mean: the same of the nearest class mean.
        left_out: accuracy, in percent, on seen classes that were left out and
            are known by their descriptions, among those left out with them: an
            estimate of T-1.
        left_out_candidates: how many these are, on average.
        left_out_r2: share of the variance of their means that is predicted.
        description_rank: rank of the centred embeddings.
        described_classes: how many classes it was measured on.
        alike_descriptions: how many of these have nearly the embedding of
            another one.
        feature_rms: root mean square of the features, as a run sees them.
        feature_offset: root mean square of the means of dimensions, divided by
            that of their standard deviations; None if all are constant.
    """
    classes = _spread(data.num_seen, MOST_CLASSES)
    samples = [_thinned(part, classes) for part in (data.train, data.seen)]
    mean, deviation = _moments(samples[0].features)
    offset = np.sqrt(np.mean(mean**2))
    size = np.sqrt(np.mean(deviation**2))
    train, held_back = (
        Samples(_standardised(one.features, mean, deviation), one.labels)
        for one in samples
    )
    on_part()
    means = class_means(train, len(classes))
    within = scatter_within(train, means)
    on_part()
    shrinkage = best_shrinkage(train, len(classes))
    on_part()
    scorings = {
        "linear_probe": discriminant(means, within, shrinkage),
        "nearest_class_mean": discriminant(means),
    }
    embeddings = np.asarray(data.embeddings, np.float64)
    unseen = data.num_classes - data.num_seen
    by_descriptions = left_out(
        train, means, within, embeddings[classes], unseen
    )
    on_part()
    limits = {
        "chance_t1": 100.0 / unseen,
        "chance_u_s": 100.0 / data.num_classes,
        "chance_seen": 100.0 / len(classes),
        "seen_classes": len(classes),
        "num_seen": data.num_seen,
        **{
            name: accuracy(scoring, held_back, len(classes))
            for name, scoring in scorings.items()
        },
        **by_descriptions,
        **descriptions(embeddings),
        "feature_rms": np.hypot(offset, size),
        "feature_offset": offset / size if size else None,
    }
    on_part()
    return {name: _plain(value) for name, value in limits.items()}


def seen_alone(scores: Sequence[metrics.Scores]) -> float | None:
    """Accuracy in percent among seen classes, over classifiers."""
    return _plain(np.mean([one.seen_alone for one in scores]))


def discriminant(
    means: np.ndarray,
    within: np.ndarray | None = None,
    shrinkage: float | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Weights `[dx, C]` and biases `[C]` of the linear discriminant.

    Args:
        means: `[C, dx]` of the classes.
        within: `[dx, dx]`, V times any number; without it, V = I.
        shrinkage: of V, in units of its mean variance; without it, V = I.
    """
    variance = 0.0 if within is None else np.trace(within) / len(within)
    # There is no variance if each class has one sample.
    if shrinkage is None or not variance > 0.0:
        return means.T, -0.5 * np.sum(np.square(means), axis=1)
    shrunk = within.copy()
    np.fill_diagonal(shrunk, shrunk.diagonal() + shrinkage * variance)
    return columns(means, inverse(shrunk))


def best_shrinkage(train: Samples, num_classes: int) -> float | None:
    """What is best on every fifth sample of each class, without these.

    None, for the nearest mean, if that is best.
    """
    held = splits.a_fifth(train.labels)
    parts = [
        Samples(train.features[rows], train.labels[rows])
        for rows in (np.flatnonzero(~held), np.flatnonzero(held))
    ]
    if not len(parts[1]):
        return SHRINKAGES[1]
    means = class_means(parts[0], num_classes)
    within = scatter_within(parts[0], means)

    def found(shrinkage):
        scoring = discriminant(means, within, shrinkage)
        return accuracy(scoring, parts[1], num_classes)

    return max((*SHRINKAGES, None), key=found)


def accuracy(scoring, samples: Samples, num_classes: int) -> float:
    """The mean over classes of their accuracy in percent; NaN without samples.

    Args:
        scoring: weights `[dx, C]` and biases `[C]`.
        samples: labels 0..C-1.
        num_classes: C.
    """
    weights, biases = scoring
    predictions = row_blocks.in_blocks(
        lambda features: np.argmax(features @ weights + biases, axis=1),
        samples.features,
    )
    found = metrics.class_accuracies(samples.labels, predictions, num_classes)
    return 100.0 * metrics.mean_over_classes(found)


def left_out(
    train: Samples,
    means: np.ndarray,
    within: np.ndarray,
    embeddings: np.ndarray,
    unseen: int,
) -> dict:
    """How well descriptions predict the classes that were left out.

    Seen classes are divided into parts of as many classes as are unseen, into
    2 to 10 parts. For each of up to five parts, the regression of the
    discriminant classifier learns the class means of all other classes from
    their descriptions. The linear discriminant with predicted means, and the
    covariance of the other classes, then tells the samples of the part apart.

    Args:
        train: standardised samples, labels 0..S-1.
        means: `[S, dx]` of these.
        within: their `scatter_within`.
        embeddings: `[S, da]`.
        unseen: U.

    Returns:
        See `measure`.
    """
    num_classes = len(embeddings)
    names = "left_out", "left_out_candidates", "left_out_r2"
    if num_classes < FEWEST_TO_MEASURE:
        return dict.fromkeys(names)
    folds = int(np.clip(round(num_classes / unseen), 2, MOST_FOLDS))
    folds = min(folds, num_classes // 2)
    described = _standardised(embeddings, *_moments(embeddings))
    # No rule of the order of classes may decide, such as an alphabet's.
    order = np.random.default_rng(0).permutation(num_classes)
    fold = np.empty(num_classes, int)
    fold[order] = np.arange(num_classes) % folds
    found, sizes, errors, total = [], [], 0.0, 0.0
    for number in range(min(folds, MOST_MEASURED)):
        inside, outside = fold == number, fold != number
        predicted = regression(described[outside], means[outside])(
            described[inside]
        ).astype(np.float32)
        errors += np.sum((predicted - means[inside]) ** 2)
        usual = means[outside].mean(axis=0)
        total += np.sum((means[inside] - usual) ** 2)
        rows = np.flatnonzero(inside[train.labels])
        part = Samples(train.features[rows], train.labels[rows])
        others = within - scatter_within(part, means)
        scoring = discriminant(predicted, others, SHRINKAGES[1])
        # Labels 0.. among the classes of this part.
        part = Samples(part.features, (np.cumsum(inside) - 1)[part.labels])
        found.append(accuracy(scoring, part, len(predicted)))
        sizes.append(len(predicted))
    values = (
        np.average(found, weights=sizes),
        num_classes / folds,
        1.0 - errors / total if total else None,
    )
    return dict(zip(names, values))


def descriptions(embeddings: np.ndarray) -> dict:
    """Rank of embeddings `[C, da]`, and how many are alike; see `measure`."""
    rows = embeddings[_spread(len(embeddings), 2 * MOST_CLASSES)]
    rows = _standardised(rows, *_moments(rows)).astype(np.float64)
    products = rows @ rows.T
    values = np.linalg.eigvalsh(products)
    lengths = products.diagonal()
    distances = lengths[:, None] + lengths - 2.0 * products
    np.fill_diagonal(distances, np.inf)
    near = 2.0 * ALIKE**2 * lengths.mean()
    return {
        # The squares of singular values; rounding to float32 leaves 1e-7.
        "description_rank": int(np.sum(values > TINY**2 * values[-1])),
        "described_classes": len(rows),
        "alike_descriptions": int(np.sum(distances.min(axis=1) <= near)),
    }


def _spread(count: int, most: int) -> np.ndarray:
    """At most so many of the numbers 0..count-1, evenly."""
    return np.linspace(0, count - 1, min(count, most)).round().astype(int)


def _thinned(samples: Samples, classes: np.ndarray) -> Samples:
    """The samples of some classes in memory, labels 0.., the first of each."""
    number = np.full(max(classes.max(), samples.labels.max(initial=0)) + 1, -1)
    number[classes] = np.arange(len(classes))
    each = max(1, MOST_SAMPLES // len(classes))
    few = splits.numbers_within_class(samples.labels) < each
    rows = np.flatnonzero((number[samples.labels] >= 0) & few)
    dimensions = _spread(samples.features.shape[1], MOST_DIMENSIONS)
    features = np.empty((len(rows), len(dimensions)), np.float32)
    for block in row_blocks.blocks(len(rows)):
        features[block] = samples.features[rows[block]][:, dimensions]
    return Samples(features, number[samples.labels[rows]])


def _moments(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of columns; 0 for a constant one."""
    found = statistics(rows)
    return found.mean, np.where(found.varies, found.std, 0.0)


def _standardised(rows, mean, deviation) -> np.ndarray:
    """Rows minus the mean, by the deviation; 0 where that is 0. float32."""
    scaled = np.empty(rows.shape, np.float32)
    factor = 1.0 / np.where(deviation > 0.0, deviation, np.inf)
    for block in row_blocks.blocks(len(rows)):
        scaled[block] = (rows[block] - mean) * factor
    return scaled


def _plain(value):
    """A number for JSON, of as many digits as any computer repeats."""
    if value is None or np.isnan(value):
        return None
    return value if isinstance(value, int) else float(f"{value:.3g}")
