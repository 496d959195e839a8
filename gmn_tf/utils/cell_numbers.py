"""Numbers in the cells of a table, in the forms that spreadsheets give them.

`0,5` and `0.5`, `1.234,5` and `1,234.5`, `45%`: what the signs mean is decided
for a whole table. One that can be read in two ways is refused.
"""

import re
from collections.abc import Iterable, Sequence

import numpy as np

_COMMA_GROUPS = re.compile(r"[-+]?\d{1,3}(,\d{3})+(\.\d*)?")
_POINT_GROUPS = re.compile(r"[-+]?\d{1,3}(\.\d{3})+(,\d*)?")
# Groups of digits by spaces of any kind, or as the Swiss write them.
_SPACED = re.compile(r"[-+]?\d{1,3}([\s'\u2019]\d{3})+([.,]\d*)?")
_ONE_COMMA = re.compile(r"[-+]?\d*,\d+(e[-+]?\d+)?", re.IGNORECASE)
_ONE_POINT = re.compile(r"[-+]?\d*\.\d+(e[-+]?\d+)?", re.IGNORECASE)
# As a decimal number, or as a whole one with a sign between thousands.
_TWO_WAYS = re.compile(r"[-+]?[1-9]\d{0,2}[.,]\d{3}")


class AmbiguousError(ValueError):
    """The cells of a table can be read in two ways, or in none."""


class Style:
    """How a table writes numbers.

    Args:
        cells: some of its cells; texts among them do not matter.

    Attributes:
        decimal: the decimal sign, a point or a comma.
        notes: what differs from plain numbers, as far as it was met.

    Raises:
        AmbiguousError: if they can be read in two ways, or contradict.
    """

    def __init__(self, cells: Iterable[str]):
        commas, points, either = [], [], []
        for cell in cells:
            text = _without_marks(cell)
            if "," not in text and "." not in text:
                continue
            if _TWO_WAYS.fullmatch(text):
                either += [text] if "," in text else []
            elif _ONE_COMMA.fullmatch(text) or _POINT_GROUPS.fullmatch(text):
                commas.append(text)
            elif _ONE_POINT.fullmatch(text) or _COMMA_GROUPS.fullmatch(text):
                points.append(text)
        if commas and points:
            raise AmbiguousError(
                f"the decimal sign is a comma in {commas[0]!r} and a point in "
                f"{points[0]!r}"
            )
        if either and not commas and not points:
            raise AmbiguousError(
                f"{either[0]!r} may have a decimal comma, or one between "
                "thousands"
            )
        self.decimal = "," if commas else "."
        self.notes = ["the decimal sign is the comma"] if commas else []
        self._percent = {}

    def numbers(
        self, texts: Sequence[str], columns: Sequence[str]
    ) -> np.ndarray:
        """The numbers of cells as float64, NaN for one that says none.

        Raises:
            AmbiguousError: if cells of a column have and lack a percent sign.
        """
        joined = "".join(texts)
        if self.decimal == "." or "." not in joined:
            values = plain(texts)
            if not self._percent and np.isfinite(values).all():
                return values
        return np.array(
            [self._number(text, one) for text, one in zip(texts, columns)]
        )

    def _number(self, text: str, column: str) -> float:
        value = _without_marks(text)
        groups = _COMMA_GROUPS if self.decimal == "." else _POINT_GROUPS
        if groups.fullmatch(value) and (self.decimal == "," or "," in value):
            self._note("a sign between thousands is left out")
            value = value.replace("," if self.decimal == "." else ".", "")
        if self.decimal == ",":
            value = value.replace(".", "?").replace(",", ".")
        (number,) = plain([value])
        has_sign = text.endswith("%")
        counts = number and np.isfinite(number)
        if counts and self._percent.setdefault(column, has_sign) != has_sign:
            raise AmbiguousError(
                f"column {column!r} has cells with and without a percent sign"
            )
        if has_sign:
            self._note("percent are read as hundredths: 45% is 0.45")
        return number / 100 if has_sign else number

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)


def plain(texts: Sequence[str]) -> np.ndarray:
    """The numbers that texts say as Python does, NaN for one that says none."""
    joined = "".join(texts)
    # Python would take 1_000, too, and the digits of other scripts.
    if joined.isascii() and "_" not in joined:
        try:
            return np.array(texts, np.float64)
        except ValueError:
            pass
    if len(texts) == 1:
        return np.array([np.nan])
    return np.concatenate([plain([text]) for text in texts])


def _without_marks(text: str) -> str:
    """Without a percent sign and spaces in groups; with a plain minus."""
    text = text.removesuffix("%").rstrip().replace("\u2212", "-")
    return re.sub(r"[\s'\u2019]", "", text) if _SPACED.fullmatch(text) else text
