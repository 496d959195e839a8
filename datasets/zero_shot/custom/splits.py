"""Which rows of a user's data are for training, and which for testing.

Where splits.csv does not say it, of each seen class the third, eighth,
thirteenth, ... sample in the order of the file is for testing.
"""

import re
from collections import Counter

import numpy as np
from etils import epath

from gmn_tf.utils import tables, texts
from gmn_tf.utils.errors import InputError, counted, hint, listed
from gmn_tf_datasets.zero_shot import splits
from gmn_tf_datasets.zero_shot.custom.classes import CLASSES_FILE, Classes
from gmn_tf_datasets.zero_shot.custom.features import Features

SPLITS_FILE = "splits.csv"
RULE = (
    "rule: of each seen class the 3rd, 8th, 13th, ... sample in the order of "
    "the file is for testing"
)
TRAIN, TEST = "train", "test"


def make(
    folder: epath.Path, classes: Classes, samples: Features
) -> tuple[dict[str, np.ndarray], str, tuple[epath.Path, ...]]:
    """The rows of each split, how they came about, and the files read.

    Raises:
        InputError: for a seen class without a training sample, if no sample of
            a seen class is for testing, or if splits.csv is wrong.
    """
    labels, path = samples.labels, folder / SPLITS_FILE
    unseen = np.isin(labels, classes.unseen)
    if path.exists():
        test, source, paths = _read(path, samples), SPLITS_FILE, (path,)
        wrong = np.flatnonzero(unseen & ~test)
        if len(wrong):
            raise InputError(
                f"{path} trains on samples of unseen classes.",
                f"{TEST} for every sample of a class that {CLASSES_FILE} calls "
                "unseen",
                f"{TRAIN} for {len(wrong)} of them, the first row {wrong[0]} "
                f"({classes.names[labels[wrong[0]]]})",
                "Change the split, or mark the class seen.",
            )
    else:
        test, source, paths = splits.a_fifth(labels), RULE, ()
    rows = {
        "trainval": np.flatnonzero(~unseen & ~test),
        "test_seen": np.flatnonzero(~unseen & test),
        "test_unseen": np.flatnonzero(unseen),
    }
    seen = np.setdiff1d(np.arange(len(classes.names)), classes.unseen)
    untrained = np.setdiff1d(seen, labels[rows["trainval"]])
    if len(untrained):
        raise InputError(
            f"{listed((classes.names[label] for label in untrained), 3)} is "
            "seen and has no sample to train on.",
            "one or more samples of each seen class for training",
            f"{counted(len(untrained), 'seen class', 'seen classes')} without, "
            f"by {source}",
            "Add samples, train on some of those for testing, or mark the "
            f"class unseen in {CLASSES_FILE}.",
        )
    if not len(rows["test_seen"]):
        raise InputError(
            "No sample of a seen class is left for testing.",
            "one or more samples",
            f"none, by {source}",
            "Give a seen class that is not for validation four samples or "
            f"more, or say in {SPLITS_FILE} which are for {TEST}.",
        )
    return rows, source, paths


def _read(path: epath.Path, samples: Features) -> np.ndarray:
    """Whether each sample is for testing, as splits.csv says."""
    rows = {str(row): row for row in range(len(samples.labels))}
    rows |= {name: row for row, name in enumerate(samples.names)}
    (name, count), *_ = Counter(samples.names).most_common(1) or [("", 0)]
    if count > 1:
        table = next(one for one in samples.paths if one.suffix == ".csv")
        raise InputError(
            f"{table} has several samples of one file, so that {SPLITS_FILE} "
            "cannot name one of them.",
            "a different file for each sample",
            f"{name!r} {count} times",
            "Name the folder too, or leave the column file out.",
        )
    split = np.full(len(samples.labels), "", "U5")
    known, places = texts.Names(rows), [*rows.values()]
    for row in tables.Table(path, ("sample", "split")):
        sample, value = row.cells["sample"], row.cells["split"].lower()
        # 3.0, as pandas may write a row; \\ between folders of Windows.
        forms = (sample, re.sub(r"^(\d+)\.0+$", r"\1", sample))
        forms = (*forms, sample.replace("\\", "/"))
        found = [p for p in map(known.find, forms) if p is not None]
        if not found:
            advice = "Correct it."
            if sample == str(len(split)):
                advice = "Rows count from 0: subtract 1."
            raise InputError(
                f"{row.place} names a sample that is not there.",
                f"0 to {len(split) - 1}, the row of a sample, or the name of "
                "its file",
                repr(sample),
                hint(advice, sample, rows),
            )
        number = places[found[0]]
        if value not in (TRAIN, TEST):
            raise InputError(
                f"{row.place} does not name a split.",
                f"{TRAIN} or {TEST}",
                repr(row.cells["split"]),
                hint("Correct it.", value, (TRAIN, TEST)),
            )
        if split[number]:
            raise InputError(
                f"{row.place} names a sample for the second time.",
                "each sample once",
                repr(sample),
                "Remove one of the lines.",
            )
        split[number] = value
    unnamed = np.flatnonzero(split == "")
    if len(unnamed):
        raise InputError(
            f"{path} does not name all samples.",
            f"a line for each of {counted(len(split), 'sample')}",
            f"{len(unnamed)} without, the first of them row {unnamed[0]} "
            "(counted from 0)",
            "Add the lines, or remove the file to split by a fixed rule.",
        )
    return split == TEST
