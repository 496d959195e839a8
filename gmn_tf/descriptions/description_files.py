"""Files of descriptions, as the readers of data sets take them."""

import json
import os
import pathlib
import re
from collections.abc import Sequence

import numpy as np
import scipy.io

from gmn_tf.descriptions.class_lists import CLASS, SEEN, SPLITS_FILE, ClassList
from gmn_tf.descriptions.encoder_table import Description, Note
from gmn_tf.utils import files
from gmn_tf.utils.errors import InputError
from gmn_tf_datasets.zero_shot import encoder_records

TABLE = ".csv"
_NOTES = ("class", "finding", "words")  # the columns of a table of notes


def check(out: str | os.PathLike, classes: ClassList) -> None:
    """Raises InputError for a file that `write` would not write.

    Args:
        out: the file, NAME.csv or NAME_splits.mat.
        classes: that it is to describe.
    """
    path = pathlib.Path(out).expanduser()
    is_mat = path.name.endswith(SPLITS_FILE)
    if not is_mat and path.suffix != TABLE:
        raise InputError(
            f"{path} has an unknown ending.",
            "classes.csv, embeddings_NAME.csv or NAME_splits.mat",
            repr(path.name),
            "Correct --out.",
        )
    if is_mat and not classes.variables:
        raise InputError(
            f"{path} needs the rows of the splits.",
            "--classes=att_splits.mat, or another file with trainval_loc, "
            "test_seen_loc and test_unseen_loc",
            "a list of classes without them",
            "Name that file with --classes, or write a .csv file.",
        )
    notes = encoder_records.notes_of(path)
    for file, is_ours, received in (
        (path, _is_ours, "a file without a record of an encoder"),
        (notes, _is_ours_too, "a file of other columns"),
    ):
        if file.exists() and not is_ours(file):
            raise InputError(
                f"{file} exists, and bin/describe did not write it.",
                "a new file, or one that bin/describe wrote",
                received,
                "Choose another --out, or remove the file.",
            )
    files.check_writable(path.parent, "--out")


def _is_ours(path: pathlib.Path) -> bool:
    if path.suffix == TABLE:
        return encoder_records.path_of(path).exists()
    try:
        found = scipy.io.whosmat(path)
    except Exception:  # a damaged file makes SciPy raise anything
        return False
    return any(name == encoder_records.VARIABLE for name, *_ in found)


def _is_ours_too(path: pathlib.Path) -> bool:
    with open(path, "rb") as file:
        return file.readline().strip() == ",".join(_NOTES).encode()


def write(
    out: str | os.PathLike, classes: ClassList, found: Description
) -> list[pathlib.Path]:
    """Writes descriptions, and how they were made.

    A table has its record in a file beside it, a .mat file has it inside.
    All notes are in a table beside either.

    Returns:
        The files.

    Raises:
        InputError: see `check`; or if the files cannot be written.
    """
    check(out, classes)
    path = pathlib.Path(out).expanduser()
    # Killed meanwhile, it leaves no notes on an older description.
    encoder_records.notes_of(path).unlink(missing_ok=True)
    if path.suffix == TABLE:
        paths = _write_table(path, classes, found)
        return paths + _write_notes(path, found.notes)
    described = {
        "att": found.values.T.astype(float),
        "original_att": found.values.T.astype(float),
        "allclasses_names": np.array(classes.names, object).reshape(-1, 1),
        encoder_records.VARIABLE: json.dumps(found.record),
    }
    with files.replacing(path) as temporary:
        scipy.io.savemat(
            temporary, described | classes.variables, do_compression=True
        )
    return [path, *_write_notes(path, found.notes)]


def _write_table(path, classes, found) -> list[pathlib.Path]:
    stem = re.sub(r"\W+", "_", found.record["source"].partition(".")[0])
    columns = [f"{stem}_{column}" for column in found.columns]
    rows = []
    for place, (name, values) in enumerate(zip(classes.names, found.values)):
        seen = {SEEN: classes.seen[place]} if classes.seen else {}
        numbers = {c: f"{v:.9g}" for c, v in zip(columns, values)}
        rows.append({CLASS: name, **seen, **numbers})
    record = encoder_records.path_of(path)
    files.write_json(record, {**found.record, "columns": columns})
    files.write_csv(path, rows)
    return [path, record]


def _write_notes(path, notes: Sequence[Note]) -> list[pathlib.Path]:
    """Writes a table of all notes, if there are any."""
    file = encoder_records.notes_of(path)
    rows = [
        dict(zip(_NOTES, (name, note.finding, "; ".join(words))))
        for note in notes
        for name, words in note.details
    ]
    if not rows:
        return []
    files.write_csv(file, rows)
    return [file]
