"""Statistics of each dimension of features or descriptions: which of them vary.

Preparation, scaling, and what is said of the data take a dimension for constant
by the one rule here.
"""

import dataclasses

import numpy as np

from gmn_tf.utils.errors import InputError, counted

# A dimension is constant if its standard deviation is not above this part of
# its largest number: about ten times the rounding of float32.
NEARLY = 1e-6
BLOCK = 1024  # rows that statistics are taken of at once


@dataclasses.dataclass(frozen=True)
class Statistics:
    """Statistics of each dimension of some rows, `[dx]` float64.

    Attributes:
        mean: of each dimension.
        std: standard deviation.
        least: the smallest number.
        most: the largest number.
    """

    mean: np.ndarray
    std: np.ndarray
    least: np.ndarray
    most: np.ndarray

    @property
    def largest(self) -> np.ndarray:
        """The largest absolute number of each dimension."""
        return np.maximum(np.abs(self.least), np.abs(self.most))

    @property
    def varies(self) -> np.ndarray:
        """Which dimensions are neither constant nor nearly so."""
        return self.std > NEARLY * self.largest

    def inverse(self, sizes: np.ndarray) -> np.ndarray:
        """1 / sizes `[dx]`, and 0 for a constant dimension."""
        return np.where(self.varies, 1.0 / np.where(self.varies, sizes, 1.0), 0)


def statistics(features, rows: np.ndarray | None = None) -> Statistics:
    """Statistics of features `[n, dx]`, which are read block by block.

    Numbers are rounded to float32, because that is how features are kept.

    Args:
        features: an array, or what gives rows as one does.
        rows: numbers of those to look at; None for all.
    """
    rows = np.arange(len(features)) if rows is None else rows
    if len(rows) <= BLOCK:
        block = _kept(features[rows])
        return Statistics(
            block.mean(axis=0),
            block.std(axis=0),
            block.min(axis=0),
            block.max(axis=0),
        )
    # It takes a second, and mostly the rows of one block are enough.
    from sklearn import preprocessing

    moments = preprocessing.StandardScaler()
    bounds = preprocessing.MinMaxScaler()
    for start in range(0, len(rows), BLOCK):
        block = _kept(features[rows[start : start + BLOCK]])
        moments.partial_fit(block)
        bounds.partial_fit(block)
    return Statistics(
        moments.mean_,
        np.sqrt(moments.var_),
        bounds.data_min_,
        bounds.data_max_,
    )


def _kept(block: np.ndarray) -> np.ndarray:
    """Numbers as they are kept, in the precision of sums."""
    return block.astype(np.float32).astype(np.float64)


def check_differ(
    features, problem: str, rows: np.ndarray | None = None
) -> None:
    """Raises InputError if features are nearly the same in all rows.

    Args:
        features: see `statistics`.
        problem: what the error says is wrong.
        rows: see `statistics`.
    """
    rows = np.arange(len(features)) if rows is None else rows
    for some in (rows[:BLOCK], rows):  # mostly, the first tell
        found = statistics(features, some)
        if found.varies.any():
            return
    blocks = (
        rows[start : start + BLOCK] for start in range(0, len(rows), BLOCK)
    )
    if not found.largest.any() and any(features[b].any() for b in blocks):
        raise same_features(
            problem,
            found,
            "Multiply all features by a constant: in float32, in which they "
            "are kept, numbers so near to 0 are 0.",
        )
    raise same_features(problem, found)


def same_features(
    problem: str,
    found: Statistics,
    action: str = "Check how the features were extracted.",
) -> InputError:
    """The error for features of which no dimension varies."""
    return InputError(
        problem,
        "at least one dimension that differs between samples",
        f"{counted(len(found.mean), 'constant dimension')}, numbers from "
        f"{found.least.min():g} to {found.most.max():g}",
        action,
    )
