"""Tables of classes: names, whether each is seen, and numbers.

classes.csv and embeddings.csv are such tables, and those with classes that come
after the training.
"""

import os
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from etils import epath

from gmn_tf.utils import cell_numbers, tables
from gmn_tf.utils.errors import InputError, counted, hint, listed
from gmn_tf_datasets.zero_shot import counters, source

# What the column `seen` may say, and the kind of class that it means.
KINDS = {
    **dict.fromkeys(("seen", "1", "yes", "true"), "seen"),
    **dict.fromkeys(("unseen", "0", "no", "false"), "unseen"),
    "validation": "validation",
}
# As pandas writes them, where a cell of the column was empty.
KINDS |= {"1.0": "seen", "0.0": "unseen"}
# What more to do about a cell that is not a number.
_KINDS_ADVICE = (
    " If the column names kinds, such as colours, replace it by one "
    "column for each kind, with 1 where it applies and 0 elsewhere. Codes 0, "
    "1, 2 for the kinds would be taken for quantities."
)


class Descriptions(NamedTuple):
    """Names of `k` classes, and the numbers that describe them.

    Attributes:
        names: all different.
        values: `[k, da]` float32.
        columns: what each of the `da` numbers is called; none of an array.
        notes: what was understood of the form of the file.
    """

    names: tuple[str, ...]
    values: np.ndarray
    columns: tuple[str, ...]
    notes: tuple[str, ...] = ()


def read(
    path: epath.Path,
    *required: str,
    known: Sequence[str] = (),
    words: Sequence[str] = (),
) -> tuple[Descriptions, tuple[str, ...], tuple[str, ...]]:
    """Descriptions, the kinds if `seen` is required, and places in the file.

    Args:
        path: of the table.
        *required: columns that it has to have: `class` and, perhaps, `seen`.
        known: columns of numbers that may be called as if they counted rows.
        words: columns that are not read.

    Raises:
        InputError: for a table that cannot be right, with the line.
    """
    places, kinds, values, columns, notes = {}, [], [], (), []
    rows = tables.Table(path, required, ("class", "seen", *known, *words))
    # Later classes have the columns of the training, which are numbers.
    advice = "" if known else _KINDS_ADVICE
    kept = () if known else _that_describe(rows)
    for row in rows:
        name = row.cells["class"]
        source.check_class_name(name, row.place, places)
        places[name] = row.place
        if "seen" in required:
            text = row.cells["seen"].lower()
            if text not in KINDS:
                raise InputError(
                    f"{row.place} does not say whether the class {name} is "
                    "seen.",
                    "seen, unseen (or 1, 0, yes, no), or validation",
                    repr(row.cells["seen"]),
                    hint("Correct the column seen.", text, KINDS),
                )
            kinds.append(KINDS[text])
        if not values:
            columns = row.columns_except("class", "seen", *words)
            columns, notes = counters.without(columns, path, (*known, *kept))
        values.append(row.numbers(columns, advice))
    if not places:
        raise InputError(
            f"{path} names no class.",
            "one line per class",
            "the first line alone",
            "Add the classes.",
        )
    source.check_different(tuple(places), f"{path}")
    if kept:
        notes.append(
            f"{path.name}: {counted(len(kept), 'column')} kept, though the "
            f"name may say that it numbers rows, because its values do not: "
            f"{listed(map(repr, kept))}. Remove what describes no class."
        )
    notes = (*rows.notes, *notes)
    table = Descriptions(tuple(places), np.stack(values), columns, notes)
    return table, tuple(kinds), tuple(places.values())


def _that_describe(rows: tables.Table) -> list[str]:
    """Columns that are called as if they numbered rows, and do not."""
    first = next(iter(rows), None)
    named = counters.named(first.cells) if first else []
    if not named:
        return []
    cells = [[row.cells[name] for name in named] for row in rows]
    columns = zip(named, zip(*cells))
    return [
        name
        for name, column in columns
        if counters.describe(_numbers(name, column))
    ]


def _numbers(name: str, cells: Sequence[str]) -> np.ndarray:
    """The numbers of a column's cells `[n]`; NaN for what is none for sure."""
    try:
        style = cell_numbers.Style((name,), cells)
        return np.concatenate([style.numbers((cell,)) for cell in cells])
    except cell_numbers.AmbiguousError:
        return np.full(len(cells), np.nan)


def read_new(
    path: str | os.PathLike,
    columns: Sequence[str] = (),
    words: Sequence[str] = (),
) -> Descriptions:
    """Reads descriptions of classes that a run was not trained with.

    Args:
        path: a CSV file like classes.csv: the names in a column `class`, the
            description in all others, called as in the training's, in any
            order. A column `seen` is not read.
        columns: those that describe the classes of the run.
        words: columns with words, which are not read.

    Raises:
        InputError: for a file that cannot be right, with the line.
    """
    path = epath.Path(path).expanduser()
    table, _, _ = read(path, "class", known=columns, words=words)
    check_described(path, table.values, table.names)
    return table


def check_described(path: epath.Path, values: np.ndarray, names) -> None:
    """Raises InputError for a row without numbers, or with zeros alone."""
    rows = np.flatnonzero(~values.any(axis=1))
    if len(rows):
        raise InputError(
            f"{path} does not describe {names[rows[0]]}.",
            "numbers for every class, one of them not zero",
            f"no number but 0 for {counted(len(rows), 'class', 'classes')}, "
            f"counted from 1: {listed(rows + 1)}",
            "Describe these classes completely; if none of these numbers is "
            "true of them, add a column that is 1 for such classes.",
        )
