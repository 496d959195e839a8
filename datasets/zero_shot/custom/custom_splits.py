"""Which rows of a user's own data are for training, and which for testing.

Where splits.csv does not say it, of each seen class the third, eighth,
thirteenth, ... sample in the order of the file is for testing.
"""

import numpy as np
from etils import epath

from gmn_tf.utils import strict_tables
from gmn_tf.utils.errors import InputError, hint
from gmn_tf.utils.strict_tables import CLASSES_FILE
from gmn_tf_datasets.zero_shot.custom.class_table import Classes
from gmn_tf_datasets.zero_shot.custom.feature_tables import CustomSamples

SPLITS_FILE = "splits.csv"
RULE = (
    "of each seen class the 3rd, 8th, 13th, ... sample in the order of the "
    "file is for testing"
)
TRAIN, TEST = "train", "test"


def make(
    folder: epath.Path, classes: Classes, samples: CustomSamples
) -> tuple[dict[str, np.ndarray], str, tuple[epath.Path, ...]]:
    """The rows of each split, how they came about, and the files read.

    Args:
        folder: of the user's data, which may hold splits.csv.
        classes: its classes.
        samples: its samples.

    Raises:
        InputError: for a seen class without a training sample, if no sample of
            a seen class is for testing, or if splits.csv is wrong.
    """
    _check_seen_have_samples(classes, samples)
    path = folder / SPLITS_FILE
    unseen = np.isin(samples.labels, classes.unseen)
    if path.exists():
        test = _read(path, samples)
        _check_no_unseen_in_training(path, classes, samples, unseen & ~test)
        source, paths = SPLITS_FILE, (path,)
    else:
        test, source, paths = _by_rule(samples.labels), f"rule: {RULE}", ()
    rows = {
        "trainval": np.flatnonzero(~unseen & ~test),
        "test_seen": np.flatnonzero(~unseen & test),
        "test_unseen": np.flatnonzero(unseen),
    }
    _check(source, classes, samples, rows)
    return rows, source, paths


def _by_rule(labels: np.ndarray) -> np.ndarray:
    test = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        test[np.flatnonzero(labels == label)[2::5]] = True
    return test


def _check_seen_have_samples(classes: Classes, samples: CustomSamples) -> None:
    without = np.setdiff1d(np.arange(len(classes.names)), samples.labels)
    without = np.setdiff1d(without, classes.unseen)
    if len(without):
        raise InputError(
            f"{_named(classes, without)} is seen and has no sample.",
            "one or more samples of each seen class",
            f"{len(without)} seen classes without",
            f"Add samples, or mark the class unseen in {CLASSES_FILE}.",
        )


def _read(path: epath.Path, samples: CustomSamples) -> np.ndarray:
    """Whether each sample is for testing, as splits.csv says."""
    rows = {str(row): row for row in range(len(samples.labels))}
    if samples.names:
        rows = {**rows, **_rows_by_name(samples)}
    split = np.full(len(samples.labels), "", "U5")
    for row in strict_tables.read_rows(path, ("sample", "split")):
        place = f"Line {row.line} of {path}"
        sample, value = row.cells["sample"], row.cells["split"].lower()
        if sample not in rows:
            raise _unknown_sample(place, sample, samples)
        if value not in (TRAIN, TEST):
            raise InputError(
                f"{place} names no split.",
                f"{TRAIN} or {TEST}",
                repr(row.cells["split"]),
                f"Correct it; {hint(value, (TRAIN, TEST))}",
            )
        if split[rows[sample]]:
            raise InputError(
                f"{place} names a sample once more.",
                "each sample once",
                repr(sample),
                "Remove one of the lines.",
            )
        split[rows[sample]] = value
    _check_named(path, split)
    return split == TEST


def _rows_by_name(samples: CustomSamples) -> dict[str, int]:
    rows = {}
    for row, name in enumerate(samples.names):
        if name in rows:
            raise InputError(
                f"{samples.paths[1 if len(samples.paths) > 1 else 0]} names "
                f"the file of a sample twice, so {SPLITS_FILE} cannot tell "
                "which.",
                "a file of its own for each sample",
                f"{name!r} for samples {rows[name]} and {row}, counted from 0",
                "Name the folder too, or leave the column file out.",
            )
        rows[name] = row
    return rows


def _unknown_sample(
    place: str, sample: str, samples: CustomSamples
) -> InputError:
    last = len(samples.labels) - 1
    return InputError(
        f"{place} names a sample that is not there.",
        f"0 to {last}, the row of a sample"
        + (", or its file in labels.csv" if samples.names else ""),
        repr(sample),
        "Correct it"
        + (f"; {hint(sample, samples.names)}" * bool(samples.names)),
    )


def _check_named(path: epath.Path, split: np.ndarray) -> None:
    unnamed = np.flatnonzero(split == "")
    if len(unnamed):
        raise InputError(
            f"{path} does not name all samples.",
            f"a line for each of {len(split)} samples",
            f"{len(unnamed)} without, the first of them row {unnamed[0]} "
            "(counted from 0)",
            "Add the lines, or remove the file: then a fixed rule splits.",
        )


def _check_no_unseen_in_training(path, classes, samples, wrong) -> None:
    if wrong.any():
        row = np.flatnonzero(wrong)[0]
        name = classes.names[samples.labels[row]]
        raise InputError(
            f"{path} trains on samples of unseen classes.",
            f"{TEST} for every sample of a class that {CLASSES_FILE} calls "
            "unseen",
            f"{TRAIN} for {wrong.sum()} of them, the first row {row} ({name})",
            "Change the split, or mark the class seen.",
        )


def _check(source: str, classes: Classes, samples: CustomSamples, rows) -> None:
    trained = np.unique(samples.labels[rows["trainval"]])
    untrained = np.setdiff1d(samples.labels[rows["test_seen"]], trained)
    if len(untrained):
        raise InputError(
            f"{_named(classes, untrained)} is seen and has no sample to train "
            "on.",
            f"one or more samples of each seen class for {TRAIN}",
            f"{len(untrained)} seen classes without, by {source}",
            "Train on some of them, or mark the class unseen.",
        )
    if not len(rows["test_seen"]):
        raise InputError(
            "No sample of a seen class is left for testing.",
            "one or more",
            f"none, by {source}",
            "Give a seen class that is not for validation four samples or "
            f"more, or say in {SPLITS_FILE} which are for {TEST}.",
        )


def _named(classes: Classes, numbers: np.ndarray) -> str:
    shown = ", ".join(classes.names[number] for number in numbers[:3])
    return shown + (", ..." if len(numbers) > 3 else "")
