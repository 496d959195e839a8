"""Tables of a user: .csv files and arrays of NumPy, read strictly."""

import contextlib
import csv
import dataclasses
import io
import sys
from collections.abc import Iterator

import numpy as np
from etils import epath
from tqdm import tqdm

from gmn_tf.errors import InputError
from gmn_tf.suggest import hint

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
        raise _unreadable(path, "a table in UTF-8, with commas", error) from (
            error
        )


def _unreadable(path: epath.Path, expected: str, error: Exception):
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
        try:
            values = np.array(texts, np.float64).astype(np.float32)
        except ValueError:
            values = np.array([_number(text) for text in texts], np.float32)
    wrong = np.flatnonzero(~np.isfinite(values))
    if len(wrong):
        raise InputError(
            f"Line {row.line} of {path} has a cell that is no number.",
            f"a finite number, as in 0.25, in column {columns[wrong[0]]!r}",
            repr(texts[wrong[0]]),
            "Complete the line.",
        )
    return values


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def load_array(path: epath.Path) -> np.ndarray:
    """An array from a .npy file, which stays on disk.

    Raises:
        InputError: for what is no plain array.
    """
    try:
        # Not numpy.load, which takes archives too.
        return np.lib.format.open_memmap(path, mode="r")
    except Exception as error:
        with contextlib.suppress(Exception), path.open("rb") as stream:
            # What has no elements cannot be mapped, and may be what it is.
            return np.lib.format.read_array(stream, allow_pickle=False)
        raise _no_array(path, error) from error


def load_arrays(
    path: epath.Path, names: tuple[str, ...]
) -> dict[str, np.ndarray]:
    """Arrays of those names from a .npz file.

    Raises:
        InputError: if there are no such arrays.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            found = list(archive.files)
            arrays = {name: archive[name] for name in names if name in found}
    except Exception as error:
        # A damaged archive makes zipfile, zlib and NumPy raise almost anything.
        raise _no_array(path, error) from error
    for name in names:
        if name not in arrays:
            raise InputError(
                f"{path} lacks the array {name!r}.",
                f"arrays called {' and '.join(names)}",
                ", ".join(found) or "none",
                f"Save it by numpy.savez({path.name!r}, "
                + ", ".join(f"{one}=..." for one in names)
                + f"); {hint(name, found)}",
            )
    return arrays


def _no_array(path: epath.Path, error: Exception) -> InputError:
    return _unreadable(
        path, "plain arrays as numpy.save and numpy.savez write them", error
    )


def refuse_other_than_numbers(
    path: epath.Path, name: str, values: np.ndarray, rows: str
) -> None:
    """Raises InputError unless `values` is a matrix of real numbers."""
    plain = values.dtype.kind in "fiu" and values.ndim == 2 and values.size
    if not plain:
        raise InputError(
            f"{name} in {path} is not a matrix of numbers.",
            f"two dimensions, one row per {rows}, not empty",
            f"shape {values.shape}, type {values.dtype}",
            "Save the matrix again.",
        )
