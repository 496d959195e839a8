"""The classes of a user's own data: which there are, and how described."""

import dataclasses

import numpy as np
from etils import epath

from gmn_tf.errors import InputError
from gmn_tf.suggest import hint
from gmn_tf_datasets.zero_shot import own_arrays, own_tables
from gmn_tf_datasets.zero_shot.mat_file import some

CLASSES_FILE = "classes.csv"
EMBEDDING_FILES = ("embeddings.npy", "embeddings.csv")
SEEN, UNSEEN, VALIDATION = "seen", "unseen", "validation"
# What the column `seen` may say, and what it means.
KINDS = {
    **dict.fromkeys((SEEN, "1", "yes", "true"), SEEN),
    **dict.fromkeys((UNSEEN, "0", "no", "false"), UNSEEN),
    VALIDATION: VALIDATION,
}


@dataclasses.dataclass(frozen=True)
class Classes:
    """All classes in the order of classes.csv.

    Attributes:
        names: `C` names.
        kinds: `C` of `SEEN`, `UNSEEN` and `VALIDATION`.
        embeddings: `[C, da]` float32.
        paths: the files that were read.
        columns: what each of the `da` numbers is called; none of an array.
    """

    names: tuple[str, ...]
    kinds: tuple[str, ...]
    embeddings: np.ndarray
    paths: tuple[epath.Path, ...]
    columns: tuple[str, ...] = ()

    @property
    def unseen(self) -> np.ndarray:
        """Numbers of the unseen classes."""
        return np.flatnonzero(np.array(self.kinds) == UNSEEN)

    @property
    def validation(self) -> tuple[str, ...]:
        """Names of the classes that are marked as such."""
        return tuple(
            name
            for name, kind in zip(self.names, self.kinds)
            if kind == VALIDATION
        )

    def number(self, name: str, place: str) -> int:
        """The number of a class.

        Args:
            name: of the class.
            place: where it stands, for the message.

        Raises:
            InputError: if there is no such class.
        """
        if name not in self._numbers:
            raise InputError(
                f"{place} names a class that {CLASSES_FILE} lacks.",
                f"one of the {len(self.names)} classes in {CLASSES_FILE}",
                repr(name),
                f"Add the class, or correct its name; {hint(name, self.names)}",
            )
        return self._numbers[name]

    def __post_init__(self):
        # Searched for once per sample.
        numbers = {name: number for number, name in enumerate(self.names)}
        object.__setattr__(self, "_numbers", numbers)


def read(folder: epath.Path) -> Classes:
    """Reads classes.csv, and the file of embeddings if there is one.

    Raises:
        InputError: for what is missing, or cannot be right.
    """
    path = folder / CLASSES_FILE
    if not path.exists():
        raise InputError(
            f"{folder} has no {CLASSES_FILE}.",
            f"{CLASSES_FILE} with the columns class, seen, and the numbers "
            "that describe a class",
            "no such file" if folder.is_dir() else "no such folder",
            "Write it; datasets/zero_shot/OWN_DATA.md has an example.",
        )
    names, kinds, values, columns = _read_table(path)
    described = [
        folder / name for name in EMBEDDING_FILES if (folder / name).exists()
    ]
    _refuse_two_descriptions(path, described, values.shape[1])
    classes = Classes(names, kinds, values, (path, *described), columns)
    if described:
        read_values = {".npy": _read_npy, ".csv": _read_csv}
        values, columns = read_values[described[0].suffix](
            described[0], classes
        )
        classes = dataclasses.replace(
            classes, embeddings=values, columns=columns
        )
    _check_values(classes)
    _check_kinds(path, classes)
    return classes


def _read_table(path: epath.Path):
    """Names, kinds, the numbers beside them, if any, and what these are."""
    names, kinds, values, columns = [], [], [], []
    for row in own_tables.read_rows(path, ("class", "seen")):
        columns = [c for c in row.cells if c not in ("class", "seen")]
        _check_name(path, row, names)
        names.append(row.cells["class"])
        kinds.append(_kind(path, row))
        values.append(own_tables.numbers(path, row, columns))
    if not names:
        raise InputError(
            f"{path} names no class.",
            "one line per class",
            "the first line alone",
            "Add the classes.",
        )
    return tuple(names), tuple(kinds), np.stack(values), tuple(columns)


def _check_name(path: epath.Path, row: own_tables.Row, names: list) -> None:
    name = row.cells["class"]
    if not name or not name.isprintable() or name in names:
        raise InputError(
            f"Line {row.line} of {path} has an unusable name of a class.",
            "one line of text, other than that of every other class",
            repr(name) + (" once more" if name in names else ""),
            "Give each class its own name.",
        )


def _kind(path: epath.Path, row: own_tables.Row) -> str:
    text = row.cells["seen"].lower()
    if text not in KINDS:
        raise InputError(
            f"Line {row.line} of {path} does not say whether the class "
            f"{row.cells['class']} is seen.",
            "seen, unseen (or 1, 0, yes, no), or validation",
            repr(row.cells["seen"]),
            f"Correct the column seen; {hint(text, KINDS)}",
        )
    return KINDS[text]


def _refuse_two_descriptions(path, described, columns: int) -> None:
    found = [file.name for file in described]
    if columns:
        found.insert(0, f"{columns} columns of {path.name}")
    if len(found) != 1:
        raise InputError(
            f"{path.parent} describes its classes "
            f"{'more than once' if found else 'nowhere'}.",
            f"numbers in {path.name} after the columns class and seen, or "
            f"{' or '.join(EMBEDDING_FILES)}",
            " and ".join(found) or "neither",
            "Keep one of them." if found else "Add one of them.",
        )


def _read_npy(path: epath.Path, classes: Classes):
    values = own_arrays.load_array(path)
    own_arrays.refuse_other_than_numbers(path, "The array", values, "class")
    if len(values) != len(classes.names):
        raise InputError(
            f"{path} does not describe the classes of {CLASSES_FILE}.",
            f"{len(classes.names)} rows, in the order of {CLASSES_FILE}",
            f"shape {values.shape}",
            "Save one row per class.",
        )
    with np.errstate(over="ignore"):
        return np.array(values, np.float32), ()


def _read_csv(path: epath.Path, classes: Classes):
    """Rows by the name of their class, in any order, and their columns."""
    found, columns = {}, []
    for row in own_tables.read_rows(path, ("class",)):
        columns = [column for column in row.cells if column != "class"]
        place = f"Line {row.line} of {path}"
        number = classes.number(row.cells["class"], place)
        if number in found or not columns:
            raise InputError(
                f"{place} describes {row.cells['class']} "
                f"{'once more' if columns else 'by no number'}.",
                "one line with numbers for each class",
                f"{len(columns)} numbers",
                "Correct the line.",
            )
        found[number] = own_tables.numbers(path, row, columns)
    for number, name in enumerate(classes.names):
        if number not in found:
            raise InputError(
                f"{path} does not describe {name}.",
                f"a line for each class of {CLASSES_FILE}",
                f"{len(found)} of {len(classes.names)} classes",
                "Add the line.",
            )
    values = np.stack([found[number] for number in range(len(found))])
    return values, tuple(columns)


def _check_values(classes: Classes) -> None:
    path, values = classes.paths[-1], classes.embeddings
    wrong = np.flatnonzero(~np.isfinite(values).all(axis=1))
    empty = np.flatnonzero(~values.any(axis=1))
    for rows, what in ((wrong, "NaN or infinity"), (empty, "zeros alone")):
        if len(rows):
            raise InputError(
                f"{path} does not describe {classes.names[rows[0]]}.",
                "finite numbers for every class, one of them not zero",
                f"{what} for {len(rows)} classes, counted from 1: "
                f"{some(rows + 1)}",
                "Describe these classes completely.",
            )


def _check_kinds(path: epath.Path, classes: Classes) -> None:
    unseen = len(classes.unseen)
    plain = classes.kinds.count(SEEN)
    if not unseen or not plain or len(classes.names) - unseen < 2:
        raise InputError(
            f"{path} has too few classes to learn from, or for.",
            "two or more seen classes (one may be for validation), and one or "
            "more unseen ones",
            f"{plain} seen, {len(classes.validation)} for validation, {unseen} "
            "unseen",
            "Change the column seen, or add classes; an unseen class needs a "
            "description and no sample.",
        )
