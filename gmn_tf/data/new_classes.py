"""Reading descriptions of classes that a run has never heard of."""

import csv
import os
from typing import NamedTuple

import numpy as np

from gmn_tf.utils import tables
from gmn_tf.utils.errors import InputError


class NewClasses(NamedTuple):
    """Names of `k` classes and their raw descriptions `[k, da]`.

    Attributes:
        names: of the classes.
        values: the numbers that describe them.
        columns: what each of the numbers is called.
    """

    names: list[str]
    values: np.ndarray
    columns: tuple[str, ...]


def read(path: str | os.PathLike) -> NewClasses:
    """Reads a CSV file like the classes.csv of bin/prepare_data.

    A column `class` has the names; one called `seen` is passed over; all
    others are the description, called as in the training's, in any order.

    Raises:
        InputError: naming the row of what cannot be used.
    """
    if not os.path.isfile(path):
        raise InputError(
            f"There is no file {path}.",
            "a CSV file that describes classes",
            "no such file",
            "correct the path",
        )
    try:
        header, rows = table = tables.read(path)
        if "class" not in header or not rows:
            raise ValueError(f"columns {', '.join(header)[:100]}")
        columns = tuple(c for c in header if c not in ("class", "seen"))
        names = table.column("class")
        values = [
            _numbers(dict(zip(header, row)), columns, line)
            for line, row in enumerate(rows, start=2)
        ]
    except (OSError, ValueError, csv.Error) as error:
        raise _unusable(path, str(error)) from error
    return NewClasses(names, np.array(values), columns)


def _numbers(
    cells: dict[str, str], columns: tuple[str, ...], line: int
) -> list[float]:
    """The numbers of a row; refuses one without a name or without numbers."""
    try:
        values = [tables.number(cells[column]) for column in columns]
    except ValueError as error:
        raise ValueError(f"{error}, line {line}") from error
    # As single precision, which is what they are scaled in.
    with np.errstate(over="ignore"):
        finite = np.isfinite(np.array(values, np.float32)).all()
    if not (columns and cells["class"] and finite):
        raise ValueError(f"no name, or no finite number, in line {line}")
    return values


def _unusable(path, received: str) -> InputError:
    return InputError(
        f"{path} does not describe classes.",
        "a CSV file with a column `class`, and one for each number of the "
        "description",
        received,
        "write it like the classes.csv the data was prepared from",
    )
