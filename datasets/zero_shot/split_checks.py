"""Refusing rows of splits that cannot give an honest score."""

import itertools

import numpy as np

from gmn_tf.utils.errors import InputError
from gmn_tf_datasets.zero_shot.source import Source
from gmn_tf_datasets.zero_shot.xlsa17.mat_file import some

_PUBLISHED = ("trainval", "test_seen", "test_unseen")


def check(source: Source) -> None:
    """Checks the published splits of a data set against each other."""
    rows = {name: source.rows[name] for name in _PUBLISHED}
    for name in _PUBLISHED:
        _check_no_repeated_row(rows[name], name)
    for one, other in itertools.combinations(_PUBLISHED, 2):
        _check_no_common_row(rows[one], rows[other], one, other)
    classes = {name: np.unique(source.labels[rows[name]]) for name in rows}
    _check_classes(classes, source.class_names)


def _check_no_repeated_row(rows: np.ndarray, name: str) -> None:
    values, counts = np.unique(rows, return_counts=True)
    repeated = values[counts > 1]
    if len(repeated):
        raise InputError(
            f"{name}_loc names rows more than once.",
            "each row once",
            f"{len(repeated)} repeated rows, counted from 1: "
            f"{some(repeated + 1)}",
            "Remove the repetitions.",
        )


def _check_no_common_row(rows, other_rows, name: str, other: str) -> None:
    common = np.intersect1d(rows, other_rows)
    if len(common):
        raise InputError(
            f"{name}_loc and {other}_loc overlap.",
            "each row in one of them only",
            f"{len(common)} rows in both, counted from 1: {some(common + 1)}",
            "Take the published split file, or separate the rows.",
        )


def _check_classes(classes: dict[str, np.ndarray], class_names) -> None:
    seen, tested = classes["trainval"], classes["test_seen"]
    both = np.intersect1d(seen, classes["test_unseen"])
    if len(both):
        raise InputError(
            f"{_named(both, class_names)} is both seen and unseen.",
            "classes of test_unseen_loc without a row in trainval_loc",
            f"{len(both)} classes with rows in both",
            "Move all rows of such a class to one side.",
        )
    untrained = np.setdiff1d(tested, seen)
    if len(untrained):
        raise InputError(
            f"{_named(untrained, class_names)} is tested as seen but has no "
            "training row.",
            "classes of test_seen_loc with rows in trainval_loc",
            f"{len(untrained)} classes without",
            "Move the rows to test_unseen_loc, or train on some of them.",
        )
    if len(seen) < 2:
        raise InputError(
            "There are too few seen classes.",
            "at least two, one of them to be held out for tuning",
            f"{len(seen)} ({_named(seen, class_names)})",
            "Add training rows of other classes.",
        )


def _named(labels: np.ndarray, class_names: tuple[str, ...]) -> str:
    names = [class_names[label] for label in labels[:3]]
    return ", ".join(names) + (", ..." if len(labels) > 3 else "")
