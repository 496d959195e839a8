"""Reading and checking a data set in the layout of xlsa17.

Two .mat files make a data set: features with labels (`res101.mat`), and class
embeddings with the rows of each split (`att_splits.mat`). Rows and labels
count from 1 in the files, from 0 in everything this module returns.
"""

import dataclasses

import numpy as np
from etils import epath

from gmn_tf.utils.errors import InputError, listed
from gmn_tf_datasets.zero_shot import names, source
from gmn_tf_datasets.zero_shot.source import Embedding
from gmn_tf_datasets.zero_shot.xlsa17 import mat_file
from gmn_tf_datasets.zero_shot.xlsa17.folders import Request
from gmn_tf_datasets.zero_shot.xlsa17.mat_file import MatFile

REQUIRED_ROWS = ("trainval", "test_seen", "test_unseen")
OPTIONAL_ROWS = ("train", "val")
_VARIABLES = (
    "att",
    "allclasses_names",
    *(f"{key}_loc" for key in (*REQUIRED_ROWS, *OPTIONAL_ROWS)),
)
_SAME_DATA_SET = "Check that both .mat files belong to the same data set."


def digest(request: Request, files: tuple[source.SourceFile, ...]) -> str:
    """The digest of what `read` returns; see `source.digest_of`."""
    return source.digest_of(request, *map(dataclasses.astuple, files))


def read(
    request: Request,
    folder: epath.Path,
    files: tuple[source.SourceFile, ...],
    origin: str,
    notes: tuple[str, ...] = (),
) -> source.Source:
    """Reads a data set from a folder with `files`, of `folders.list_files`.

    Args:
        request: what to read; it names the file of features.
        folder: where the files are.
        files: what they are.
        origin: see `source.Source`.
        notes: what `source.Source.notes` begin with.

    Raises:
        InputError: for files that cannot be read or do not fit each other.
    """
    features_path, *paths = (folder / name for name in request.file_names)
    features, labels = _read_features(features_path)
    mat_files = [mat_file.read(path, _VARIABLES) for path in paths]
    rows = _read_rows(mat_files[0], len(labels))
    embeddings, class_names = _read_classes(mat_files)
    wrong = np.flatnonzero((labels < 1) | (labels > len(class_names)))
    if len(wrong):
        raise InputError(
            f"labels in {features_path} name classes that have no embedding.",
            f"1 to {len(class_names)}, a column of att",
            f"{labels[wrong[0]]} in row {wrong[0] + 1} "
            f"({len(wrong)} such rows)",
            _SAME_DATA_SET,
        )
    notes, known = list(notes), names.PUBLISHED.get(request.dataset)
    seen = len(np.unique(labels[rows["trainval"]]))
    unseen = len(class_names) - seen
    if known and (seen, unseen) != (known.seen, known.unseen):
        notes.append(
            f"{request.dataset} is published with {known.seen} seen and "
            f"{known.unseen} unseen classes; these files have {seen} and "
            f"{unseen}. Is this another data set?"
        )
    validation = folder / source.VALIDATION_CLASSES_FILE
    # Damaged letters only make a name unknown.
    lines = validation.read_bytes() if validation.exists() else b""
    lines = lines.decode(errors="replace").splitlines()
    return source.Source(
        dataset=request.dataset,
        features=features,
        labels=labels - 1,
        class_names=class_names,
        embeddings=embeddings,
        rows=rows,
        validation_names=tuple(filter(None, map(str.strip, lines))),
        feature_file=request.features_file,
        files=files,
        digest=digest(request, files),
        origin=origin,
        notes=tuple(notes),
    )


def _read_features(
    path: epath.Path,
) -> tuple[np.ndarray | mat_file.OnDiskMatrix, np.ndarray]:
    """Features `[N, dx]`, and labels `[N]` from 1."""
    file = mat_file.read(path, ("features", "labels"))
    features, labels = file.numbers("features"), file.integers("labels")
    # dx x N in the field's files; some copies are N x dx. A square matrix is
    # taken for the field's.
    if features.shape[1] == len(labels):
        features = features.T
    source.check_lengths(features, labels, path)
    source.check_finite(
        features,
        f"features in {path}",
        "rows",
        "Compute the features of these images again.",
    )
    return features, labels


def _read_rows(file: MatFile, num_rows: int) -> dict[str, np.ndarray]:
    """The rows of each split, from 0, in the order of the file."""
    rows = {}
    for key in (*REQUIRED_ROWS, *OPTIONAL_ROWS):
        name = f"{key}_loc"
        is_empty = not np.size(file.variables.get(name, ()))
        if is_empty and key in OPTIONAL_ROWS:
            continue
        if is_empty and name in file.variables:
            raise InputError(
                f"{name} in {file.path} is empty.",
                "at least one row",
                "none",
                "Give every split its rows: training, seen and unseen test "
                "images.",
            )
        values = file.integers(name)
        wrong = values[(values < 1) | (values > num_rows)]
        if len(wrong):
            raise InputError(
                f"{name} in {file.path} names rows that do not exist.",
                f"1 to {num_rows}, a row of the features",
                f"{listed(wrong)} ({len(wrong)} such rows)",
                _SAME_DATA_SET,
            )
        rows[key] = values - 1
    return rows


def _read_classes(
    mat_files: list[MatFile],
) -> tuple[tuple[Embedding, ...], tuple[str, ...]]:
    """One embedding per part, which have to agree on the names of classes."""
    embeddings, class_names = [], ()
    for file in mat_files:
        # In the file, an embedding lies da x C.
        values = file.numbers("att")[:].T
        source.check_finite(
            values,
            f"att in {file.path}",
            "classes",
            "Describe these classes completely.",
        )
        values = np.ascontiguousarray(values, dtype=np.float32)
        part = file.path.name.removesuffix("_splits.mat")
        embeddings.append(Embedding(part, values))
        count, expected = len(values), len(embeddings[0].values)
        differences = []
        if count != expected:
            differences = [(f"{expected} classes", f"{count} classes")]
        elif "allclasses_names" in file.variables:
            found = _read_names(file, count)
            class_names = class_names or found
            differences = [
                (f"class {number} to be {one}", other)
                for number, (one, other) in enumerate(
                    zip(class_names, found), 1
                )
                if one != other
            ]
        if differences:
            raise InputError(
                f"{file.path} does not describe the classes of the other "
                "embeddings.",
                *differences[0],
                "Only join embeddings that list the same classes in the same "
                "order.",
            )
    numbers = range(1, len(embeddings[0].values) + 1)
    return tuple(embeddings), class_names or tuple(
        f"class_{number:03d}" for number in numbers
    )


def _read_names(file: MatFile, count: int) -> tuple[str, ...]:
    """Names of the classes, which have to be different lines of text."""
    path, cells = file.path, file.variables["allclasses_names"]
    if isinstance(cells, str) or cells.dtype != object:
        raise InputError(
            f"allclasses_names in {path} does not contain names.",
            "a cell array of texts, one for each class",
            cells if isinstance(cells, str) else f"type {cells.dtype}",
            "Store the names as texts, or leave the variable out: then "
            "classes are numbered.",
        )
    found = tuple(name.strip() for name in cells)
    if len(found) != count:
        raise InputError(
            f"att and allclasses_names in {path} do not fit.",
            f"one column of att for each of {len(found)} names",
            f"att of shape {file.numbers('att').shape}",
            "Store att with one column per class, in the order of the names.",
        )
    for place, name in enumerate(found):
        which = f"Place {place + 1} of allclasses_names in {path}"
        source.check_class_name(name, which, found[:place])
    return found
