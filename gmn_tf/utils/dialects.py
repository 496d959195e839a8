"""How a .csv file is written: its letters, and what separates its cells."""

import codecs
import csv
import io
import itertools
from collections.abc import Sequence
from typing import NamedTuple

from etils import epath

from gmn_tf.utils import texts
from gmn_tf.utils.errors import InputError

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_SAMPLE = 2**20  # bytes that tell the dialect
_LINES = 500
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig", "UTF-8"),
    (codecs.BOM_UTF32_LE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF32_BE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF16_LE, "utf-16", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16", "UTF-16"),
)


class Dialect(NamedTuple):
    """How a table is written.

    Attributes:
        encoding: of its letters.
        delimiter: what separates its cells.
        skipped: lines before the first one of the table, as `sep=;`.
        sample: the cells of the first lines, that of the names first.
        notes: what differs from UTF-8 with commas.
    """

    encoding: str
    delimiter: str
    skipped: int
    sample: list[list[str]]
    notes: list[str]


def reader(file: io.TextIOBase, delimiter: str):
    """The rows of a table; csv.Error for quotation marks left open."""
    return csv.reader(
        file, delimiter=delimiter, strict=True, skipinitialspace=True
    )


def sniff(path: epath.Path, required: Sequence[str]) -> Dialect:
    """Finds out how a table is written, by its first lines.

    Args:
        path: of the table.
        required: names of columns that it has to have.

    Raises:
        OSError, UnicodeError: if it cannot be read.
        InputError: if cells may be separated in two ways.
    """
    with path.open("rb") as stream:
        start = stream.read(_SAMPLE)
        is_whole = not stream.read(1)
    encoding, name = _encoding(start)
    decoder = codecs.getincrementaldecoder(encoding)()
    # The last line may be cut.
    text = decoder.decode(start, is_whole)
    lines = [*io.StringIO(text, newline="")]
    lines = lines if is_whole or len(lines) == 1 else lines[:-1]
    notes = [] if name == "UTF-8" else [f"the text is {name}"]
    skipped, delimiter = 0, ""
    if lines and lines[0].lower().startswith("sep=") and len(lines) > 1:
        delimiter, skipped = lines[0].rstrip("\r\n")[4:5], 1
    sample = {
        one: _cells(lines[skipped:], one)
        for one in (delimiter or "", *DELIMITERS)
        if one
    }
    delimiter = delimiter or _delimiter(path, sample, required)
    if delimiter != ",":
        words = DELIMITERS.get(delimiter, repr(delimiter))
        notes.append(f"cells are separated by {words}")
    return Dialect(encoding, delimiter, skipped, sample[delimiter], notes)


def _encoding(start: bytes) -> tuple[str, str]:
    """Encoding for Python, and its name."""
    for mark, encoding, name in _MARKS:
        if start.startswith(mark):
            return encoding, name
    # A first letter of ASCII in two bytes.
    if len(start) > 1 and bool(start[0]) != bool(start[1]):
        return ("utf-16-le" if start[0] else "utf-16-be"), "UTF-16"
    return "utf-8", "UTF-8"


def _cells(lines: list[str], delimiter: str) -> list[list[str]]:
    """Cells of the first lines, without those after an error."""
    rows = []
    try:
        for row in itertools.islice(reader(lines, delimiter), _LINES):
            rows.append([cell.strip() for cell in row])
    except csv.Error:
        pass
    return [row for row in rows if any(row)]


def _delimiter(path: epath.Path, sample: dict, required: Sequence[str]) -> str:
    fits = []
    for delimiter, rows in sample.items():
        names = {texts.folded(cell) for cell in rows[0]} if rows else set()
        if required and set(map(texts.folded, required)) <= names:
            fits.append(delimiter)
        elif not required and len(names) > 1:
            width = len(trimmed(rows[0]))
            alike = all(len(trimmed(row)) in (width, width + 1) for row in rows)
            fits += [delimiter] if alike else []
    if "," in fits and required:  # a single column has every delimiter
        return ","
    if len(fits) > 1:
        raise InputError(
            f"Cells of {path} may be separated in two ways.",
            "commas, or another sign that is in no name and no number",
            " or ".join(DELIMITERS[one] for one in fits),
            "Put names and numbers with such a sign in quotation marks.",
        )
    if fits:
        return fits[0]
    # None fits; the one with most cells makes the clearest message.
    return max(
        sample, key=lambda one: len(sample[one][0]) if sample[one] else 0
    )


def trimmed(row: list[str]) -> list[str]:
    """The row without empty cells at its end."""
    while row and not row[-1]:
        row = row[:-1]
    return row
