"""Reading and checking a data set in the layout of xlsa17.

Two .mat files make a data set: features with labels (`res101.mat`), and class
embeddings with the rows of each split (`att_splits.mat`). Rows and labels
count from 1 in the files, from 0 in everything this module returns.
"""

import numpy as np
from etils import epath

from gmn_tf.utils.errors import InputError
from gmn_tf_datasets.zero_shot.source import (
    VALIDATION_CLASSES_FILE,
    Source,
    SourceFile,
    splits_file,
)
from gmn_tf_datasets.zero_shot.xlsa17 import class_embeddings, mat_file
from gmn_tf_datasets.zero_shot.xlsa17.mat_file import some

Features = np.ndarray | mat_file.OnDiskMatrix

REQUIRED_ROWS = ("trainval", "test_seen", "test_unseen")
OPTIONAL_ROWS = ("train", "val")
_VARIABLES = (
    "att",
    "allclasses_names",
    *(f"{key}_loc" for key in (*REQUIRED_ROWS, *OPTIONAL_ROWS)),
)
_BLOCK = 1024  # Rows looked at in one go: bounds the memory of the checks.


def read(
    dataset: str,
    folder: epath.Path,
    features_file: str,
    embedding: str,
    files: tuple[SourceFile, ...],
    origin: str,
) -> Source:
    """Reads a data set and refuses what cannot be right."""
    features, labels = _read_features(folder / features_file)
    paths = [folder / splits_file(part) for part in embedding.split("+")]
    contents = [mat_file.read_variables(path, _VARIABLES) for path in paths]
    rows = _read_rows(paths[0], contents[0], len(labels))
    values, class_names = class_embeddings.read(paths, contents)
    _check_labels(labels, len(class_names), folder / features_file)
    return Source(
        dataset=dataset,
        features=features,
        labels=labels - 1,
        class_names=class_names,
        embeddings=values,
        rows=rows,
        validation_names=_read_validation_names(folder),
        feature_file=features_file,
        files=files,
        origin=origin,
    )


def _read_features(path: epath.Path) -> tuple[Features, np.ndarray]:
    content = mat_file.read_variables(
        path, ("features", "labels"), on_disk=("features",)
    )
    mat_file.require(path, content, ("features", "labels"))
    features = mat_file.numbers(path, "features", content["features"])
    labels = mat_file.integers(path, "labels", content["labels"])
    # dx x N in the field's files; some copies are N x dx. A square matrix is
    # taken for the field's.
    if features.shape[1] == len(labels):
        features = features.T
    elif features.shape[0] != len(labels):
        raise InputError(
            f"features and labels in {path} do not fit.",
            f"one column of features for each of {len(labels)} labels",
            f"features of shape {features.shape}",
            "Check that both were written from the same list of images.",
        )
    _check_finite_rows(features, path)
    return features, labels


def _check_finite_rows(features: Features, path: epath.Path) -> None:
    wrong = []
    for start in range(0, len(features), _BLOCK):
        # As float32, because that is how they will be written.
        with np.errstate(over="ignore"):
            block = features[start : start + _BLOCK].astype(np.float32)
        finite = np.isfinite(block).all(axis=1)
        wrong.extend(np.flatnonzero(~finite) + start + 1)
    if wrong:
        raise InputError(
            f"features in {path} has values that are not finite.",
            "finite numbers (as float32) in every row",
            f"NaN or infinity in {len(wrong)} rows, counted from 1: "
            f"{some(wrong)}",
            "Compute the features of these images again.",
        )


def _check_labels(labels: np.ndarray, classes: int, path: epath.Path) -> None:
    wrong = np.flatnonzero((labels < 1) | (labels > classes))
    if len(wrong):
        raise InputError(
            f"labels in {path} name classes that have no embedding.",
            f"1 to {classes}, a column of att",
            f"{labels[wrong[0]]} in row {wrong[0] + 1} "
            f"({len(wrong)} such rows)",
            "Check that both .mat files belong to the same data set.",
        )


def _read_rows(
    path: epath.Path, content: dict, num_rows: int
) -> dict[str, np.ndarray]:
    """The rows of each split, from 0, in the order of the file."""
    mat_file.require(path, content, tuple(f"{k}_loc" for k in REQUIRED_ROWS))
    rows = {}
    for key in (*REQUIRED_ROWS, *OPTIONAL_ROWS):
        name = f"{key}_loc"
        if name not in content or not np.size(content[name]):
            if key in REQUIRED_ROWS:
                raise _empty_split(path, name)
            continue
        values = mat_file.integers(path, name, content[name])
        wrong = values[(values < 1) | (values > num_rows)]
        if len(wrong):
            raise InputError(
                f"{name} in {path} names rows that do not exist.",
                f"1 to {num_rows}, a row of the features",
                f"{some(wrong)} ({len(wrong)} such rows)",
                "Check that both .mat files belong to the same data set.",
            )
        rows[key] = values - 1
    return rows


def _empty_split(path: epath.Path, name: str) -> InputError:
    return InputError(
        f"{name} in {path} is empty.",
        "at least one row",
        "none",
        "Give every split its rows: training, seen and unseen test images.",
    )


def _read_validation_names(folder: epath.Path) -> tuple[str, ...]:
    path = folder / VALIDATION_CLASSES_FILE
    if not path.exists():
        return ()
    # Damaged letters only make a name unknown.
    lines = path.read_bytes().decode(errors="replace").splitlines()
    return tuple(line.strip() for line in lines if line.strip())
