"""Numbers in the cells of a table, in the forms that spreadsheets give them.

`0,5` and `0.5`, `1.234,5` and `1,234.5`, `45%`: what the signs mean is decided
for a whole table. One that can be read in two ways is refused.
"""

import re
from collections.abc import Iterable, Sequence

import numpy as np

_COMMA_GROUPS = re.compile(r"[-+]?[1-9]\d{0,2}(,\d{3})+(\.\d*)?")
_POINT_GROUPS = re.compile(r"[-+]?[1-9]\d{0,2}(\.\d{3})+(,\d*)?")
# Groups of digits by spaces of any kind, or as the Swiss write them.
_SPACED = re.compile(r"[-+]?[1-9]\d{0,2}([\s'\u2019]\d{3})+([.,]\d*)?")
_ONE_COMMA = re.compile(r"[-+]?\d*,\d+(e[-+]?\d+)?", re.IGNORECASE)
_ONE_POINT = re.compile(r"[-+]?\d*\.\d+(e[-+]?\d+)?", re.IGNORECASE)
# As a decimal number, or as a whole one with a sign between thousands.
_TWO_WAYS = re.compile(r"[-+]?[1-9]\d{0,2}[.,]\d{3}")


class AmbiguousError(ValueError):
    """The cells of a table can be read in two ways, or in none."""


class Style:
    """How columns of a table write numbers.

    Args:
        columns: their names.
        cells: some of their cells.

    Attributes:
        decimal: the decimal sign, a point or a comma.
        notes: what differs from plain numbers, as far as it was met.

    Raises:
        AmbiguousError: if they can be read in two ways, or contradict.
    """

    def __init__(self, columns: Sequence[str], cells: Iterable[str]):
        commas, points, either = [], [], []
        for cell in cells:
            text = _without_marks(cell)
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
        self._has_points = bool(points)
        if either and not commas and not points:
            raise _two_ways(either[0])
        self.decimal = "," if commas else "."
        self.notes = ["the decimal sign is the comma"] if commas else []
        self._columns = columns
        # Which columns have numbers with a percent sign, and without.
        self._with, self._without = np.zeros((2, len(columns)), bool)

    def numbers(self, texts: Sequence[str]) -> np.ndarray:
        """The numbers of a row's cells, float64; NaN for one that says none.

        Raises:
            AmbiguousError: if cells of a column have and lack a percent sign.
        """
        joined = "".join(texts)
        values = np.full(len(texts), np.nan)
        if self.decimal == ".":
            values = plain(texts)
        elif "." not in joined:  # one between thousands is none for Python
            values = plain([text.replace(",", ".") for text in texts])
        for place in np.flatnonzero(~np.isfinite(values)):
            values[place] = self._number(texts[place])
        signs = np.zeros(len(texts), bool)
        if "%" in joined:
            self._note("percent are read as hundredths: 45% is 0.45")
            signs[:] = [text.endswith("%") for text in texts]
            values[signs] /= 100
        self._with |= signs
        self._without |= ~signs & (values != 0)
        both = np.flatnonzero(self._with & self._without)
        if len(both):
            raise AmbiguousError(
                f"column {self._columns[both[0]]!r} has cells with and without "
                "a percent sign"
            )
        return values

    def _number(self, text: str) -> float:
        text = _without_marks(text)
        groups = _COMMA_GROUPS if self.decimal == "." else _POINT_GROUPS
        between = "," if self.decimal == "." else "."
        if between in text and groups.fullmatch(text):
            sure = self._has_points or self.decimal == ","
            if not sure and _TWO_WAYS.fullmatch(text):
                raise _two_ways(text)
            self._note("a sign between thousands is left out")
            text = text.replace(between, "")
        if self.decimal == ",":
            # A point that is not between thousands makes no number.
            text = text.replace(".", "?").replace(",", ".")
        return float(plain([text])[0])

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)


def _two_ways(text: str) -> AmbiguousError:
    return AmbiguousError(
        f"{text!r} may have a decimal comma, or one between thousands"
    )


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
