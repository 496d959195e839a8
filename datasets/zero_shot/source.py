"""A data set as it was found, before any split: the plain data."""

import dataclasses
import hashlib
from typing import Any

import numpy as np
from etils import epath

from gmn_tf.utils.errors import InputError

VALIDATION_CLASSES_FILE = "valclasses1.txt"


@dataclasses.dataclass(frozen=True)
class SourceFile:
    """One file that the data was read from."""

    name: str
    bytes: int
    sha256: str


@dataclasses.dataclass(frozen=True)
class Embedding:
    """One description of all classes, `[num_classes, dim]` float32, raw.

    Attributes:
      name: of the description.
      values: the numbers.
      columns: what each number is called; none if nobody has said.
    """

    name: str
    values: np.ndarray
    columns: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Source:
    """A data set as it was found, checked but not yet split.

    Attributes:
      dataset: name of the data set.
      features: `[num_rows, dx]`, of the type that the file has; an array, or
        what gives rows as arrays when it is indexed by slices or row numbers.
      labels: `[num_rows]` int64, a row of each embedding.
      class_names: one per class, in the order of the labels.
      embeddings: one per part of the embedding.
      rows: indices by split: `trainval`, `test_seen`, `test_unseen`, and
        `train`, `val` where the file has them.
      validation_names: names in `validation_file`, none without that file.
      feature_file: name of the file of features.
      files: what was read.
      origin: `manual`, an address, `synthetic`, or `own`.
      validation_file: the file that may name validation classes.
      split_source: how own data were split; empty where the files of the field
        say it.
      backbone: what made the features from images, where that is known.
      notes: sentences to read before trusting a number.
    """

    dataset: str
    features: Any
    labels: np.ndarray
    class_names: tuple[str, ...]
    embeddings: tuple[Embedding, ...]
    rows: dict[str, np.ndarray]
    validation_names: tuple[str, ...]
    feature_file: str
    files: tuple[SourceFile, ...]
    origin: str
    validation_file: str = VALIDATION_CLASSES_FILE
    split_source: str = ""
    backbone: dict | None = None
    notes: tuple[str, ...] = ()


def list_files(
    folder: epath.Path, features_file: str, embedding: str
) -> tuple[SourceFile, ...]:
    """Names, sizes and digests of the files that make up the data set."""
    names = [features_file, *map(splits_file, embedding.split("+"))]
    for name in names:
        if not (folder / name).exists():
            raise _missing_file(folder, name)
    if (folder / VALIDATION_CLASSES_FILE).exists():
        names.append(VALIDATION_CLASSES_FILE)
    return tuple(describe(folder / name) for name in names)


def splits_file(part: str) -> str:
    """Name of the file that holds one part of the embedding."""
    return f"{part}_splits.mat"


def _missing_file(folder: epath.Path, name: str) -> InputError:
    found = sorted(path.name for path in folder.glob("*.mat"))
    embeddings = [
        file.removesuffix("_splits.mat")
        for file in found
        if file.endswith("_splits.mat")
    ]
    others = [file for file in found if not file.endswith("_splits.mat")]
    return InputError(
        f"{folder} has no {name}.",
        f"the file {name}",
        f"--embedding could be {_listed(embeddings)}; "
        f"--features_file could be {_listed(others)}",
        "Name one of these, or put the missing file there; or name the folder "
        "it is in with --manual_dir.",
    )


def _listed(names: list[str]) -> str:
    return ", ".join(names) or "nothing here"


def describe(path: epath.Path) -> SourceFile:
    """Name, size and digest of a file."""
    digest = hashlib.sha256()
    size = 0
    try:
        with path.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
                size += len(block)
    except OSError as error:
        raise InputError(
            f"{path} cannot be read.",
            "a file with read permission",
            error.strerror or str(error),
            "Change its permissions, or copy it to where it can be read.",
        ) from error
    return SourceFile(path.name, size, digest.hexdigest())
