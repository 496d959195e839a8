"""Labels in arrays, which are names of classes or their numbers."""

import numpy as np
from etils import epath

from gmn_tf.utils.errors import InputError, listed
from gmn_tf_datasets.zero_shot.custom.classes import CLASSES_FILE, Classes


def numbered(
    path: epath.Path, labels: np.ndarray, classes: Classes
) -> np.ndarray:
    """Labels, which are names or numbers of classes, as numbers `[n]`."""
    flat = np.asarray(labels).ravel()
    if flat.dtype.kind in "US":
        found, places = np.unique(flat, return_inverse=True)
        if flat.dtype.kind == "S":
            found = np.char.decode(found, "utf-8", "replace")
        numbers = [classes.number(text, f"{path}") for text in found.tolist()]
        return np.array(numbers, np.int64)[places.ravel()]
    is_whole = flat.dtype.kind in "iuf" and np.array_equal(flat, np.rint(flat))
    if not is_whole or max(labels.shape, default=0) != flat.size:
        raise InputError(
            f"{path} does not hold labels.",
            f"one name, or row number of {CLASSES_FILE} from 0, per sample",
            f"shape {labels.shape}, type {labels.dtype}",
            "Save them as an array of texts or of whole numbers.",
        )
    rows = tuple(map(str, range(len(classes.names))))
    if classes.names != rows and all(map(str.isdecimal, classes.names)):
        raise InputError(
            f"Labels in {path} may be read in two ways.",
            f"texts, because the classes in {CLASSES_FILE} are called "
            f"{listed(classes.names, 3)}",
            "numbers, which may be such names, or rows counted from 0",
            "Save the labels as texts.",
        )
    wrong = np.flatnonzero((flat < 0) | (flat >= len(classes.names)))
    _check_counting(path, flat, classes)
    if len(wrong):
        raise InputError(
            f"Labels in {path} name classes that {CLASSES_FILE} lacks.",
            f"0 to {len(classes.names) - 1}, a row of {CLASSES_FILE}",
            f"{flat[wrong[0]]} at place {wrong[0]} ({len(wrong)} such labels)",
            "Number the classes from 0, or save their names.",
        )
    return flat.astype(np.int64)


def _check_counting(path, flat: np.ndarray, classes: Classes) -> None:
    """Raises InputError for labels that count, or may count, from 1."""
    count = len(classes.names)
    if not flat.size or flat.min() != 1 or flat.max() > count:
        return
    seen = np.setdiff1d(np.arange(count), classes.unseen)
    fits = [np.isin(seen, flat - first).all() for first in (0, 1)]
    if fits[1] or flat.max() == count:
        raise InputError(
            f"Labels in {path} {'may' if fits[0] else 'seem to'} count from 1.",
            f"names, or rows of {CLASSES_FILE} from 0 to {count - 1}",
            f"labels from 1 to {flat.max():g}; each seen class has samples if "
            f"they count from {'0 or 1' if fits[0] else '1'}",
            "Save names; or, if 1 is the first class, labels - 1.",
        )
