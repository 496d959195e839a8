"""Checks that prepared data is as the builder wrote it."""

import pathlib
from collections.abc import Sequence

import numpy as np

from gmn_tf.utils import files

# What the checks raise for data of another form, or files that cannot be read.
ERRORS = (ArithmeticError, LookupError, OSError, TypeError, ValueError)
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
            text = path.read_text("utf-8")
            files.parse_json(text, object_pairs_hook=_check_pairs)


def _check_pairs(pairs: list[tuple[str, object]]) -> None:
    for name, item in pairs:
        if name in NAMING and item not in FEATURES:
            raise ValueError(
                f"features.json names a class the builder does not use: {item}"
            )


def check_metadata(metadata: dict, embeddings: Sequence[np.ndarray]) -> None:
    """Checks what the builder has recorded, which no checksum guards.

    Args:
        metadata: what it has recorded. `embeddings.Scaling` checks what it says
            of each embedding.
        embeddings: a matrix `[C, da]` each.

    Raises:
        LookupError, TypeError, ValueError: for what it cannot have recorded.
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
        raise ValueError("validation classes are not seen classes")
    if not embeddings:
        raise ValueError("there is no embedding")
    for values in embeddings:
        if len(values) != len(names) or not np.isfinite(values).all():
            raise ValueError("an embedding is damaged")
