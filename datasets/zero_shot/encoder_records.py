"""How descriptions were made from words: the record of bin/describe.

A table NAME.csv has it in NAME.encoder.json, a .mat file in a variable. The
builder reads, keeps and compares it, and knows nothing of encoders. What
bin/describe has to say of the classes is in NAME.notes.csv, for people alone.
"""

import os
import pathlib
from collections.abc import Sequence

from etils import epath

from gmn_tf.utils import files
from gmn_tf.utils.errors import InputError, first_line

VARIABLE = "encoder"  # of a .mat file
NOTES = ".notes.csv"
_ENDING = ".encoder.json"
_NEEDED = ("encoder", "source", "sha256", "dim")
_EXPECTED = "the record that bin/describe wrote with the descriptions"


def path_of(table: str | os.PathLike) -> pathlib.Path:
    """The file beside a table that says how it was made, if there is one."""
    path = pathlib.Path(table)
    return path.with_name(path.stem + _ENDING)


def notes_of(file: str | os.PathLike) -> pathlib.Path:
    """The file beside descriptions that has all notes on them, if any."""
    path = pathlib.Path(file)
    return path.with_name(path.stem + NOTES)


def beside(
    table: epath.Path, columns: Sequence[str]
) -> tuple[dict | None, tuple[str, ...]]:
    """The record of a table, and notes.

    It says nothing of a table whose columns are not those of the record, as if
    attributes have been added by hand.

    Raises:
        InputError: for a file that is damaged.
    """
    path = path_of(table)
    if not path.exists():
        return None, ()
    action = "Describe the classes again, or remove the file."
    record = files.read_json(path, _EXPECTED, action)
    _check(record, path)
    recorded = record.pop("columns", None)
    if recorded != list(columns):
        return None, (
            f"{path.name} is not of the columns of {table.name}, which were "
            "changed: later classes have to be described by numbers.",
        )
    return record, ()


def of_mat(file) -> dict | None:
    """The record in a `MatFile`, if it has one; InputError for another."""
    if VARIABLE not in file.variables:
        return None
    try:
        record = files.parse_json(str(file.texts(VARIABLE)[0]))
    except (IndexError, ValueError) as error:
        record = first_line(error)
    _check(record, f"{VARIABLE} in {file.path}")
    return record


def _check(record: object, place: object) -> None:
    if not isinstance(record, dict) or not set(_NEEDED) <= set(record):
        raise InputError(
            f"{place} does not say how classes were described.",
            _EXPECTED,
            f"{record!r:.80}",
            "Describe the classes again, with bin/describe.",
        )
