"""Labels and rows of a .mat file count from 1; copies that do not are named."""

import numpy as np
from etils import epath

from gmn_tf.utils.errors import InputError, listed

_SAME_DATA_SET = "Check that both .mat files belong to the same data set."
_ADD = "{0} count from 0: add 1, as in MATLAB {1} = {1} + 1."


def check_labels(labels: np.ndarray, count: int, path: epath.Path) -> None:
    """Raises InputError for labels that are not from 1 to `count`."""
    wrong = np.flatnonzero((labels < 1) | (labels > count))
    if not len(wrong):
        return
    first, last = int(labels.min()), int(labels.max())
    action = _SAME_DATA_SET
    if first == 0 and last < count:
        action = _ADD.format("Labels", "labels")
    elif first == 0 and last == count:
        action = (
            "0 is no class here, since the others go to the last one: remove "
            "the rows without a class, and number the rows of splits again."
        )
    elif first < 1:
        action = "Remove the rows without a class, or number all from 1."
    raise InputError(
        f"labels in {path} name classes that have no embedding.",
        f"1 to {count}, a column of att",
        f"{labels[wrong[0]]} in row {wrong[0] + 1} ({len(wrong)} such rows); "
        f"labels from {first} to {last}",
        action,
    )


def check_rows(
    rows: dict[str, np.ndarray], num_rows: int, path: epath.Path
) -> None:
    """Raises InputError for rows, by split, that are not from 1 to num_rows."""
    for key, values in rows.items():
        name = f"{key}_loc"
        wrong = values[(values < 1) | (values > num_rows)]
        if not len(wrong):
            continue
        action = _SAME_DATA_SET
        if len(values) == num_rows and set(values.tolist()) <= {0, 1}:
            action = (
                f"It is a mask, with 1 for the rows of the split; save their "
                f"numbers: in MATLAB, {name} = find({name})."
            )
        elif values.min() == 0 and values.max() < num_rows:
            action = _ADD.format("Rows", name) + " The same for all splits."
        elif values.min() > 1 and values.max() == num_rows + 1:
            action = f"Rows count from 2: subtract 1 from {name}."
        raise InputError(
            f"{name} in {path} names rows that do not exist.",
            f"1 to {num_rows}, a row of the features",
            f"{listed(wrong)} ({len(wrong)} such rows)",
            action,
        )


def check_shift(
    rows: dict[str, np.ndarray], labels: np.ndarray, path: epath.Path
) -> None:
    """Raises InputError if rows keep classes apart only if they count from 0.

    Args:
        rows: by split, from 1.
        labels: of all rows.
        path: of the file with the rows.
    """
    shifted = {key: values + 1 for key, values in rows.items()}
    inside = all(values.max() <= len(labels) for values in shifted.values())
    if inside and not _apart(rows, labels) and _apart(shifted, labels):
        raise InputError(
            f"Rows of splits in {path} seem to count from 0.",
            "rows from 1, so that no class is both in trainval_loc and in "
            "test_unseen_loc",
            "classes in both, and none if 1 is added to every row",
            _ADD.format("Rows", "trainval_loc") + " The same for all splits.",
        )


def _apart(rows: dict[str, np.ndarray], labels: np.ndarray) -> bool:
    """Whether seen and unseen classes differ, and tested ones are trained."""
    seen, tested, unseen = (
        np.unique(labels[rows[key] - 1])
        for key in ("trainval", "test_seen", "test_unseen")
    )
    return not np.isin(unseen, seen).any() and np.isin(tested, seen).all()
