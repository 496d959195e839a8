"""Which rows each split gets, for training, testing and tuning.

`train` is trainval_loc, `test_seen` and `test_unseen` are as published. The
tuning splits cut `train` once more, by classes: the rows of the validation
classes are `tune_unseen`; of each other class the third, eighth, thirteenth,
... row in ascending order (a fifth) is in `tune_seen`, the rest is
`tune_train`. So each row of `train` is in exactly one tuning split, and no row
of a test split is in any.
"""

import dataclasses
import hashlib

import numpy as np

from gmn_tf.utils.errors import InputError
from gmn_tf_datasets.zero_shot import split_checks
from gmn_tf_datasets.zero_shot.source import Source

NAMES = (
    "train",
    "test_seen",
    "test_unseen",
    "tune_train",
    "tune_seen",
    "tune_unseen",
)


@dataclasses.dataclass(frozen=True)
class Splits:
    """The rows of each split, and how they came about.

    Attributes:
      rows: row numbers from 0, by name of the split.
      seen: labels of the classes with training rows.
      unseen: labels of all other classes, with or without test rows.
      validation: labels of the seen classes held out in `tune_unseen`.
      validation_source: where the validation classes come from.
      version: `v1` if train_loc or val_loc hold test rows, `v2` if they do
        not, `unknown` without them.
      leaked_rows: number of test_seen rows removed, by variable.
      leaked_unseen_rows: the same for test_unseen rows.
      source: how own data were split; empty where the files of the field say
        it.
    """

    rows: dict[str, np.ndarray]
    seen: tuple[int, ...]
    unseen: tuple[int, ...]
    validation: tuple[int, ...]
    validation_source: str
    version: str
    leaked_rows: dict[str, int]
    leaked_unseen_rows: dict[str, int]
    source: str = ""

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the names and rows (int64) of all splits, in order."""
        digest = hashlib.sha256()
        for name in NAMES:
            digest.update(name.encode())
            digest.update(self.rows[name].astype("<i8").tobytes())
        return digest.hexdigest()

    @property
    def notes(self) -> list[str]:
        """Sentences that a user should read before trusting a number."""
        if self.source:
            return [
                f"Splits by {self.source}.",
                f"Validation classes by {self.validation_source}.",
            ]
        notes = []
        for test, leaked in (
            ("test_seen", self.leaked_rows),
            ("test_unseen", self.leaked_unseen_rows),
        ):
            if any(leaked.values()):
                notes.append(
                    f"train_loc and val_loc contain {sum(leaked.values())} "
                    f"{test} rows (split version 1: "
                    + ", ".join(f"{k} {n}" for k, n in leaked.items())
                    + "); they were kept out of the tune splits."
                )
        if self.validation_source != "val_loc":
            notes.append(
                "val_loc gives no validation classes (it is missing, or shares "
                "classes with train_loc); used instead: "
                f"{self.validation_source}."
            )
        return notes


def make(source: Source) -> Splits:
    """Checks the published rows and adds the tuning splits."""
    split_checks.check(source)
    labels, rows = source.labels, source.rows
    seen = np.unique(labels[rows["trainval"]])
    unseen = np.setdiff1d(np.arange(len(source.class_names)), seen)
    validation, validation_source = _validation_classes(source, seen)
    return Splits(
        rows={
            "train": rows["trainval"],
            "test_seen": rows["test_seen"],
            "test_unseen": rows["test_unseen"],
            **_tuning_rows(rows["trainval"], labels, validation),
        },
        seen=tuple(seen.tolist()),
        unseen=tuple(unseen.tolist()),
        validation=tuple(validation.tolist()),
        validation_source=validation_source,
        version=_version(rows),
        leaked_rows=_leaked(rows, "test_seen"),
        leaked_unseen_rows=_leaked(rows, "test_unseen"),
        source=source.split_source,
    )


def _leaked(rows: dict[str, np.ndarray], test: str) -> dict[str, int]:
    return {
        f"{key}_loc": len(np.intersect1d(rows[key], rows[test]))
        for key in ("train", "val")
        if key in rows
    }


def _version(rows: dict[str, np.ndarray]) -> str:
    if "train" not in rows or "val" not in rows:
        return "unknown"
    leaks = sum(
        sum(_leaked(rows, test).values())
        for test in ("test_seen", "test_unseen")
    )
    return "v1" if leaks else "v2"


def _validation_classes(
    source: Source, seen: np.ndarray
) -> tuple[np.ndarray, str]:
    """The seen classes to hold out for tuning, and where they come from."""
    named = [
        label
        for label in seen
        if source.class_names[label] in set(source.validation_names)
    ]
    # The rule always works, because there are at least two seen classes.
    rule = seen[2::3] if len(seen) > 2 else seen[-1:]
    for classes, origin in (
        (_classes_of_val_loc(source), "val_loc"),
        (np.array(named, np.int64), source.validation_file),
    ):
        if 0 < len(classes) < len(seen):
            return classes, origin
    return rule, "rule: every third seen class, in the order of the labels"


def _classes_of_val_loc(source: Source) -> np.ndarray:
    """Classes of val_loc, none unless they are disjoint from train_loc's."""
    if "train" not in source.rows or "val" not in source.rows:
        return np.array([], np.int64)
    train, val = (
        np.unique(
            source.labels[
                np.intersect1d(source.rows[key], source.rows["trainval"])
            ]
        )
        for key in ("train", "val")
    )
    disjoint = not len(np.intersect1d(train, val))
    return val if disjoint else np.array([], np.int64)


def _tuning_rows(
    train: np.ndarray, labels: np.ndarray, validation: np.ndarray
) -> dict[str, np.ndarray]:
    train = np.sort(train)
    held_out = np.isin(labels[train], validation)
    is_fifth = np.zeros(len(train), bool)
    for label in np.unique(labels[train[~held_out]]):
        is_fifth[np.flatnonzero(labels[train] == label)[2::5]] = True
    tuning = {
        "tune_train": train[~held_out & ~is_fifth],
        "tune_seen": train[is_fifth],
        "tune_unseen": train[held_out],
    }
    if not len(tuning["tune_seen"]):
        raise InputError(
            "The training classes are too small to hold out rows for tuning.",
            "at least one seen class, not held out, of three rows or more",
            "no more than two training rows in each",
            "Add training rows. Own data without splits.csv trains on three of "
            "a class's first four samples, so four of such a class suffice.",
        )
    return tuning
