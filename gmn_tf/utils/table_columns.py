"""The columns of a table: their names, and which of them say nothing."""

import re
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from etils import epath

from gmn_tf.utils import cell_numbers, dialects, texts
from gmn_tf.utils.errors import InputError, hint, listed

# What pandas calls a column without a name.
_UNNAMED = re.compile(r"(Unnamed: \d+(_level_\d+)?)?")
_WHOLE = re.compile(r"-?\d+(\.0*)?")
_EMPTY = re.compile("")
# What other programs and people call columns.
_OTHER_NAMES = {
    "class": ("label", "labels", "species", "category", "name"),
    "seen": ("train", "training", "trained"),
    "text": ("description", "sentence", "caption"),
}


class Columns:
    """The columns of a table, by its first line.

    Those without a name that are empty, or number the rows, are left out.

    Args:
        path: of the table.
        names: the cells of the first line.
        rows: cells of the lines after it.
        expected: names of columns that have to be there, and of all that are
            known; these are found in another case, too.

    Attributes:
        notes: which columns that number rows are left out.

    Raises:
        InputError: for names that are missing or not clear.
    """

    def __init__(
        self,
        path: epath.Path,
        names: list[str],
        rows: list[list[str]],
        expected: tuple[Sequence[str], Sequence[str]],
    ):
        required, known = expected
        width = max(map(len, map(dialects.trimmed, rows)), default=0)
        # Cells after the last column, which spreadsheets leave, are none.
        last = max(len(dialects.trimmed(names)), min(len(names), width))
        names = texts.renamed(names[:last], known)
        _check_required(path, names, required, rows)
        # R's write.table does not name the column of row names.
        longer = [len(dialects.trimmed(row)) > len(names) for row in rows]
        if rows and all(longer) and _number_rows(row[0] for row in rows):
            names = ["", *names]
        self._names, self._rows = names, rows
        self._left_out, self.notes = {}, []
        for place, name in enumerate(names):
            if not rows or not _UNNAMED.fullmatch(name):
                continue
            column = [row[place] for row in rows if place < len(row)]
            if not any(column):
                self._left_out[place] = _EMPTY
            elif _number_rows(column):
                self._left_out[place] = _WHOLE
                self.notes.append(
                    f"column {place + 1}, without a name, numbers the rows and "
                    "is left out"
                )
        _check_names(
            path, [n for p, n in enumerate(names) if p not in self._left_out]
        )

    def sample(self, columns: Sequence[str]) -> Iterator[str]:
        """Some cells of columns."""
        places = [self._names.index(column) for column in columns]
        for row in self._rows:
            yield from (row[place] for place in places if place < len(row))

    def cells(self, cells: list[str], place: str) -> dict[str, str]:
        """The cells of a line by column; InputError, with its place."""
        count = len(self._names)
        if cells[count:] and not any(cells[count:]):
            cells = cells[:count]
        missing = range(len(cells), count)
        if all(self._left_out.get(one) is _EMPTY for one in missing):
            cells = [*cells, *[""] * len(missing)]
        if len(cells) != count:
            raise InputError(
                f"{place} does not fit the first line.",
                f"{count} cells, as in the first line",
                f"{len(cells)} cells",
                "Complete the line, or put names with commas in "
                "quotation marks.",
            )
        for column, form in self._left_out.items():
            if not form.fullmatch(cells[column]):
                raise InputError(
                    f"{place} has a cell in a column without a name.",
                    f"{'nothing' if form is _EMPTY else 'the number of a row'} "
                    f"in column {column + 1}",
                    repr(cells[column]),
                    "Name the column in the first line, or correct the cell.",
                )
        return {
            name: cell
            for column, (name, cell) in enumerate(zip(self._names, cells))
            if column not in self._left_out
        }


def _number_rows(cells: Iterable[str]) -> bool:
    """Whether cells number rows: different whole numbers, none missing."""
    cells = [*cells]
    whole = all(map(_WHOLE.fullmatch, cells))
    return bool(cells) and whole and len({*map(float, cells)}) == len(cells)


def _check_required(
    path: epath.Path,
    names: list[str],
    required: Sequence[str],
    rows: list[list[str]],
) -> None:
    for column in required:
        if column in names:
            continue
        advice = "Add or rename the column."
        for line, row in enumerate(rows[:9], start=2):
            if {*required} <= {*texts.renamed(row, required)}:
                advice = (
                    f"Remove what is above row {line}, which has the names."
                )
        if len(names) == 1 and column in texts.folded(names[0]):
            advice = (
                "Separate cells by commas, and put no whole line in quotation "
                "marks."
            )
        raise InputError(
            f"{path} lacks the column {column!r}.",
            f"a first line with {', '.join(required)}, between commas",
            listed(names or ["an empty file"], 6),
            _advice(advice, column, names) if names else "Write the table.",
        )


def _advice(advice: str, column: str, names: list[str]) -> str:
    """Advice, with the name that is meant, if it is a slip or a usual one."""
    found = hint(advice, column, names)
    others = texts.found(names, _OTHER_NAMES.get(column, ()))
    for one in others if found == advice else ():
        if one in names:
            return hint(advice, one, names)
    return found


def _check_names(path: epath.Path, names: list[str]) -> None:
    wrong = [name for name in names if not name or names.count(name) > 1]
    numbers = cell_numbers.plain(names)
    # Equal numbers are rather those of a first line that has no names.
    same = [name for name in wrong if name]
    if same and not np.isfinite(cell_numbers.plain(same)).any():
        raise InputError(
            f"{names.count(same[0])} columns of {path} are called {same[0]!r}.",
            "a different name for each column",
            listed(dict.fromkeys(same)) + " more than once",
            f"Give each its own name, such as initial_{same[0]} and "
            f"final_{same[0]}, or remove those that say the same.",
        )
    # As pandas names the columns of an array.
    counted = len(names) > 2 and (np.diff(numbers) == 1).all()
    counted = counted and numbers[0] in (0, 1)
    if wrong or (np.isfinite(numbers).all() and not counted):
        raise InputError(
            f"The first line of {path} does not name the columns.",
            "a different name for each column, not numbers alone",
            repr(wrong[0]) if wrong else listed(names or ["an empty file"], 6),
            "Write the names of the columns into the first line.",
        )
