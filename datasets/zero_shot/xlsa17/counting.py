"""Labels and rows of a .mat file count from 1; copies that do not are named."""

import re
from collections.abc import Sequence

import numpy as np
from etils import epath

from gmn_tf.utils import texts
from gmn_tf.utils.errors import InputError, listed
from gmn_tf_datasets.zero_shot.xlsa17 import mat_file

_SAME_DATA_SET = "Check that both .mat files belong to the same data set."
_ADD = "{0} count from 0: add 1, as in MATLAB {1} = {1} + 1."


def check_labels(
    labels: np.ndarray, class_names: Sequence[str], path: epath.Path
) -> None:
    """Raises InputError for labels that do not count from 1.

    Args:
        labels: `[N]`.
        class_names: in the order of the labels.
        path: of the file with the labels, and perhaps with `image_files` in
            folders that are called as the classes.
    """
    count = len(class_names)
    wrong = np.flatnonzero((labels < 1) | (labels > count))
    if not len(wrong):
        _check_folders(labels, class_names, path)
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


def _check_folders(
    labels: np.ndarray, class_names: Sequence[str], path: epath.Path
) -> None:
    """Raises InputError if folders of images fit the next classes instead."""
    try:
        images = mat_file.read(path, ("image_files",)).texts("image_files")
    except InputError:  # nobody asked for it
        return
    if len(images) != len(labels):
        return
    # As /images/001.Black_footed_Albatross/1.jpg, of Windows too.
    folders = [re.split(r"[\\/]", image)[-2:-1] for image in images]
    known = texts.Names(class_names)
    places = {name: known.find(name) for name in {*map("".join, folders)}}
    found = np.array(
        [-2 if p is None else p for p in (places["".join(f)] for f in folders)]
    )
    fitting = {shift: (found == labels - 1 + shift).mean() for shift in (0, 1)}
    if fitting[0] < 0.1 and fitting[1] > 0.9:
        raise InputError(
            f"labels in {path} seem to count from 0.",
            "labels from 1, by which image_files lie in folders of their class",
            f"{fitting[0]:.0%} that do so, and {fitting[1]:.0%} if 1 is added",
            _ADD.format("Labels", "labels"),
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
