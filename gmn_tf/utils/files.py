"""Files written whole or not at all, as CSV too; JSON that may be damaged."""

import contextlib
import csv
import io
import json
import math
import os
import pathlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence

from gmn_tf.utils.errors import InputError, UnwritableError, first_line


@contextlib.contextmanager
def reporting_write_errors(
    path, *errors: type[Exception], flag: str = "place"
) -> Iterator[None]:
    """Makes an UnwritableError of an OSError, or other `errors`, in writing.

    Args:
        path: what is written.
        *errors: further errors that mean that it cannot be written.
        flag: what names the place, for the advice.
    """
    try:
        yield
    except (OSError, *errors) as error:
        raise UnwritableError(
            f"Cannot write {path}.",
            "a place with write permission and free space",
            first_line(error),
            f"Choose another {flag}, or make room.",
        ) from error


def check_writable(folder: pathlib.Path, flag: str) -> None:
    """Checks before long work that files can be put into a folder.

    Args:
        folder: it may be missing; then it can be made.
        flag: what names it, for the advice.

    Raises:
        InputError: if a file is in its place, or permission is missing.
    """
    with reporting_write_errors(folder, flag=flag):
        there = next(
            path
            for path in (folder.absolute(), *folder.absolute().parents)
            if path.exists()
        )
        if not there.is_dir():
            raise NotADirectoryError(f"{there} is not a folder")
        if not os.access(there, os.W_OK | os.X_OK):
            raise PermissionError(f"no permission to write into {there}")


@contextlib.contextmanager
def replacing(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """A temporary path that takes the place of `path` once it is written.

    Folders above it that are missing are made, and removed if it fails.

    Raises:
        InputError: if it cannot be written.
    """
    missing = [above for above in path.parents if not above.exists()]
    with reporting_write_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with tempfile.TemporaryDirectory(
                dir=path.parent, prefix=".tmp-"
            ) as folder:
                temporary = pathlib.Path(folder) / path.name
                yield temporary
                os.replace(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):  # another has used them
                for above in missing:
                    above.rmdir()
            raise


def write_text(path: pathlib.Path, text: str) -> None:
    """Writes a file and the folders above it; see `replacing`."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def parse_json(text: str, **options):
    """The value of a JSON text; `options` as of `json.loads`.

    Raises:
        ValueError: if it is not valid JSON, which has neither NaN nor infinity;
            brackets nested too deeply make Python raise a RecursionError
            otherwise.
    """

    def finite(text):
        if not math.isfinite(value := float(text)):
            raise ValueError(f"{text} is not a finite number")
        return value

    try:
        return json.loads(
            text, parse_float=finite, parse_constant=finite, **options
        )
    except RecursionError as error:
        raise ValueError("brackets nested too deeply") from error


def read_json(path: pathlib.Path, expected: str, action: str) -> dict:
    """The object in a JSON file.

    Raises:
        InputError: with what was `expected` and the `action` that helps, if the
            file cannot be read or holds something else.
    """
    try:
        # Editors on Windows begin a file with a mark of its encoding.
        content = parse_json(path.read_text(encoding="utf-8-sig"))
        if not isinstance(content, dict):
            raise ValueError(f"{type(content).__name__}, not an object")
    except (OSError, ValueError) as error:
        raise InputError(
            f"Cannot read {path}.", expected, first_line(error), action
        ) from error
    return content


def csv_text(rows: Sequence[Mapping]) -> str:
    """CSV of any columns, in the order in which these first come.

    A list becomes its items with commas; NaN and None an empty cell.
    """
    text = io.StringIO()
    names = dict.fromkeys(name for row in rows for name in row)
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        cells = {k: None if v != v else v for k, v in row.items()}  # NaN
        for name, value in row.items():
            if isinstance(value, list):
                cells[name] = ",".join(map(str, value))
        writer.writerow(cells)
    return text.getvalue()


def write_csv(path: pathlib.Path, rows: Sequence[Mapping]) -> None:
    """Writes a CSV file, and the folders above it; see `write_text`."""
    write_text(path, csv_text(rows))


def write_json(path: pathlib.Path, content: object) -> None:
    """Writes a JSON file, and the folders above it; see `write_text`."""
    write_text(path, json.dumps(content, indent=2) + "\n")
