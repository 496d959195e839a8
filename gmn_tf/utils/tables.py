"""Tables of a user: .csv files, read strictly and one row at a time.

What spreadsheets and other programs write is understood where it has one
meaning: see `dialects` for separators and letters, `cell_numbers` for numbers.
"""

import csv
import io
import os
import shlex
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from etils import epath

from gmn_tf.utils import (
    cell_numbers,
    dialects,
    file_kinds,
)
from gmn_tf.utils.errors import InputError, first_line
from gmn_tf.utils.file_signatures import ANY, TABLE
from gmn_tf.utils.progress import progress
from gmn_tf.utils.table_columns import Columns

_LONGEST_CELL = 2**20  # letters; a file with a longer one is not a table


class Row(NamedTuple):
    """A row of a table.

    Attributes:
        cells: its texts by column, without spaces around them.
        place: line and file, for messages.
        table: where it is from.
    """

    cells: dict[str, str]
    place: str
    table: "Table"

    def columns_except(self, *names: str) -> tuple[str, ...]:
        """All columns but these."""
        return tuple(column for column in self.cells if column not in names)

    def numbers(self, columns: Sequence[str], advice: str = "") -> np.ndarray:
        """The cells of some columns as float32.

        Args:
            columns: their names.
            advice: what more to do about a cell that is not a finite number.

        Raises:
            InputError: for a cell that is not a finite number, or if the table
                writes numbers so that they can be read in two ways.
        """
        found = [self.cells[column] for column in columns]
        style = self.table.style(tuple(columns))
        try:
            with np.errstate(over="ignore"):
                values = style.numbers(found).astype(np.float32)
        except cell_numbers.AmbiguousError as error:
            raise _two_ways(self.place, error) from error
        wrong = np.flatnonzero(~np.isfinite(values))
        if len(wrong):
            raise InputError(
                f"{self.place} has a cell that is not a number.",
                "a finite number, as in "
                f"{'0,25' if style.decimal == ',' else '0.25'}, in column "
                f"{columns[wrong[0]]!r}",
                repr(found[wrong[0]]),
                f"Write a number there.{advice}",
            )
        return values


class Table:
    """A .csv file, whose rows it gives one after the other.

    Lines without any text, columns without a name that are empty or number the
    rows, and empty cells after the last column are left out.

    Args:
        path: the file.
        required: columns that it has to have.
        known: further columns that are known by name. These and the required
            ones are found in another case, too.
        quiet: whether to show no progress.
    """

    def __init__(
        self,
        path: epath.Path,
        required: Sequence[str] = (),
        known: Sequence[str] = (),
        quiet: bool = True,
    ):
        self.path, self._required = path, required
        self._known, self._quiet = (*required, *known), quiet
        self._styles, self._notes = {}, []

    @property
    def notes(self) -> list[str]:
        """A sentence on what was understood of the form, or none."""
        found = [*self._notes]
        for style in self._styles.values():
            found += [note for note in style.notes if note not in found]
        return [f"{self.path.name}: {'; '.join(found)}."] if found else []

    def style(self, columns: tuple[str, ...]) -> cell_numbers.Style:
        """How the table writes the numbers of some columns."""
        if columns not in self._styles:
            cells = self._columns.sample(columns)
            try:
                self._styles[columns] = cell_numbers.Style(columns, cells)
            except cell_numbers.AmbiguousError as error:
                raise _two_ways(self.path, error) from error
        return self._styles[columns]

    def __iter__(self) -> Iterator[Row]:
        """The rows.

        Raises:
            InputError: for a file that is not such a table, with the line.
        """
        kind = file_kinds.of(self.path)
        if kind and {*kind.actions} & {TABLE, ANY}:
            raise self._refusal("", "")
        try:
            dialect = dialects.sniff(self.path, self._required)
            self._notes = [*dialect.notes]
            yield from self._rows(dialect)
        except (OSError, UnicodeError, csv.Error) as error:
            wrong = _what_is_wrong(self.path, error)
            raise self._refusal(*wrong) from error

    def _refusal(self, received: str, action: str) -> InputError:
        return file_kinds.refusal(
            self.path,
            "a table in UTF-8, with commas",
            TABLE,
            received,
            action,
        )

    def _rows(self, dialect: dialects.Dialect) -> Iterator[Row]:
        with (
            self.path.open("rb") as stream,
            # etils' own text has no choice of encoding.
            io.TextIOWrapper(stream, dialect.encoding, newline="") as file,
            progress(
                f"Reading {self.path.name}",
                self.path.stat().length,
                self._quiet,
                unit="B",
                leave=False,
            ) as advance,
        ):
            for _ in range(dialect.skipped):
                file.readline()
            csv.field_size_limit(_LONGEST_CELL)
            reader = dialects.reader(file, dialect.delimiter)
            # csv gives an empty row for an empty line.
            first = next(
                (row for row in reader if any(map(str.strip, row))), []
            )
            self._columns = Columns(
                self.path,
                [cell.strip() for cell in first],
                dialect.sample[1:],
                (self._required, self._known),
            )
            self._notes += self._columns.notes
            done = 0
            for cells in reader:
                cells = [cell.strip() for cell in cells]
                if not any(cells):
                    continue
                number = reader.line_num + dialect.skipped
                place = f"Line {number} of {self.path}"
                found = self._columns.cells(cells, place)
                advance(stream.tell() - done)
                done = stream.tell()
                yield Row(found, place, self)


def read(
    path: str | os.PathLike, required: Sequence[str] = ()
) -> list[dict[str, str]]:
    """All rows of a small .csv file, each a text by column; see `Table`."""
    return [row.cells for row in Table(epath.Path(path), required)]


def number(text: str) -> float:
    """The finite number that a cell says; ValueError for any other text."""
    (value,) = cell_numbers.plain([text])
    if not np.isfinite(value):
        raise ValueError(f"{text!r} is not a number")
    return float(value)


def _two_ways(place, error: Exception) -> InputError:
    return InputError(
        f"Numbers in {place} are not clear.",
        "one decimal sign in the whole table, and no signs between thousands",
        str(error),
        "Write plain numbers with a decimal point, as in 1234.5.",
    )


def _what_is_wrong(path: epath.Path, error: Exception) -> tuple[str, str]:
    """What was received instead of a table, and what to do."""
    if not isinstance(error, UnicodeError):
        return (
            f"{type(error).__name__}: {first_line(error)}",
            "Correct the path, or write the file again.",
        )
    with path.open("rb") as stream:
        for number, line in enumerate(stream, 1):  # noqa: B007
            try:
                line.decode("utf-8")
            except UnicodeDecodeError:
                break
        else:
            line = b""
    shown = line[:80].decode("cp1252", "replace").strip()
    return (
        f"letters that are not UTF-8 in line {number}: {shown!r} if it is "
        "Windows-1252",
        "Save the table as CSV UTF-8, or convert it from the ENCODING that it "
        "was saved in, and look at the names in new.csv, because a wrong one "
        "may give other letters without an error. Usual ones are WINDOWS-1252 "
        "for Western Europe, WINDOWS-1251 for Cyrillic, CP949 for Korean, "
        "CP932 for Japanese, GB18030 or BIG5 for Chinese: iconv -f ENCODING -t "
        f"UTF-8 {shlex.quote(os.fspath(path))} > new.csv",
    )
