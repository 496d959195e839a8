"""Tables of a user: .csv files, read strictly and one row at a time."""

import contextlib
import csv
import io
import os
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from etils import epath

from gmn_tf.utils.errors import InputError, first_line, hint, listed
from gmn_tf.utils.progress import progress

_LONGEST_CELL = 2**20  # letters; a file with a longer one is not a table


class Row(NamedTuple):
    """A row of a table.

    Attributes:
        cells: its texts by column, without spaces around them.
        place: line and file, for messages.
    """

    cells: dict[str, str]
    place: str

    def columns_except(self, *names: str) -> tuple[str, ...]:
        """All columns but these."""
        return tuple(column for column in self.cells if column not in names)

    def numbers(self, columns: Sequence[str]) -> np.ndarray:
        """The cells of some columns as float32.

        Raises:
            InputError: for a cell that is not a finite number.
        """
        texts = [self.cells[column] for column in columns]
        with np.errstate(over="ignore"):
            values = _numbers(texts).astype(np.float32)
        wrong = np.flatnonzero(~np.isfinite(values))
        if len(wrong):
            raise InputError(
                f"{self.place} has a cell that is not a number.",
                f"a finite number, as in 0.25, in column {columns[wrong[0]]!r}",
                repr(texts[wrong[0]]),
                "Write a number there.",
            )
        return values


def read_rows(
    path: epath.Path, required: Sequence[str] = (), quiet: bool = True
) -> Iterator[Row]:
    """The rows of a .csv file, one after the other.

    Lines without any text are left out.

    Args:
        path: the file, in UTF-8 with or without a byte order mark, with commas.
        required: columns that it has to have.
        quiet: whether to show no progress.

    Raises:
        InputError: for a file that is not such a table, with the line.
    """
    try:
        with (
            path.open("rb") as stream,
            # etils' own text has no choice of encoding.
            io.TextIOWrapper(stream, "utf-8-sig", newline="") as file,
            progress(
                f"Reading {path.name}",
                path.stat().length,
                quiet,
                unit="B",
                leave=False,
            ) as advance,
        ):
            csv.field_size_limit(_LONGEST_CELL)
            reader = csv.reader(file, strict=True)
            names = [name.strip() for name in next(reader, [])]
            _check_header(path, names, required)
            done = 0
            for texts in reader:
                if not any(texts):
                    continue
                place = f"Line {reader.line_num} of {path}"
                if len(texts) != len(names):
                    raise InputError(
                        f"{place} does not fit the first line.",
                        f"{len(names)} cells, as in the first line",
                        f"{len(texts)} cells",
                        "Complete the line, or put names with commas in "
                        "quotation marks.",
                    )
                advance(stream.tell() - done)
                done = stream.tell()
                yield Row(dict(zip(names, map(str.strip, texts))), place)
    except (OSError, UnicodeError, csv.Error) as error:
        raise InputError(
            f"Cannot read {path}.",
            "a table in UTF-8, with commas",
            f"{type(error).__name__}: {first_line(error)}",
            "Correct the path, or write the file again.",
        ) from error


def read(
    path: str | os.PathLike, required: Sequence[str] = ()
) -> list[dict[str, str]]:
    """All rows of a small .csv file, each a text by column; see `read_rows`."""
    return [row.cells for row in read_rows(epath.Path(path), required)]


def number(text: str) -> float:
    """The finite number that a cell says; ValueError for any other text."""
    (value,) = _numbers([text])
    if not np.isfinite(value):
        raise ValueError(f"{text!r} is not a number")
    return float(value)


def _check_header(
    path: epath.Path, names: list[str], required: Sequence[str]
) -> None:
    if len(names) == 1 and ";" in names[0]:
        advice, near = "Separate the cells by commas, not by semicolons.", []
    else:
        advice, near = "Add or rename the column.", names
    for column in required:
        if column not in names:
            raise InputError(
                f"{path} lacks the column {column!r}.",
                f"a first line with {', '.join(required)}, between commas",
                listed(names or ["an empty file"], 6),
                hint(advice, column, near) if names else "Write the table.",
            )
    wrong = [name for name in names if not name or names.count(name) > 1]
    if wrong or np.isfinite(_numbers(names)).all():
        raise InputError(
            f"The first line of {path} does not name the columns.",
            "a different name for each column, not numbers alone",
            repr(wrong[0]) if wrong else listed(names or ["an empty file"], 6),
            "Write the names of the columns into the first line.",
        )


def _numbers(texts: Sequence[str]) -> np.ndarray:
    """The numbers that texts say, NaN for a text that says none."""
    joined = "".join(texts)
    # Python would take 1_000, too, and the digits of other scripts.
    if joined.isascii() and "_" not in joined:
        with contextlib.suppress(ValueError):
            return np.array(texts, np.float64)
    if len(texts) == 1:
        return np.array([np.nan])
    return np.concatenate([_numbers([text]) for text in texts])
