"""The class of each sample of a user's own data."""

import numpy as np
from etils import epath

from gmn_tf.utils import strict_tables
from gmn_tf.utils.errors import InputError
from gmn_tf.utils.strict_tables import CLASSES_FILE
from gmn_tf_datasets.zero_shot.custom import arrays
from gmn_tf_datasets.zero_shot.custom.class_table import Classes

FILES = ("labels.csv", "labels.npy")


def read(
    path: epath.Path, classes: Classes
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Labels `[n]`, and the files of samples if labels.csv names these.

    Raises:
        InputError: for a label that is no class.
    """
    if path.suffix == ".npy":
        return numbered(path, arrays.load_array(path), classes), ()
    labels, names = [], []
    for row in strict_tables.read_rows(path, ("class",)):
        place = f"Line {row.line} of {path}"
        labels.append(classes.number(row.cells["class"], place))
        names += [row.cells["file"]] if "file" in row.cells else []
    return np.array(labels, np.int64), tuple(names)


def numbered(
    path: epath.Path, labels: np.ndarray, classes: Classes
) -> np.ndarray:
    """Labels as numbers of classes.

    Args:
        path: of the file, for messages.
        labels: names, or numbers of classes.
        classes: the classes.

    Raises:
        InputError: for a label that is no class.
    """
    flat = np.asarray(labels).ravel()
    if flat.dtype.kind in "US":
        return _by_name(path, flat, classes)
    whole = flat.dtype.kind in "iuf" and np.array_equal(flat, np.rint(flat))
    if not whole or max(labels.shape, default=0) != flat.size:
        raise InputError(
            f"labels in {path} are no labels.",
            f"one name, or row number of {CLASSES_FILE} from 0, per sample",
            f"shape {labels.shape}, type {labels.dtype}",
            "Save them as an array of texts or of whole numbers.",
        )
    _check_names_not_numbers(path, classes)
    wrong = np.flatnonzero((flat < 0) | (flat >= len(classes.names)))
    if len(wrong):
        raise InputError(
            f"labels in {path} name classes that {CLASSES_FILE} lacks.",
            f"0 to {len(classes.names) - 1}, a row of {CLASSES_FILE}",
            f"{flat[wrong[0]]} at place {wrong[0]} ({len(wrong)} such labels)",
            "Number the classes from 0, or save their names.",
        )
    return flat.astype(np.int64)


def _by_name(path: epath.Path, flat: np.ndarray, classes: Classes):
    texts, places = np.unique(flat, return_inverse=True)
    numbers = [
        classes.number(
            text.decode(errors="replace") if isinstance(text, bytes) else text,
            f"{path}",
        )
        for text in texts.tolist()
    ]
    return np.array(numbers, np.int64)[places.ravel()]


def _check_names_not_numbers(path: epath.Path, classes: Classes) -> None:
    """Refuses numbers that may be meant as names or as rows."""
    rows = tuple(map(str, range(len(classes.names))))
    if classes.names != rows and all(
        name.isdecimal() for name in classes.names
    ):
        raise InputError(
            f"labels in {path} may be read in two ways.",
            f"texts, because the classes in {CLASSES_FILE} are called "
            f"{', '.join(classes.names[:3])}, ...",
            "numbers, which may be such names, or rows counted from 0",
            "Save the labels as texts.",
        )
