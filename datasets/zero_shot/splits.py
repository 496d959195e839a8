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
import itertools
from collections.abc import Sequence

import numpy as np

from gmn_tf.utils import dimensions
from gmn_tf.utils.errors import InputError, counted, listed
from gmn_tf_datasets.zero_shot.source import Source

_TESTS = ("test_seen", "test_unseen")
NAMES = ("train", *_TESTS, "tune_train", "tune_seen", "tune_unseen")
# With fewer classes, scores are mostly chance. Accuracies of the unseen classes
# of FLO and CUB have standard deviations of 12 to 28 points, and their mean
# over two classes 8 to 20, far more than settings differ by.
FEWEST_TO_CHOOSE = 10
# Points of T-1 that one sample may decide.
MOST_POINTS = 5.0


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
        leaked: number of rows removed from train_loc and val_loc, by test
            split.
        source: see `Source.split_source`.
    """

    rows: dict[str, np.ndarray]
    seen: tuple[int, ...]
    unseen: tuple[int, ...]
    validation: tuple[int, ...]
    validation_source: str
    version: str
    leaked: dict[str, dict[str, int]]
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
        notes = [
            f"train_loc and val_loc contain {sum(leaked.values())} {test} rows "
            "(split version 1: "
            + ", ".join(f"{name} {count}" for name, count in leaked.items())
            + "); they were kept out of the tune splits."
            for test, leaked in self.leaked.items()
            if any(leaked.values())
        ]
        if self.validation_source != "val_loc":
            notes.append(
                "val_loc gives no validation classes (it is missing, or shares "
                "classes with train_loc); used instead: "
                f"{self.validation_source}."
            )
        return notes


def make(source: Source) -> Splits:
    """Checks the published rows and adds the tuning splits.

    Raises:
        InputError: for rows that cannot give an honest score, and if no row is
            left to tune on.
    """
    rows = source.rows
    _check_rows({name: rows[name] for name in ("trainval", *_TESTS)})
    seen = _checked_seen(source)
    dimensions.check_differ(
        source.features,
        f"All training samples in {source.feature_file} have the same "
        "features.",
        np.sort(rows["trainval"]),
    )
    unseen = np.setdiff1d(np.arange(len(source.class_names)), seen)
    validation, validation_source = _validation_classes(source, seen)
    train = np.sort(rows["trainval"])
    labels = source.labels[train]
    held_out = np.isin(labels, validation)
    is_fifth = a_fifth(labels) & ~held_out
    if not is_fifth.any():
        raise InputError(
            "The training classes are too small to hold out rows for tuning.",
            "at least one seen class, not held out, of three rows or more",
            "no more than two training rows in each",
            "Add training rows. Custom data without splits.csv trains on three "
            "of a class's first four samples, so four of such a class suffice.",
        )
    leaked = {
        test: {
            f"{key}_loc": len(np.intersect1d(rows[key], rows[test]))
            for key in ("train", "val")
            if key in rows
        }
        for test in _TESTS
    }
    leaks = sum(sum(counts.values()) for counts in leaked.values())
    version = "v1" if leaks else "v2"
    return Splits(
        rows={
            "train": rows["trainval"],
            **{test: rows[test] for test in _TESTS},
            "tune_train": train[~held_out & ~is_fifth],
            "tune_seen": train[is_fifth],
            "tune_unseen": train[held_out],
        },
        seen=tuple(seen.tolist()),
        unseen=tuple(unseen.tolist()),
        validation=tuple(validation.tolist()),
        validation_source=validation_source,
        version=version if {"train", "val"} <= rows.keys() else "unknown",
        leaked=leaked,
        source=source.split_source,
    )


def cautions(
    names: Sequence[str], counts: Sequence[int], num_kept: int
) -> list[str]:
    """Sentences on validation by few classes, or by few samples of one.

    Args:
        names: the validation classes.
        counts: how many training samples each has.
        num_kept: seen classes that --split=tune learns from.
    """
    found = []
    if min(len(names), num_kept) < FEWEST_TO_CHOOSE:
        found.append(
            f"--split=tune and --preset=auto learn from "
            f"{counted(num_kept, 'class', 'classes')} and are scored on "
            f"{counted(len(names), 'validation class', 'validation classes')}; "
            f"with fewer than {FEWEST_TO_CHOOSE} of either, what is "
            "chosen by their scores is mostly luck."
        )
    points = [100.0 / (len(names) * max(count, 1)) for count in counts]
    few = [place for place, each in enumerate(points) if each > MOST_POINTS]
    if few:
        listing = listed(f"{names[one]} ({counts[one]})" for one in few)
        found.append(
            f"Some validation classes have few training samples: {listing}; "
            f"one sample decides up to {max(points):.0f} points of the T-1 "
            "that settings are chosen by. Give them more, or choose other "
            "validation classes."
        )
    return found


def a_fifth(labels: np.ndarray) -> np.ndarray:
    """Marks the third, eighth, thirteenth, ... row of each class."""
    return numbers_within_class(labels) % 5 == 2


def numbers_within_class(labels: np.ndarray) -> np.ndarray:
    """0 for the first sample of each class, 1 for the second, and so on."""
    order = np.argsort(labels, kind="stable")
    counts = np.bincount(labels)
    firsts = np.repeat(np.cumsum(counts) - counts, counts)
    numbers = np.empty(len(labels), int)
    numbers[order] = np.arange(len(labels)) - firsts
    return numbers


def _check_rows(published: dict[str, np.ndarray]) -> None:
    for name, rows in published.items():
        values, counts = np.unique(rows, return_counts=True)
        repeated = values[counts > 1]
        if len(repeated):
            raise InputError(
                f"{name}_loc names rows more than once.",
                "each row once",
                f"{len(repeated)} repeated rows, counted from 1: "
                f"{listed(repeated + 1)}",
                "Remove the repetitions.",
            )
    for one, other in itertools.combinations(published, 2):
        common = np.intersect1d(published[one], published[other])
        if len(common):
            raise InputError(
                f"{one}_loc and {other}_loc overlap.",
                "each row in one of them only",
                f"{len(common)} rows in both, counted from 1: "
                f"{listed(common + 1)}",
                "Take the published split file, or separate the rows.",
            )


def _checked_seen(source: Source) -> np.ndarray:
    """The seen classes."""

    def named(classes: np.ndarray) -> str:
        return listed((source.class_names[one] for one in classes), most=3)

    seen, test_seen, test_unseen = (
        np.unique(source.labels[source.rows[name]])
        for name in ("trainval", *_TESTS)
    )
    both = np.intersect1d(seen, test_unseen)
    if len(both):
        raise InputError(
            f"{named(both)} is both seen and unseen.",
            "classes of test_unseen_loc without a row in trainval_loc",
            f"{counted(len(both), 'class', 'classes')} with rows in both",
            "Move all rows of such a class to one side.",
        )
    untrained = np.setdiff1d(test_seen, seen)
    if len(untrained):
        raise InputError(
            f"{named(untrained)} is tested as seen but has no training row.",
            "classes of test_seen_loc with rows in trainval_loc",
            f"{counted(len(untrained), 'class', 'classes')} without",
            "Move the rows to test_unseen_loc, or train on some of them.",
        )
    if len(seen) < 2:
        raise InputError(
            "There are too few seen classes.",
            "at least two, one of them to be held out for tuning",
            f"{len(seen)} ({named(seen)})",
            "Add training rows of other classes.",
        )
    return seen


def _validation_classes(
    source: Source, seen: np.ndarray
) -> tuple[np.ndarray, str]:
    """The seen classes to hold out for tuning, and where they come from."""
    names = np.array(source.class_names, object)[seen]
    named = seen[np.isin(names, source.validation_names)]
    candidates = [(named, source.validation_file)]
    if {"train", "val"} <= source.rows.keys():
        trainval = source.rows["trainval"]
        train, val = (
            np.unique(source.labels[np.intersect1d(source.rows[key], trainval)])
            for key in ("train", "val")
        )
        if not np.intersect1d(train, val).size:
            candidates.insert(0, (val, "val_loc"))
    for classes, origin in candidates:
        if 0 < len(classes) < len(seen):
            return classes, origin
    # The rule always works, because there are at least two seen classes.
    if len(seen) == 2:
        return seen[1:], "rule: the second of two seen classes"
    rule = "rule: every third seen class, in the order of the labels"
    return seen[2::3], rule
