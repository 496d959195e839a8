"""Columns of numbers that say nothing of a sample or class: they count.

`DataFrame.to_csv` leaves the number of each row in a column, of any name and at
any place; such a number would be learned from as if it described the row.
"""

import re
from collections.abc import Collection, Iterator, Sequence

import numpy as np
from etils import epath

from gmn_tf.utils import texts
from gmn_tf.utils.errors import InputError, counted

_START = 64  # rows that tell which columns are worth a look
_FEWEST = 4  # rows by which a column of any name is seen to count
_MANY = 20  # rows whose numbers in any order are those of rows, not a rank
_BLOCK = 4096  # rows that are read at once
_NUMBERS = 2**24  # of columns that are looked at at once
# Names of columns that number rows, without what is no letter or digit.
_NAMES = {
    *("id", "index", "idx", "rowid", "rowindex", "rownumber", "rownum"),
    *("rownr", "rowno", "rownames", "rowname", "row", "level0", "nr", "lfdnr"),
    *("sampleid", "imageid", "imgid", "fileid", "recordid", "objectid", "uid"),
    *("classid", "classindex", "classidx", "classnr", "classno", "labelid"),
    *("slno", "sno", "serial", "serialnumber", "uniqueid", "classnumber"),
}
_SIGNS = {"#", "\u2116"}  # that stand for a number, where they are a name


def without(
    columns: Sequence[str], path: epath.Path, known: Collection[str] = ()
) -> tuple[tuple[str, ...], list[str]]:
    """The columns of a table without those whose name says that they count.

    Names alone decide in tables of features, so that every table of a model
    has the same columns, whatever its rows are. Tables of classes name the
    columns of the model, or those that `describe`.

    Args:
        columns: their names.
        path: of the table.
        known: names of columns that do not count.

    Returns:
        Those that stay, and a sentence if others do not.
    """
    left_out = [name for name in named(columns) if name not in known]
    if not left_out:
        return tuple(columns), []
    words = ", ".join(map(repr, left_out))
    return tuple(name for name in columns if name not in left_out), [
        f"{path.name}: {counted(len(left_out), 'column')} left out, because "
        f"the name says that it numbers rows: {words}."
    ]


def named(columns: Collection[str]) -> list[str]:
    """The columns whose name says that they number rows."""
    return [name for name in columns if _is_number(name)]


def describe(numbers: np.ndarray) -> bool:
    """Whether a column says something, whatever it is called.

    Such as `index` for a finger, with 0 and 1. Different whole numbers number
    rows; texts are no description, and neither is one number in all rows.

    Args:
        numbers: `[n]`, of its cells; NaN for a text.
    """
    if not np.isfinite(numbers).all() or _count(numbers):
        return False
    is_whole = bool((numbers == np.rint(numbers)).all())
    return 1 < len(np.unique(numbers)) < len(numbers) or not is_whole


def _is_number(name: str) -> bool:
    """Whether the name of a column says that it numbers rows.

    A name without letters may be a picture, such as a red circle.
    """
    letters = re.sub(r"[\W_]+", "", texts.folded(name))
    return letters in _NAMES if letters else bool({*name} & _SIGNS)


def check(
    values,
    place: object,
    labels: np.ndarray | None = None,
    names: Sequence[str] = (),
) -> None:
    """Raises InputError for a column that counts rows, or numbers classes.

    Args:
        values: `[n, columns]`, an array or what gives rows as one.
        place: of the values, for the message.
        labels: `[n]` numbers of classes, if they are known.
        names: of the columns, if they have some.
    """
    if len(values) < _FEWEST:
        return
    first = np.arange(min(_START, len(values)))
    spread = np.unique(np.linspace(0, len(values) - 1, _START, dtype=int))
    start, some = (
        # Differences of whole numbers of 16 bits may need more.
        np.asarray(values[rows], np.float64)
        for rows in (first, spread)
    )
    columns = [
        column
        for column in np.flatnonzero((some == np.rint(some)).all(axis=0))
        if _count(start[:, column])
        or _are_distinct(some[:, column])
        or _numbers_classes(some[:, column], labels, spread)
    ]
    for column, numbers in _whole(values, columns):
        what = "rows"
        many = len(numbers) >= _MANY
        if not _count(numbers) and not (many and _follow(numbers)):
            if not _numbers_classes(numbers, labels, np.arange(len(values))):
                continue
            what = "classes"
        name = repr(names[column]) if names else f"{column} (from 0)"
        shown = ", ".join(f"{number:g}" for number in numbers[:5])
        raise InputError(
            f"Column {name} of {place} numbers the {what}.",
            "columns that say something of what is in a row, not its number",
            f"{shown}, ... in the first rows",
            "Remove the column. If it says something by chance, put the rows "
            "into another order."
            if names
            else "Save the array without it.",
        )


def _whole(values, columns: Sequence[int]) -> Iterator[tuple[int, np.ndarray]]:
    """Columns with all of their rows, as many at once as fit into memory."""
    at_once = max(1, _NUMBERS // len(values))
    for first in range(0, len(columns), at_once):
        some = columns[first : first + at_once]
        blocks = (
            np.asarray(values[start : start + _BLOCK])[:, some]
            for start in range(0, len(values), _BLOCK)
        )
        yield from zip(some, np.concatenate([*blocks]).astype(np.float64).T)


def _are_distinct(numbers: np.ndarray) -> bool:
    """Whether they are different whole numbers."""
    whole = bool((numbers == np.rint(numbers)).all())
    return whole and len(np.unique(numbers)) == len(numbers)


def _follow(numbers: np.ndarray) -> bool:
    """Whether they are whole numbers that follow each other, in any order."""
    several = len(numbers) > 2 and np.ptp(numbers) == len(numbers) - 1
    return bool(several) and _are_distinct(numbers)


def _count(numbers: np.ndarray) -> bool:
    """Whether they count up or down, perhaps from the start several times."""
    steps = np.diff(numbers)
    if (steps == 1).all() or (steps == -1).all():
        return True
    # A part for each class: it begins at 0 or 1, and most count on.
    begins = (steps != 1).nonzero()[0] + 1
    parts = len(begins) + 1
    return bool(
        numbers[0] in (0, 1)
        and (numbers[begins] == numbers[0]).all()
        and len(numbers) >= 4 * parts
    )


def _numbers_classes(numbers, labels: np.ndarray | None, rows) -> bool:
    """Whether each class of these rows has a whole number of its own."""
    if labels is None or not (numbers == np.rint(numbers)).all():
        return False
    labels = labels[rows]
    classes = len(np.unique(labels))
    if not 2 < classes < len(labels) or len(np.unique(numbers)) != classes:
        return False
    pairs = np.unique(np.stack([labels, numbers]), axis=1).shape[1]
    return pairs == classes
