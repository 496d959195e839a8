"""Tables of a user, .csv files, read strictly."""

import contextlib
import csv
import dataclasses
import io
import sys
from collections.abc import Iterator

import numpy as np
from etils import epath
from tqdm import tqdm

from gmn_tf.utils import tables
from gmn_tf.utils.errors import InputError, hint

CLASSES_FILE = "classes.csv"
_MOST_CELL = 2**20  # Letters of a cell: more of them are no table.


@dataclasses.dataclass(frozen=True)
class Row:
    """A row of a table: its cells by column, and its line in the file."""

    line: int
    cells: dict[str, str]


def read_rows(
    path: epath.Path, required: tuple[str, ...], quiet: bool = True
) -> Iterator[Row]:
    """The rows of a .csv file, one after the other.

    Args:
        path: the file, UTF-8 with or without byte order mark, with commas.
        required: columns that it has to have.
        quiet: whether to show no progress.

    Raises:
        InputError: for a file that is no such table, with its line.
    """
    with (
        _telling_of(path),
        path.open("rb") as stream,
        # etils' own text has no choice of encoding.
        io.TextIOWrapper(stream, "utf-8-sig", newline="") as file,
        _progress_bar(path, quiet) as bar,
    ):
        csv.field_size_limit(_MOST_CELL)
        reader = csv.reader(file, strict=True)
        names = [name.strip() for name in next(reader, [])]
        _check_header(path, names, required)
        for cells in reader:
            if not any(cells):
                continue  # An empty line at the end.
            if len(cells) != len(names):
                raise InputError(
                    f"Line {reader.line_num} of {path} does not fit.",
                    f"{len(names)} cells, as in its first line",
                    f"{len(cells)}",
                    "Complete the line, or put names with commas in quotation "
                    "marks.",
                )
            bar.update(stream.tell() - bar.n)
            yield Row(
                reader.line_num,
                dict(zip(names, (cell.strip() for cell in cells))),
            )


def _progress_bar(path: epath.Path, quiet: bool) -> tqdm:
    interval = 0.5 if sys.stderr.isatty() else 30.0  # seconds; in a file
    return tqdm(
        desc=f"Reading {path.name}",
        total=None if quiet else path.stat().length,
        unit="B",
        unit_scale=True,
        leave=False,
        disable=quiet,
        delay=interval,
        mininterval=interval,
    )


@contextlib.contextmanager
def _telling_of(path: epath.Path) -> Iterator[None]:
    """Makes an InputError of what a file that is no text raises."""
    try:
        yield
    except InputError:
        raise
    except (OSError, UnicodeError, csv.Error) as error:
        raise unreadable(path, "a table in UTF-8, with commas", error) from (
            error
        )


def unreadable(path: epath.Path, expected: str, error: Exception) -> InputError:
    """The error for a file that is not what its name says."""
    return InputError(
        f"{path} cannot be read.",
        expected,
        f"{type(error).__name__}: {(str(error).splitlines() or [''])[0][:200]}",
        "Write the file again.",
    )


def _check_header(
    path: epath.Path, names: list[str], required: tuple[str, ...]
) -> None:
    for column in required:
        if column not in names:
            shown = ", ".join(names[:6]) + (", ..." if len(names) > 6 else "")
            raise InputError(
                f"{path} lacks the column {column!r}.",
                f"a first line with {', '.join(required)}, between commas",
                shown or "an empty file",
                f"Name the column so; {hint(column, names)}"
                if names
                else "Write the table.",
            )
    repeated = [name for name in names if names.count(name) > 1]
    if repeated or "" in names:
        raise InputError(
            f"{path} has columns that cannot be told apart.",
            "a name of its own for each column",
            repr(repeated[0] if repeated else ""),
            "Change the first line.",
        )


def numbers(path: epath.Path, row: Row, columns: list[str]) -> np.ndarray:
    """The cells of some columns as float32.

    Raises:
        InputError: for one that is no finite number.
    """
    texts = [row.cells[column] for column in columns]
    with np.errstate(over="ignore"):
        values = _parsed(texts).astype(np.float32)
    wrong = np.flatnonzero(~np.isfinite(values))
    if len(wrong):
        raise InputError(
            f"Line {row.line} of {path} has a cell that is no number.",
            f"a finite number, as in 0.25, in column {columns[wrong[0]]!r}",
            repr(texts[wrong[0]]),
            "Complete the line.",
        )
    return values


def _parsed(texts: list[str]) -> np.ndarray:
    """The numbers, NaN where there is none."""
    joined = "".join(texts)
    if joined.isascii() and "_" not in joined:
        with contextlib.suppress(ValueError):
            return np.array(texts, np.float64)
    return np.array([_number(text) for text in texts], np.float64)


def _number(text: str) -> float:
    try:
        return tables.number(text)
    except ValueError:
        return float("nan")
