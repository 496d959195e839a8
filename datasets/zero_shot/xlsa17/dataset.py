"""Reading and checking a data set in the layout of xlsa17.

Two .mat files make a data set: features with labels (`res101.mat`), and class
embeddings with the rows of each split (`att_splits.mat`). Rows and labels
count from 1 in the files, from 0 in everything this module returns.
"""

import dataclasses

import numpy as np
from etils import epath

from gmn_tf.utils import dataset_names, texts
from gmn_tf.utils.errors import InputError
from gmn_tf_datasets.zero_shot import (
    counters,
    encoder_records,
    source,
)
from gmn_tf_datasets.zero_shot.source import Embedding
from gmn_tf_datasets.zero_shot.xlsa17 import counting, mat_file, orientation
from gmn_tf_datasets.zero_shot.xlsa17.folders import Request
from gmn_tf_datasets.zero_shot.xlsa17.mat_file import MatFile

REQUIRED_ROWS = ("trainval", "test_seen", "test_unseen")
OPTIONAL_ROWS = ("train", "val")
_VARIABLES = (
    "att",
    "allclasses_names",
    "att_rows",
    encoder_records.VARIABLE,
    *(f"{key}_loc" for key in (*REQUIRED_ROWS, *OPTIONAL_ROWS)),
)


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
    features, labels, feature_notes = _read_features(features_path)
    mat_files = [mat_file.read(path, _VARIABLES) for path in paths]
    rows = _read_rows(mat_files[0], labels)
    embeddings, class_names, class_notes = _read_classes(
        mat_files, labels, request
    )
    counting.check_labels(labels, class_names, features_path)
    notes = [*notes, *feature_notes, *class_notes]
    known = dataset_names.PUBLISHED.get(request.dataset)
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
        validation_names=texts.found(class_names, lines),
        feature_file=request.features_file,
        files=files,
        digest=digest(request, files),
        origin=origin,
        notes=tuple(notes),
    )


def _read_features(path: epath.Path):
    """Features `[N, dx]`, labels `[N]` from 1, and notes."""
    wanted = ("features", "labels", "features_rows")
    file = mat_file.read(path, wanted)
    labels = file.integers("labels")
    features, notes = orientation.samples_first(file, labels)
    source.check_lengths(features, labels, path)
    lowest = source.check_finite(
        features,
        f"features in {path}",
        "rows",
        "Compute the features of these images again.",
    )
    counters.check(features, f"features in {path}", labels)
    return features, labels, (*notes, *[source.NEGATIVE] * (lowest < 0.0))


def _read_rows(file: MatFile, labels: np.ndarray) -> dict[str, np.ndarray]:
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
        rows[key] = file.integers(name)
    counting.check_rows(rows, len(labels), file.path)
    counting.check_shift(rows, labels, file.path)
    return {key: values - 1 for key, values in rows.items()}


def _read_classes(
    mat_files: list[MatFile], labels: np.ndarray, request: Request
) -> tuple[tuple[Embedding, ...], tuple[str, ...], list[str]]:
    """One embedding per part, which have to agree on the names of classes."""
    embeddings, class_names, notes = [], (), []
    for file in mat_files:
        count = orientation.num_classes(file, embeddings, request)
        values, more_notes = orientation.classes_first(file, count, labels)
        notes.extend(more_notes)
        source.check_finite(
            values,
            f"att in {file.path}",
            "classes",
            "Describe these classes completely.",
        )
        counters.check(values, f"att in {file.path}")
        values = np.ascontiguousarray(values, dtype=np.float32)
        part = file.path.name.removesuffix("_splits.mat")
        encoder = encoder_records.of_mat(file)
        embeddings.append(Embedding(part, values, encoder=encoder))
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
                if not texts.same(one, other)
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
    class_names = class_names or tuple(map("class_{:03d}".format, numbers))
    return tuple(embeddings), class_names, notes


def _read_names(file: MatFile, count: int) -> tuple[str, ...]:
    """Names of the classes, which have to be different lines of text."""
    path = file.path
    found = tuple(map(str.strip, file.texts("allclasses_names")))
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
    source.check_different(found, f"allclasses_names in {path}")
    return found
