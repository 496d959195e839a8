"""The classes of a user's own data: which there are, and which are seen."""

import dataclasses

import numpy as np
from etils import epath

from gmn_tf.utils import strict_tables
from gmn_tf.utils.errors import InputError, hint
from gmn_tf.utils.strict_tables import CLASSES_FILE
from gmn_tf_datasets.zero_shot.custom import class_descriptions

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
    file = class_descriptions.find(folder, len(columns))
    classes = Classes(names, kinds, values, (path,), columns)
    if file:
        values, columns = class_descriptions.read(file, names, classes.number)
        classes = Classes(names, kinds, values, (path, file), columns)
    class_descriptions.check(classes.paths[-1], classes.embeddings, names)
    _check_kinds(path, classes)
    return classes


def _read_table(path: epath.Path):
    """Names, kinds, the numbers beside them, if any, and what these are."""
    names, kinds, values, columns = [], [], [], []
    for row in strict_tables.read_rows(path, ("class", "seen")):
        columns = [c for c in row.cells if c not in ("class", "seen")]
        _check_name(path, row, names)
        names.append(row.cells["class"])
        kinds.append(_kind(path, row))
        values.append(strict_tables.numbers(path, row, columns))
    if not names:
        raise InputError(
            f"{path} names no class.",
            "one line per class",
            "the first line alone",
            "Add the classes.",
        )
    return tuple(names), tuple(kinds), np.stack(values), tuple(columns)


def _check_name(path: epath.Path, row: strict_tables.Row, names: list) -> None:
    name = row.cells["class"]
    if not name or not name.isprintable() or name in names:
        raise InputError(
            f"Line {row.line} of {path} has an unusable name of a class.",
            "one line of text, other than that of every other class",
            repr(name) + (" once more" if name in names else ""),
            "Give each class its own name.",
        )


def _kind(path: epath.Path, row: strict_tables.Row) -> str:
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
