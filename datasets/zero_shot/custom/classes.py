"""The classes of a user's data: which are seen, and what describes each.

Descriptions come from classes.csv, or from files beside it: the part `att` of
the embedding from classes.csv or embeddings.csv, another part NAME from
embeddings_NAME.csv. `class_tables` reads the tables among them. A further
format needs a function and a line in `_READERS`.
"""

import dataclasses
import functools
import itertools
import os
from collections.abc import Sequence

import numpy as np
from etils import epath

from gmn_tf.utils import file_kinds, texts
from gmn_tf.utils.errors import InputError, counted, hint, listed, meant
from gmn_tf.utils.file_signatures import TABLE
from gmn_tf_datasets.zero_shot import (
    counters,
    encoder_records,
    evidence,
    source,
)
from gmn_tf_datasets.zero_shot.custom import (
    arrays,
    class_tables,
    folder_names,
)

CLASSES_FILE = "classes.csv"
EMBEDDING = "att"  # the part that classes.csv itself may hold
_STEM = "embeddings"


@dataclasses.dataclass(frozen=True)
class Classes:
    """All classes in the order of classes.csv.

    Attributes:
        names: `C` names.
        kinds: `C` of `seen`, `unseen` and `validation`.
        parts: of the embedding, each with `[C, dim]` float32.
        paths: the files that were read.
        notes: what was understood of their form.
    """

    names: tuple[str, ...]
    kinds: tuple[str, ...]
    parts: tuple[source.Embedding, ...]
    paths: tuple[epath.Path, ...]
    notes: tuple[str, ...] = ()

    @property
    def embeddings(self) -> np.ndarray:
        """`[C, da]` float32, all parts side by side."""
        return np.concatenate([part.values for part in self.parts], axis=1)

    @property
    def columns(self) -> tuple[str, ...]:
        """What each of the `da` numbers is called: `legs`, or `glove[3]`."""
        names = []
        for part in self.parts:
            dim = part.values.shape[1]
            names += part.columns or [f"{part.name}[{n}]" for n in range(dim)]
        return tuple(names)

    @property
    def unseen(self) -> np.ndarray:
        """Numbers of the unseen classes."""
        return np.flatnonzero(np.array(self.kinds) == "unseen")

    @property
    def validation(self) -> tuple[str, ...]:
        """Names of the classes that are marked for validation."""
        is_validation = [kind == "validation" for kind in self.kinds]
        return tuple(itertools.compress(self.names, is_validation))

    @functools.cached_property
    def _numbers(self) -> texts.Names:
        return texts.Names(self.names)

    def number(self, name: str, place: str) -> int:
        """The number of a class, whose name is compared as people see it.

        Raises:
            InputError: for an unknown one, or if it may be one of several,
                with its place.
        """
        number = self._numbers.find(name)
        if number is None:
            raise InputError(
                f"{place} names a class that {CLASSES_FILE} lacks.",
                f"one of the {len(self.names)} classes in {CLASSES_FILE}",
                repr(name),
                self._advice(name),
            )
        return number

    def _advice(self, name: str) -> str:
        """What to do about a name that no class has."""
        advice = hint("Add the class, or correct its name.", name, self.names)
        near = meant(name, self.names)
        if why := folder_names.obstacle(near):
            advice += (
                f" No folder of images can have that name, because {why}: "
                "where images are in folders, call the class "
                f"{folder_names.possible(near)!r} in {CLASSES_FILE}, and its "
                "folder."
            )
        return advice


def find(folder: epath.Path) -> epath.Path:
    """The path of classes.csv; InputError if it is not there."""
    path = folder / CLASSES_FILE
    if not path.exists():
        is_folder = folder.is_dir()
        other, advice = "", ""
        if is_folder:
            other, advice = file_kinds.instead(folder, "classes", TABLE)
        raise InputError(
            f"{folder} has no {CLASSES_FILE}.",
            f"{CLASSES_FILE} with the columns class, seen, and the numbers "
            "that describe a class",
            other or ("no such file" if is_folder else "no such folder"),
            advice or "Write the file; docs/custom_data.md has an example."
            if is_folder
            else "Correct the path of the folder.",
        )
    return path


def read(folder: epath.Path, embedding: str = EMBEDDING) -> Classes:
    """Reads classes.csv, and the files of descriptions beside it.

    Args:
        folder: with the files.
        embedding: which descriptions: `att`, NAME, or several with plus signs.

    Raises:
        InputError: for a file that is missing or cannot be right.
    """
    path = find(folder)
    table, kinds, _ = class_tables.read(path, "class", "seen")
    classes = Classes(table.names, kinds, (), (path,), table.notes)
    for name in embedding.split("+"):
        part, notes = _read_part(name, folder, classes, table)
        class_tables.check_described(
            folder / part.file, part.values, classes.names
        )
        file = folder / part.file
        record, more_notes = encoder_records.beside(file, part.columns)
        paths = [*classes.paths, *[file] * (file != path)]
        paths += [epath.Path(encoder_records.path_of(file))] * bool(record)
        classes = dataclasses.replace(
            classes,
            parts=(
                *classes.parts,
                dataclasses.replace(part, encoder=record),
            ),
            paths=tuple(paths),
            notes=(*classes.notes, *notes, *more_notes),
        )
    unseen, seen = kinds.count("unseen"), kinds.count("seen")
    if not unseen or not seen or len(kinds) - unseen < 2:
        raise InputError(
            f"{path} has too few classes.",
            "two or more seen classes (one may be for validation), and one or "
            "more unseen ones",
            f"{seen} seen, {len(classes.validation)} for validation, {unseen} "
            "unseen",
            "Change the column seen, or add classes. An unseen class needs a "
            "description and no sample.",
        )
    return classes


def read_new(
    path: str | os.PathLike,
    columns: Sequence[str],
    parts: Sequence[str],
    dim: int,
) -> class_tables.Descriptions:
    """Classes that a run was not trained with, and their numbers.

    The numbers of all parts are in the table of the classes or, where those of
    the run have no names, in embeddings.npy and the like beside it.

    Args:
        path: of the table.
        columns: those that describe the classes of the run, if they are known.
        parts: the names of the parts of its embedding.
        dim: how many numbers describe a class.

    Raises:
        InputError: for a file that cannot be right.
    """
    path = epath.Path(path).expanduser()
    table, _, _ = class_tables.read(path, "class", known=columns)
    if table.columns:
        class_tables.check_described(path, table.values, table.names)
        return table
    files = [path.parent / f"{_stem(name)}.npy" for name in parts]
    if columns or not files or not all(file.exists() for file in files):
        raise InputError(
            f"{path} has no numbers that describe its classes.",
            f"the {counted(dim, 'column')} {listed(columns)}"
            if columns
            else f"{counted(dim, 'column')} of numbers, with any names, or "
            f"{listed(file.name for file in files)} beside it, an array with "
            "a row for each class",
            "no column of numbers",
            "Describe the new classes by the same numbers, in the same order, "
            "as those of the training.",
        )
    found, notes = [], table.notes
    for file in files:
        values, more = _array(file, len(table.names), path.name)
        class_tables.check_described(file, values, table.names)
        found.append(values)
        notes += more
    values = np.concatenate(found, axis=1)
    return class_tables.Descriptions(table.names, values, (), notes)


def _stem(name: str) -> str:
    """What a file beside the table is called that has a part `name`."""
    return _STEM if name == EMBEDDING else f"{_STEM}_{name}"


def _read_part(
    name: str,
    folder: epath.Path,
    classes: Classes,
    table: class_tables.Descriptions,
) -> tuple[source.Embedding, tuple[str, ...]]:
    """One part of the embedding, and notes on the form of its file.

    Raises:
        InputError: if nothing describes the classes, or more than one file.
    """
    stem = _stem(name)
    file = arrays.only(folder, [f"{stem}{ending}" for ending in _READERS])
    in_table = table.columns if name == EMBEDDING else ()
    if bool(file) == bool(in_table):
        numbers = f"numbers in {CLASSES_FILE} after the columns class and seen"
        wanted = " or ".join(f"{stem}{ending}" for ending in _READERS)
        raise InputError(
            f"{folder} describes its classes "
            f"{'more than once' if file else 'nowhere'}"
            f"{f' as {name}' * (name != EMBEDDING)}.",
            f"{numbers}, or {wanted}" if name == EMBEDDING else wanted,
            f"{len(table.columns)} columns of numbers in {CLASSES_FILE}, and "
            f"{file.name if file else 'no such file'}",
            "Keep one of them." if file else _advice(folder),
        )
    if not file:
        counters.check(table.values, folder / CLASSES_FILE, names=in_table)
        part = source.Embedding(name, table.values, in_table, CLASSES_FILE)
        return part, ()
    values, columns, notes = _READERS[file.suffix](file, classes)
    return source.Embedding(name, values, columns, file.name), notes


def _advice(folder: epath.Path) -> str:
    """What to do if nothing describes the classes as they should be."""
    others = sorted(
        {
            file.stem.removeprefix(f"{_STEM}_")
            for ending in _READERS
            for file in folder.glob(f"{_STEM}_*{ending}")
            if not file.name.endswith(encoder_records.NOTES)
        }
    )
    if others:
        return f"Choose what there is, with --embedding={'+'.join(others)}."
    return (
        "Add one of them; bin/describe makes descriptions from the names of "
        "classes."
    )


def _read_npy(path: epath.Path, classes: Classes):
    """One row per class, in the order of classes.csv."""
    values, notes = _array(path, len(classes.names), CLASSES_FILE)
    counters.check(values, path)
    return values, (), notes


def _array(path: epath.Path, count: int, table: str):
    """Numbers `[count, dim]` in the order of a table; notes on their form."""
    values = source.as_matrix(arrays.load_array(path))
    source.check_matrix(values, f"{path}", "a matrix with a row per class")
    notes = ()
    if values.shape[1] == count != len(values):
        values = values.T
        notes = (
            f"{path.name}: columns are taken for classes, because there are "
            f"{count}.",
        )
    turned = not evidence.of_one_length(values) and evidence.of_one_length(
        values.T
    )
    if len(values) != count or (values.shape[1] == count and turned):
        raise InputError(
            f"{path} does not describe the classes of {table}.",
            f"{counted(count, 'row')}, in the order of {table}",
            f"shape {values.shape}"
            + ", and columns of one length, as rows should be" * bool(turned),
            "Save one row per class: numpy.save(FILE, array.T) turns an array.",
        )
    action = (
        "Describe these classes completely; for a number that is not known, "
        "the mean of its column over the seen classes."
    )
    source.check_finite(values, f"{path}", "classes", action)
    return np.array(values, np.float32), notes


def _read_csv(path: epath.Path, classes: Classes):
    """One line per class, in any order."""
    table, _, places = class_tables.read(path, "class")
    counters.check(table.values, path, names=table.columns)
    numbers = [*map(classes.number, table.names, places)]
    missing = np.setdiff1d(np.arange(len(classes.names)), numbers)
    if len(missing):
        raise InputError(
            f"{path} does not describe {classes.names[missing[0]]}.",
            f"a line for each class of {CLASSES_FILE}",
            f"{len(numbers)} of {len(classes.names)} classes",
            "Add the line.",
        )
    return table.values[np.argsort(numbers)], table.columns, table.notes


_READERS = {".npy": _read_npy, ".csv": _read_csv}
