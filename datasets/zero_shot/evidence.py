"""Which way a square matrix lies, by its numbers."""

import numpy as np

_SHUFFLES = 100
_MOST = 64  # dimensions that are looked at
_CLEAR = 5.0  # standard deviations beyond what shuffled labels give
_EQUAL = 1e-3  # relative difference of lengths that are meant to be the same


def rows_that_agree(matrix, labels: np.ndarray) -> tuple[str, str]:
    """Whether rows or columns of a square matrix are samples.

    Those are, whose samples of a class agree by far more than by chance and
    than the others do.

    Args:
        matrix: `[N, N]`, or what gives rows and has `T` like one.
        labels: `[N]`.

    Returns:
        `rows`, `columns`, or an empty text if neither is clear; and why.
    """
    found = {
        "rows": _agreement(matrix, labels),
        "columns": _agreement(matrix.T, labels),
    }
    best = max(found, key=found.get)
    worst = min(found.values())
    if found[best] < _CLEAR or found[best] <= 2.0 * worst:
        return "", "samples of a class agree neither way more than by chance"
    return best, (
        f"samples of a class agree then ({found[best]:.1f} standard deviations "
        f"more than by chance; {worst:.1f} the other way)"
    )


def _agreement(features, labels: np.ndarray) -> float:
    """How much more samples of a class agree than by chance.

    The share of the variance that classes explain, in standard deviations from
    its mean over shuffled labels.
    """
    rng = np.random.default_rng(0)
    columns = rng.permutation(features.shape[1])[:_MOST]
    values = np.asarray(features[:][:, columns], np.float64)
    values = values - values.mean(axis=0)
    scale = values.std(axis=0)
    values = values[:, scale > 0] / scale[scale > 0]
    _, places, counts = np.unique(
        labels, return_inverse=True, return_counts=True
    )
    order_of_classes = np.argsort(places, kind="stable")
    starts = np.cumsum(counts) - counts

    def explained(order):
        sums = np.add.reduceat(values[order], starts, axis=0)
        return ((sums**2).sum(axis=1) / counts).sum()

    if not values.size:
        return 0.0
    chance = [explained(rng.permutation(len(values))) for _ in range(_SHUFFLES)]
    beyond = explained(order_of_classes) - np.mean(chance)
    return float(beyond / (np.std(chance) + 1e-12))


def of_one_length(rows: np.ndarray) -> bool:
    """Whether rows are all of one length, as normalised ones are."""
    lengths = np.linalg.norm(rows.astype(np.float64), axis=1)
    lengths = lengths[lengths > 0]
    return len(lengths) > 1 and np.ptp(lengths) <= _EQUAL * lengths.max()
