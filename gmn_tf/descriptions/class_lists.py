"""Lists of classes to describe: names and, perhaps, texts about them."""

import os
import pathlib
from typing import Any, NamedTuple

import numpy as np
from etils import epath

from gmn_tf.images import image_folder
from gmn_tf.utils import cell_numbers, tables, texts
from gmn_tf.utils.errors import InputError, counted, ended, hint, listed
from gmn_tf_datasets.zero_shot import source
from gmn_tf_datasets.zero_shot.xlsa17 import mat_file

CLASS, NAME, TEXT, SEEN = COLUMNS = ("class", "name", "text", "seen")
SPLITS_FILE = "_splits.mat"  # the end of a name, as in att_splits.mat
_NAMES = "allclasses_names"
# What another description of the same classes has in common with this one.
_ROWS = tuple(
    f"{key}_loc"
    for key in ("trainval", "test_seen", "test_unseen", "train", "val")
)
_SAMPLE = 1 << 16  # bytes that tell a table from a list of names
_FIRST = 100  # rows that tell words from numbers


class ClassList(NamedTuple):
    """Classes to describe.

    Attributes:
        names: of `n` classes, as labels have them.
        shown: what to call each in words; its name, if nothing else is known.
        texts: about each, perhaps empty.
        seen: what a table says of each in its column `seen`; none without it.
        variables: of a .mat file, what belongs to every description of its
            classes.
        columns: other columns of a table, such as attributes.
        notes: which columns are not read, one sentence for each table.
    """

    names: tuple[str, ...]
    shown: tuple[str, ...]
    texts: tuple[str, ...]
    seen: tuple[str, ...] = ()
    variables: dict[str, Any] = {}  # noqa: RUF012 - is not changed
    columns: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def read(path: str | os.PathLike) -> ClassList:
    """The classes of a file or folder.

    Args:
        path: a table with a column `class` and, if wanted, `name`, `text` and
            `seen`; a text file with a name in each line; a folder with a
            folder for each class; or a NAME_splits.mat of xlsa17.

    Raises:
        InputError: for a file that cannot be read, without classes, or with
            names that cannot be used.
    """
    path = epath.Path(path).expanduser()
    if path.is_dir():
        return _of_names(image_folder.scan(path).classes, path)
    if path.suffix == ".mat":
        return _of_mat(path)
    if lines := _plain_lines(path):
        return _of_names(lines, path)
    return _of_table(path)


def with_texts(classes: ClassList, path: str | os.PathLike) -> ClassList:
    """The classes, some of them with other words.

    Args:
        classes: all of them.
        path: a table with a column `class`, and `name` or `text`.

    Raises:
        InputError: for a table that cannot be read, or other classes.
    """
    path = epath.Path(path).expanduser()
    known = texts.Names(classes.names)
    shown, about = list(classes.shown), list(classes.texts)
    rows = list(tables.Table(path, (CLASS,), COLUMNS))
    columns = [*rows[0].cells] if rows else []
    if rows and not {NAME, TEXT} & {*columns}:
        raise InputError(
            f"{path} has neither names nor texts of classes.",
            f"a column {NAME}, {TEXT} or both, beside {CLASS}",
            listed(columns),
            f"Call the column with words about the classes `{TEXT}`.",
        )
    for row in rows:
        name = row.cells[CLASS]
        place = known.find(name)
        if place is None:
            raise InputError(
                f"{row.place} names a class that is not described.",
                f"one of the {len(classes.names)} classes of --classes",
                repr(name),
                hint("Correct the name.", name, classes.names),
            )
        shown[place] = row.cells.get(NAME) or shown[place]
        about[place] = row.cells.get(TEXT) or about[place]
    return classes._replace(
        shown=tuple(shown),
        texts=tuple(about),
        notes=(*classes.notes, *_notes([row.cells for row in rows], path)),
    )


def _notes(rows: list[dict[str, str]], path: epath.Path) -> tuple[str, ...]:
    """A sentence on the columns of a table that are not read, or none."""
    others = [name for name in rows[0] if name not in COLUMNS] if rows else []
    if not others:
        return ()
    count = counted(len(others), "column")
    are = "is" if len(others) == 1 else "are"
    note = ended(f"{count} of {path} {are} not read: {listed(others)}")
    cells = [row[name] for row in rows[:_FIRST] for name in others]
    words = [cell for cell in cells if any(map(str.isalpha, cell))]
    if not np.isfinite(cell_numbers.plain(words)).all():
        note += (
            f" Only {CLASS}, {NAME}, {TEXT} and {SEEN} are; words about a "
            f"class have to be in the column `{TEXT}`."
        )
    return (note,)


def _of_names(names: list[str], path: epath.Path) -> ClassList:
    _check(names, [f"{path}"] * len(names), path)
    return ClassList(tuple(names), tuple(names), ("",) * len(names))


def _of_table(path: epath.Path) -> ClassList:
    rows = list(tables.Table(path, (CLASS,), COLUMNS))
    cells = [row.cells for row in rows]
    names = [one[CLASS] for one in cells]
    _check(names, [row.place for row in rows], path)
    columns = {*cells[0]}
    return ClassList(
        tuple(names),
        tuple(one.get(NAME) or one[CLASS] for one in cells),
        tuple(one.get(TEXT, "") for one in cells),
        tuple(one[SEEN] for one in cells) if SEEN in columns else (),
        columns=tuple(name for name in cells[0] if name not in COLUMNS),
        notes=_notes(cells, path),
    )


def _of_mat(path: epath.Path) -> ClassList:
    if not path.exists():
        raise InputError(
            f"There is no {path}.",
            "the table of classes, or a file such as att_splits.mat",
            "no such file",
            "Correct --classes.",
        )
    file = mat_file.read(path, (_NAMES, *_ROWS))
    names = [*map(str.strip, file.texts(_NAMES))]
    found = _of_names(names, path)
    there = [name for name in _ROWS if name in file.variables]
    rows = {name: file.integers(name).reshape(-1, 1) for name in there}
    return found._replace(variables=rows)


def _plain_lines(path: epath.Path) -> list[str]:
    """The lines of a text file without columns; none of another file."""
    try:
        with path.open("rb") as stream:
            sample = stream.read(_SAMPLE).decode("utf-8-sig", "ignore")
        has_columns = any(mark in sample for mark in ",;\t|\0")
        first = next(iter(sample.split("\n")), "")
        if has_columns or texts.folded(first) in COLUMNS:
            return []
        content = pathlib.Path(path).read_text("utf-8-sig")
    except (OSError, UnicodeError):
        return []  # of which reading the table tells more
    return [line.strip() for line in content.splitlines() if line.strip()]


def _check(names: list[str], places: list[str], path: epath.Path) -> None:
    """Raises InputError for no class, or names that cannot be used."""
    if not names:
        raise InputError(
            f"{path} names no class.",
            "one line per class, in a table with a column `class` or a text "
            "with names alone",
            "no line",
            "Add the classes.",
        )
    earlier = set()
    for name, place in zip(names, places):
        source.check_class_name(name, place, earlier)
        earlier.add(name)
    source.check_different(names, f"{path}")
