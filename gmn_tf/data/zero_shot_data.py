"""Prepared splits -> the arrays and embeddings of a run.

Classes are numbered anew, seen ones first: labels 0..S-1 are seen, S..C-1
unseen. `split="tune"` makes the same object inside the training classes, where
the validation classes play the unseen ones: no record of a test split is read.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
import typing

import numpy as np
import tensorflow_datasets as tfds

from gmn_tf.data import data_checks, embeddings
from gmn_tf.utils.errors import InputError

if typing.TYPE_CHECKING:
    from gmn_tf.data import on_disk as records

SPLITS = {
    "test": ("train", "test_seen", "test_unseen"),
    "tune": ("tune_train", "tune_seen", "tune_unseen"),
}


PARTS = ("train", "seen", "unseen")  # of each split, in the order above


@dataclasses.dataclass(frozen=True)
class Samples:
    """Features `[n, dx]` float32 and labels `[n]` int32.

    Features are an array, or a `records.OnDisk`, which is indexed like one.
    """

    features: np.ndarray | records.OnDisk
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)


@dataclasses.dataclass(frozen=True)
class ZeroShotData:
    """All of a prepared data set that a run looks at.

    Attributes:
        class_names: `C` names, seen classes first.
        num_seen: S.
        embeddings: `[C, da]` normalised class embeddings.
        validation_classes: labels of classes kept for validation; unseen ones
            in the `tune` split, and seen ones in the `test` split.
        train: samples of seen classes to learn from.
        seen: samples of seen classes to score.
        unseen: samples of unseen classes to score.
        metadata: what the builder recorded.
        name: of the prepared data; empty for one that was not prepared.
        data_dir: where it was prepared.
        split: `test` or `tune`; empty if nobody has said.
        embedding_norm: how the embeddings were scaled, or empty.
        scalings: the same for each part of the embedding, as numbers.
    """

    class_names: tuple[str, ...]
    num_seen: int
    embeddings: np.ndarray
    validation_classes: np.ndarray
    train: Samples
    seen: Samples
    unseen: Samples
    metadata: dict
    name: str = ""
    data_dir: str = ""
    split: str = ""
    embedding_norm: str = ""
    scalings: tuple[embeddings.Scaling, ...] = ()

    @property
    def source(self) -> dict:
        """What a run's config.json says of its data."""
        return {
            "name": self.name,
            "data_dir": self.data_dir,
            "split_fingerprint": self.metadata.get("split_fingerprint", ""),
        }

    @property
    def feature_dim(self) -> int:
        """d_x."""
        return self.train.features.shape[1]

    @property
    def num_classes(self) -> int:
        """C = S + U."""
        return len(self.class_names)


def load(
    name: str,
    data_dir: str,
    split: str = "test",
    embedding_norm: str = "l2",
    memory: float = float("inf"),
) -> ZeroShotData:
    """Reads a prepared data set.

    Args:
        name: its TFDS name, as the builder's `prepare` returned it.
        data_dir: where it was prepared.
        split: `test` or `tune`.
        embedding_norm: see `gmn_tf.Config`.
        memory: bytes that features may take; if they need more, they are left
            on disk, and read when they are asked for.

    Raises:
        InputError: for a preparation that is missing or damaged, or an
            embedding that cannot be normalised.
    """
    # TensorFlow takes seconds, and not all who import this module load data.
    from gmn_tf.data.on_disk import open_records

    if not os.path.isdir(os.path.join(data_dir, name)):
        raise InputError(
            f"There is no prepared data {name} in {data_dir}.",
            "the folder of a whole preparation, as bin/train makes it",
            "no such folder",
            "check --data_dir, or prepare it again (bin/prepare, or for own "
            "data bin/prepare_data; if other content has replaced it, this run "
            "needs that of before)",
        )
    try:
        data_checks.check_files(pathlib.Path(data_dir, name))
        builder = tfds.builder(name, data_dir=data_dir)
        metadata = dict(builder.info.metadata)
        data_checks.check_features(builder.info.features)
        raw = [embeddings.decode(part) for part in metadata["embeddings"]]
        data_checks.check_metadata(metadata, raw)
        # By part: TFDS has none for a split without a record.
        infos = {
            part: builder.info.splits[name]
            for part, name in zip(PARTS, SPLITS[split])
            if not _is_empty(builder.info, name)
        }
        dim = builder.info.features["features"].shape[0]
        records = sum(info.num_examples for info in infos.values())
        on_disk = 4 * dim * records > memory
        arrays = {
            part: (np.empty((0, dim), np.float32), np.empty(0, np.int64))
            for part in PARTS
        } | {
            part: open_records(info.filepaths, dim)
            if on_disk
            else _read(builder, info.name)
            for part, info in infos.items()
        }
        order, num_seen = _class_order(metadata, split)
        new_label = np.full(len(metadata["class_names"]), -1, np.int32)
        new_label[order] = np.arange(len(order))
        samples = {
            part: Samples(features, _renumbered(labels, new_label))
            for part, (features, labels) in arrays.items()
        }
        for part, info in infos.items():
            classes = np.arange(num_seen)
            if part == "unseen":
                classes = np.arange(num_seen, len(order))
            data_checks.check_labels(samples[part].labels, classes, info)
    except Exception as error:
        # Damaged files make TFDS and TensorFlow raise almost anything.
        raise InputError(
            f"Cannot read the prepared data {name} in {data_dir}.",
            "a whole preparation, as bin/train makes it",
            (str(error).splitlines() or [type(error).__name__])[0][:200],
            f"remove {data_dir}/{name}, and let bin/train prepare it again",
        ) from error
    names = metadata["class_names"]
    scalings = embeddings.scalings(metadata["embeddings"], raw, embedding_norm)
    matrix = embeddings.scaled(raw, scalings, names)
    return ZeroShotData(
        class_names=tuple(names[old] for old in order),
        num_seen=num_seen,
        embeddings=matrix[order],
        validation_classes=new_label[metadata["validation_classes"]],
        metadata=metadata,
        name=name,
        data_dir=str(data_dir),
        split=split,
        embedding_norm=embedding_norm,
        scalings=scalings,
        **samples,
    )


def _is_empty(info, split: str) -> bool:
    """Whether a split has no record because no unseen class has a sample."""
    return (
        split == "test_unseen"
        and split not in info.splits
        and info.metadata["num_samples"][split] == 0
    )


def _class_order(metadata: dict, split: str) -> tuple[np.ndarray, int]:
    """The builder's labels in the order of a run's, and S."""
    seen, unseen = metadata["seen_classes"], metadata["unseen_classes"]
    if split == "tune":
        unseen = metadata["validation_classes"]
        seen = np.setdiff1d(seen, unseen)
    return np.concatenate([seen, unseen]).astype(int), len(seen)


def _renumbered(labels: np.ndarray, new_label: np.ndarray) -> np.ndarray:
    if len(labels) and labels.min() < 0:  # which NumPy would count backwards
        raise ValueError("a label is negative")
    return new_label[labels]


def _read(builder, split: str) -> tuple[np.ndarray, np.ndarray]:
    """All features and labels of a split, in one pass over its records."""
    size = builder.info.splits[split].num_examples
    features_dim = builder.info.features["features"].shape[0]
    features = np.empty((size, features_dim), np.float32)
    labels = np.empty(size, np.int64)
    start = 0
    read_config = tfds.ReadConfig(interleave_cycle_length=1)
    batches = builder.as_dataset(split=split, read_config=read_config)
    for batch in batches.batch(512).as_numpy_iterator():
        stop = start + len(batch["label"])
        features[start:stop] = batch["features"]
        labels[start:stop] = batch["label"]
        start = stop
    if start < size:  # or what was never written would be taken for features
        raise ValueError(f"{start} records in {split} instead of {size}")
    return features, labels
