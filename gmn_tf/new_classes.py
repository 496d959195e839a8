"""Reading descriptions of classes that a run has never heard of."""

import csv
import os
from typing import NamedTuple

import numpy as np

from gmn_tf.errors import InputError


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
    others are the description, in the order of the training's.

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
        with open(path, encoding="utf-8-sig", newline="") as file:
            lines = [row for row in csv.reader(file, strict=True) if row]
    except (OSError, ValueError, csv.Error) as error:
        raise _unusable(path, str(error)) from error
    header, rows = [c.strip() for c in (lines or [[]])[0]], lines[1:]
    if len(set(header)) < len(header):
        raise _unusable(path, "a column twice")
    if "class" not in header or not rows:
        raise _unusable(path, f"columns {', '.join(header)[:100]}")
    names, values = [], []
    for number, row in enumerate(rows, start=2):
        if len(row) != len(header):
            raise _unusable(path, f"{len(row)} cells in line {number}")
        cells = dict(zip(header, row))
        names.append(cells.pop("class").strip())
        cells.pop("seen", None)
        try:
            values.append([float(cell) for cell in cells.values()])
        except ValueError as error:
            raise _unusable(path, f"{error} in line {number}") from error
        # As single precision, which is what they are scaled in.
        with np.errstate(over="ignore"):
            finite = np.isfinite(np.array(values[-1], np.float32)).all()
        if not (names[-1] and values[-1] and finite):
            raise _unusable(path, f"no name or no finite number, line {number}")
    return NewClasses(names, np.array(values), tuple(cells))


def _unusable(path, received: str) -> InputError:
    return InputError(
        f"{path} does not describe classes.",
        "a CSV file with a column `class`, and one for each number of the "
        "description",
        received,
        "write it like the classes.csv the data was prepared from",
    )
