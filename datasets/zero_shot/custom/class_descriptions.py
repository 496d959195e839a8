"""How the classes of a user's own data are described."""

from collections.abc import Callable

import numpy as np
from etils import epath

from gmn_tf.utils import strict_tables
from gmn_tf.utils.errors import InputError, listed
from gmn_tf.utils.strict_tables import CLASSES_FILE
from gmn_tf_datasets.zero_shot.custom import arrays

FILES = ("embeddings.npy", "embeddings.csv")


def find(folder: epath.Path, columns: int) -> epath.Path | None:
    """The file of descriptions, or None if they are in classes.csv.

    Args:
        folder: of the user's data.
        columns: how many numbers classes.csv has for each class.

    Raises:
        InputError: for more than one description, or none.
    """
    files = [name for name in FILES if (folder / name).exists()]
    found = [f"{columns} columns of {CLASSES_FILE}"] * bool(columns) + files
    if len(found) != 1:
        raise InputError(
            f"{folder} describes its classes "
            f"{'more than once' if found else 'nowhere'}.",
            f"numbers in {CLASSES_FILE} after the columns class and seen, or "
            f"{' or '.join(FILES)}",
            " and ".join(found) or "neither",
            "Keep one of them." if found else "Add one of them.",
        )
    return folder / files[0] if files else None


def read(
    path: epath.Path,
    names: tuple[str, ...],
    number_of: Callable[[str, str], int],
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Descriptions `[C, da]` float32, and what their columns are called.

    Args:
        path: one of `FILES`.
        names: `C` names of classes.
        number_of: the number of a class by its name, and the place that
            names it.

    Raises:
        InputError: unless each class is described once.
    """
    read_values = _read_npy if path.suffix == ".npy" else _read_csv
    return read_values(path, names, number_of)


def _read_npy(path: epath.Path, names: tuple[str, ...], _):
    values = arrays.load_array(path)
    arrays.check_numbers(path, "The array", values, "class")
    if len(values) != len(names):
        raise InputError(
            f"{path} does not describe the classes of {CLASSES_FILE}.",
            f"{len(names)} rows, in the order of {CLASSES_FILE}",
            f"shape {values.shape}",
            "Save one row per class.",
        )
    with np.errstate(over="ignore"):
        return np.array(values, np.float32), ()


def _read_csv(path: epath.Path, names, number_of):
    """Rows by the name of their class, in any order, and their columns."""
    found, columns = {}, []
    for row in strict_tables.read_rows(path, ("class",)):
        columns = [column for column in row.cells if column != "class"]
        place = f"Line {row.line} of {path}"
        number = number_of(row.cells["class"], place)
        if number in found or not columns:
            raise InputError(
                f"{place} describes {row.cells['class']} "
                f"{'once more' if columns else 'by no number'}.",
                "one line with numbers for each class",
                f"{len(columns)} numbers",
                "Correct the line.",
            )
        found[number] = strict_tables.numbers(path, row, columns)
    for number, name in enumerate(names):
        if number not in found:
            raise InputError(
                f"{path} does not describe {name}.",
                f"a line for each class of {CLASSES_FILE}",
                f"{len(found)} of {len(names)} classes",
                "Add the line.",
            )
    values = np.stack([found[number] for number in range(len(found))])
    return values, tuple(columns)


def check(path: epath.Path, values: np.ndarray, names) -> None:
    """Refuses descriptions that say nothing.

    Args:
        path: of the file, for messages.
        values: `[C, da]`.
        names: `C` names of classes.

    Raises:
        InputError: for a row that is not finite, or zero.
    """
    wrong = np.flatnonzero(~np.isfinite(values).all(axis=1))
    empty = np.flatnonzero(~values.any(axis=1))
    for rows, what in ((wrong, "NaN or infinity"), (empty, "zeros alone")):
        if len(rows):
            raise InputError(
                f"{path} does not describe {names[rows[0]]}.",
                "finite numbers for every class, one of them not zero",
                f"{what} for {len(rows)} classes, counted from 1: "
                f"{listed(rows + 1)}",
                "Describe these classes completely.",
            )
