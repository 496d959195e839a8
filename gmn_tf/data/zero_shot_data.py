"""Prepared splits -> the arrays and embeddings of a run.

A run numbers its classes with the seen ones first: labels 0..S-1 are seen,
S..C-1 unseen. `split="tune"` makes the same object inside the training classes,
where the validation classes take the place of the unseen ones: no record of a
test split is read.
"""

from __future__ import annotations

import dataclasses
import functools
import typing

import numpy as np

from gmn_tf.data import data_checks, embeddings, row_blocks
from gmn_tf.data.feature_scaling import NONE, UNSCALED, FeatureScaling
from gmn_tf.utils.errors import InputError

if typing.TYPE_CHECKING:
    from gmn_tf.data import on_disk

SPLITS = {
    "test": ("train", "test_seen", "test_unseen"),
    "tune": ("tune_train", "tune_seen", "tune_unseen"),
}
PARTS = ("train", "seen", "unseen")  # of each split, in the order above


@dataclasses.dataclass(frozen=True)
class Samples:
    """Features `[n, dx]` float32 and labels `[n]` int32.

    Features are an array, or a `on_disk.OnDisk`, which is indexed like one.
    """

    features: np.ndarray | on_disk.OnDisk
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)


@dataclasses.dataclass(frozen=True)
class ZeroShotData:
    """All that a run reads of a prepared data set.

    Attributes:
        class_names: `C` names, seen classes first.
        num_seen: S.
        embeddings: `[C, da]` scaled class embeddings.
        validation_classes: labels of classes kept for validation; unseen ones
            in the `tune` split, and seen ones in the `test` split.
        train: samples of seen classes to learn from, their features scaled
            like those of all samples.
        seen: samples of seen classes to score.
        unseen: samples of unseen classes to score.
        metadata: what the builder recorded.
        raw_embeddings: of each part of the embedding, `[n, dim]` float64 as
            recorded, in the order of the metadata's `class_names`, all of them;
            none if the data was not prepared.
        name: of the prepared data; empty if it was not prepared.
        data_dir: where it was prepared.
        split: `test` or `tune`; empty if it is not known.
        embedding_norm: how the embeddings were scaled; empty if not known.
        scalings: how each part was scaled; empty if it was not prepared.
        feature_scaling: how the features of all samples were scaled.
        memory: bytes that features may take, and likewise synthetic ones, and
            scores of all classes; see `load`.
    """

    class_names: tuple[str, ...]
    num_seen: int
    embeddings: np.ndarray
    validation_classes: np.ndarray
    train: Samples
    seen: Samples
    unseen: Samples
    metadata: dict
    raw_embeddings: tuple[np.ndarray, ...] = ()
    name: str = ""
    data_dir: str = ""
    split: str = ""
    embedding_norm: str = ""
    scalings: tuple[embeddings.Scaling, ...] = ()
    feature_scaling: FeatureScaling = UNSCALED
    memory: float = float("inf")

    @property
    def source(self) -> dict:
        """What a run's config.json says about its data."""
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

    @functools.cached_property
    def has_negative_features(self) -> bool:
        """Whether a training sample has a feature below 0, as scaled."""
        features = self.train.features
        return any(
            (features[block] < 0.0).any()
            for block in row_blocks.blocks(len(features))
        )

    def rescaled(
        self, feature_scaling: str, embedding_norm: str
    ) -> ZeroShotData:
        """The same data, scaled in another way.

        Args:
            feature_scaling: as in `load`.
            embedding_norm: as in `load`.

        Raises:
            InputError: for a scaling that is not possible, or data whose
                features are scaled already.
            LostDataError: if features on disk have changed.
        """
        from gmn_tf.data import on_disk

        scaled = self.feature_scaling.kind
        if scaled not in (NONE, feature_scaling):
            raise InputError(
                "Features that are scaled cannot be scaled again.",
                "data that was loaded with feature_scaling='none'",
                repr(scaled),
                "Load the data again.",
            )
        changes = {}
        if feature_scaling != scaled:
            with on_disk.reporting_data_loss():
                scaling = FeatureScaling.fit(
                    feature_scaling, self.train.features
                )
            changes["feature_scaling"] = scaling
            for part in PARTS:
                one = getattr(self, part)
                features = on_disk.mapped(one.features, scaling)
                changes[part] = Samples(features, one.labels)
        if embedding_norm != self.embedding_norm:
            names = self.metadata["class_names"]
            places = {name: place for place, name in enumerate(names)}
            order = [places[name] for name in self.class_names]
            parts = self.metadata["embeddings"]
            raw = self.raw_embeddings
            scalings = embeddings.scalings(
                parts, raw, embedding_norm, order[: self.num_seen]
            )
            changes["embedding_norm"] = embedding_norm
            changes["scalings"] = scalings
            matrix = embeddings.scaled(raw, scalings, names)
            changes["embeddings"] = matrix[order]
        return dataclasses.replace(self, **changes)


def load(
    name: str,
    data_dir: str,
    split: str = "test",
    embedding_norm: str = "l2",
    memory: float = float("inf"),
    feature_scaling: str = NONE,
) -> ZeroShotData:
    """Reads a prepared data set.

    Args:
        name: its TFDS name, as the builder's `prepare` returned it.
        data_dir: where it was prepared.
        split: `test` or `tune`.
        embedding_norm: see `gmn_tf.Config`.
        memory: bytes that features may take; if they need more, they stay on
            disk, and rows are read when they are needed. Synthetic features
            that need more are drawn when they are needed.
        feature_scaling: see `gmn_tf.Config`; by the training samples of the
            split alone.

    Raises:
        InputError: for a preparation that is missing or damaged, or features
            or an embedding that cannot be scaled.
    """
    # TensorFlow takes seconds, and not all who import this module load data.
    import tensorflow as tf

    from gmn_tf.data import on_disk, prepared

    opened = prepared.open_prepared(name, data_dir)
    builder, metadata, raw = opened[2:]
    info = builder.info
    with prepared.reporting_damage(name, data_dir, *data_checks.ERRORS):
        seen, unseen = metadata["seen_classes"], metadata["unseen_classes"]
        if split == "tune":
            unseen = metadata["validation_classes"]
            seen = np.setdiff1d(seen, unseen)
        scalings = embeddings.scalings(
            metadata["embeddings"], raw, embedding_norm, seen
        )
        # By part: TFDS has none for a split without a record.
        splits = {
            part: info.splits[split_name]
            for part, split_name in zip(PARTS, SPLITS[split])
            if split_name in info.splits
            or split_name != "test_unseen"
            or metadata["num_samples"][split_name]
        }
        (dim,) = info.features["features"].shape
        if info.features["features"].dtype != np.float32:
            raise ValueError("features are not 32-bit numbers")
        if info.file_format.value != "tfrecord":
            raise ValueError(f"{info.file_format.value} instead of tfrecord")
        records = sum(one.num_examples for one in splits.values())
    # The builder's labels in the order of the run's.
    order, num_seen = np.array([*seen, *unseen], int), len(seen)
    new_label = np.full(len(metadata["class_names"]), -1, np.int32)
    new_label[order] = np.arange(len(order))
    nothing = Samples(np.empty((0, dim), np.float32), np.empty(0, np.int32))
    samples = dict.fromkeys(PARTS, nothing)
    errors = (*data_checks.ERRORS, tf.errors.OpError)
    in_memory = 4 * dim * records <= memory
    for part, one in splits.items():
        classes = order[num_seen:] if part == "unseen" else order[:num_seen]
        with prepared.reporting_damage(name, data_dir, *errors):
            features, labels = (
                on_disk.read_records(one.filepaths, one.num_examples, dim)
                if in_memory
                else on_disk.open_records(one.filepaths, dim)
            )
            if len(labels) != one.num_examples:
                raise ValueError(
                    f"{len(labels)} records in {one.name} instead of "
                    f"{one.num_examples}"
                )
            if not np.isin(labels, classes).all():
                raise ValueError(f"records in {one.name} are of other classes")
        samples[part] = Samples(features, new_label[labels])
    with on_disk.reporting_data_loss():
        scaling = FeatureScaling.fit(feature_scaling, samples["train"].features)
    if feature_scaling != NONE:
        for part, one in samples.items():
            features = on_disk.mapped(one.features, scaling, in_place=True)
            samples[part] = Samples(features, one.labels)
    names = metadata["class_names"]
    matrix = embeddings.scaled(raw, scalings, names)
    return ZeroShotData(
        class_names=tuple(names[old] for old in order),
        num_seen=num_seen,
        embeddings=matrix[order],
        validation_classes=new_label[metadata["validation_classes"]],
        metadata=metadata,
        raw_embeddings=raw,
        name=name,
        data_dir=str(data_dir),
        split=split,
        embedding_norm=embedding_norm,
        scalings=scalings,
        feature_scaling=scaling,
        memory=memory,
        **samples,
    )
