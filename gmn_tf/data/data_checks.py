"""Prepared data that was damaged, or changed by other hands, is refused."""

import json
import pathlib

import numpy as np

# All that the builder's records are made of.
FEATURES = [
    f"tensorflow_datasets.core.features.{name}"
    for name in (
        "features_dict.FeaturesDict",
        "tensor_feature.Tensor",
        "class_label_feature.ClassLabel",
    )
]
# Where TFDS finds the name of a class, whose module it then imports.
NAMING = {"pythonClassName", "python_class_name", "type", "proto_cls"}


def check_files(folder: pathlib.Path) -> None:
    """Checks what TFDS would import, before it does.

    Args:
        folder: of the prepared data, of any of its versions.

    Raises:
        OSError, ValueError: for anything but the builder's classes.
    """
    # A data set, a configuration or a version may be what was named.
    for depth in ("", "*/", "*/*/"):
        for path in folder.glob(f"{depth}features.json"):
            _check_classes(json.loads(path.read_text("utf-8")))


def _check_classes(content) -> None:
    if isinstance(content, list):
        for item in content:
            _check_classes(item)
    elif isinstance(content, dict):
        for name, item in content.items():
            if name in NAMING and item not in FEATURES:
                raise ValueError(f"features.json names foreign code: {item}")
            _check_classes(item)


def check_metadata(metadata: dict, embeddings) -> None:
    """Checks what the builder has recorded, which no checksum guards.

    Args:
        metadata: what it has recorded.
        embeddings: the matrices in it.

    Raises:
        KeyError, TypeError, ValueError: for what it cannot have recorded.
    """
    names, seen = metadata["class_names"], metadata["seen_classes"]
    validation = metadata["validation_classes"]
    texts = [*names, metadata["split_fingerprint"], *metadata["notes"]]
    if not all(isinstance(text, str) for text in texts):
        raise ValueError("names, notes or the fingerprint are not texts")
    if len(set(names)) < len(names):
        raise ValueError("class names are not different")
    if sorted(seen + metadata["unseen_classes"]) != list(range(len(names))):
        raise ValueError("not every class is either seen or unseen")
    if not 0 < len(set(validation) & set(seen)) == len(validation) < len(seen):
        raise ValueError("validation classes are no part of the seen ones")
    embeddings = list(embeddings)
    if not embeddings:
        raise ValueError("there is no embedding")
    for values in embeddings:
        if len(values) != len(names) or not np.isfinite(values).all():
            raise ValueError("an embedding is damaged")


def check_features(features) -> None:
    """Raises ValueError for records of another form than the builder's."""
    values = features["features"]
    if values.dtype != np.float32 or len(values.shape) != 1:
        raise ValueError("features are not rows of 32-bit numbers")


def check_labels(labels: np.ndarray, classes: np.ndarray, info) -> None:
    """Checks the labels of a split.

    Args:
        labels: as read, in the numbers of the run.
        classes: those that the split may have.
        info: what TFDS says of the split.

    Raises:
        ValueError: for records that are too few, or of other classes.
    """
    if len(labels) != info.num_examples:
        raise ValueError(
            f"{len(labels)} records in {info.name} instead of "
            f"{info.num_examples}"
        )
    if not np.isin(labels, classes).all():
        raise ValueError(f"records in {info.name} are of other classes")
