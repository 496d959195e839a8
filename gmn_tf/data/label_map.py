"""The label map of a run: its classes, and the form of new descriptions."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from gmn_tf.data import embeddings
from gmn_tf.data.feature_scaling import UNSCALED, FeatureScaling
from gmn_tf.data.zero_shot_data import ZeroShotData
from gmn_tf.images import backbone_records
from gmn_tf.utils.errors import InputError, check_same, counted, listed
from gmn_tf.utils.texts import renamed
from gmn_tf_datasets.zero_shot.custom.class_tables import Descriptions
from gmn_tf_datasets.zero_shot.source import (
    check_class_name,
    check_different,
    check_finite,
)

SEEN, UNSEEN, ADDED = "seen", "unseen", "added"


@dataclasses.dataclass(frozen=True)
class LabelMap:
    """Label -> class, and the form of samples and descriptions.

    Attributes:
        names: `C` names in the order of the labels.
        kinds: of each, `seen`, `unseen` or, if it came after training, `added`.
        feature_dim: d_x.
        scalings: of each part of the embedding; without any, no class can be
            added.
        backbone: the network that the features come from, as
            `bin/extract_features` recorded it; None if it is not known.
        feature_scaling: how raw features are scaled for the classifiers.
    """

    names: tuple[str, ...]
    kinds: tuple[str, ...]
    feature_dim: int
    scalings: tuple[embeddings.Scaling, ...]
    backbone: dict | None
    feature_scaling: FeatureScaling = UNSCALED

    @classmethod
    def of(cls, data: ZeroShotData) -> "LabelMap":
        """The label map of a data set, and of runs on it."""
        unseen = data.num_classes - data.num_seen
        return cls(
            data.class_names,
            (SEEN,) * data.num_seen + (UNSEEN,) * unseen,
            data.feature_dim,
            data.scalings,
            data.metadata.get("backbone"),
            data.feature_scaling,
        )

    @classmethod
    def from_dict(cls, content: dict) -> "LabelMap":
        """The label map that `to_dict` was called on.

        Raises:
            KeyError, TypeError, ValueError: for any other content.
        """
        classes, dim = content["classes"], content["feature_dim"]
        parts, backbone = content["embedding"], content["backbone"]
        if isinstance(classes, list) or "feature_scaling" not in content:
            raise TypeError(
                "the label map of an earlier version of gmn_tf, which does "
                "not say how features are scaled"
            )
        if not isinstance(classes, dict) or not isinstance(parts, list):
            raise TypeError("classes is not an object, or embedding not a list")
        if not isinstance(backbone, dict | None):
            raise TypeError("backbone is not an object")
        if type(dim) is not int or dim < 1:
            raise TypeError("feature_dim is not a whole number above 0")
        if not classes or set(classes.values()) - {SEEN, UNSEEN}:
            raise ValueError("classes are missing, or their kinds are damaged")
        scaling = FeatureScaling.from_dict(content["feature_scaling"])
        if len(scaling.offset) not in (0, dim):
            raise ValueError(f"the scaling is not of {dim} features")
        return cls(
            tuple(classes),
            tuple(classes.values()),
            dim,
            tuple(map(embeddings.Scaling.from_dict, parts)),
            backbone,
            scaling,
        )

    def to_dict(self) -> dict:
        """The contents of a run's classes.json."""
        return {
            "classes": dict(zip(self.names, self.kinds)),
            "feature_dim": self.feature_dim,
            "embedding": [one.to_dict() for one in self.scalings],
            "backbone": self.backbone,
            "feature_scaling": self.feature_scaling.to_dict(),
        }

    @property
    def embedding_dim(self) -> int:
        """How many numbers describe a class."""
        return sum(one.dim for one in self.scalings)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the numbers; empty unless all of them are known."""
        named = [one.columns for one in self.scalings]
        return sum(named, ()) if all(named) else ()

    def with_added(self, names: Sequence[str]) -> "LabelMap":
        """The label map with classes that came after training at its end.

        Raises:
            InputError: for a name that is taken or not a line of text.
        """
        # A text is not a list of names.
        given = [[names]] if isinstance(names, str) else names
        for place, name in enumerate(given):
            earlier = *self.names, *names[:place]
            check_class_name(name, "The list of added classes", earlier)
        check_different((*self.names, *names), "The list with added classes")
        return dataclasses.replace(
            self,
            names=(*self.names, *names),
            kinds=(*self.kinds, *[ADDED] * len(names)),
        )

    def check_features_match(self, dim: int, backbone: dict | None) -> None:
        """Raises InputError for features that differ from the run's.

        Args:
            dim: number of dimensions of the features.
            backbone: what they come from, or None if that is not known.
        """
        expected = {"dimensions": self.feature_dim}
        received = {"dimensions": dim}
        if None not in (backbone, self.backbone):
            expected |= backbone_records.network(self.backbone)
            received |= backbone_records.network(backbone)
        name = (self.backbone or {}).get("name", "without a name")
        check_same(
            "These features are not like those the run was trained on.",
            expected,
            received,
            f"Make them as those of the training, {self.feature_dim} numbers "
            "for each sample in the same order."
            if self.backbone is None
            else f"Extract them with the backbone of the run, {name}.",
        )
        if None not in (backbone, self.backbone):
            backbone_records.check_read_alike(self.backbone, backbone)

    def in_order(self, new: Descriptions) -> Descriptions:
        """New classes with their numbers in the order of the run's.

        Raises:
            InputError: for numbers of other names.
        """
        if not self.columns or new.columns == self.columns:
            return new
        columns = renamed(new.columns, self.columns)
        strange = [one for one in columns if one not in self.columns]
        missing = [one for one in self.columns if one not in columns]
        if strange or missing:
            raise InputError(
                "The new classes are not described as those of the run.",
                f"the {len(self.columns)} columns {listed(self.columns)}",
                f"{len(new.columns)} columns; unknown: {listed(strange)}; "
                f"missing: {listed(missing)}",
                "Name the columns as in the classes.csv of the training.",
            )
        places = [columns.index(one) for one in self.columns]
        return new._replace(values=new.values[:, places], columns=self.columns)

    def scaled(self, values: np.ndarray, names: Sequence[str]) -> np.ndarray:
        """Raw descriptions `[n, da]` of new classes, scaled like the run's.

        Raises:
            InputError: for descriptions of another form, or that are zero.
        """
        shape = len(names), self.embedding_dim
        if values.shape != shape or values.dtype.kind not in "fiu":
            parts = listed((f"{p.name} {p.dim}" for p in self.scalings), 99)
            raise InputError(
                "The new classes are not described as those of the run.",
                f"{self.embedding_dim} numbers each ({parts}), for "
                + counted(len(names), "class", "classes"),
                f"shape {values.shape}, type {values.dtype}",
                "Give one row for each class, with the same numbers in the "
                "same order.",
            )
        action = "Describe these classes completely."
        check_finite(values, "The array", "added classes", action)
        ends = np.cumsum([part.dim for part in self.scalings])
        raw = np.split(values.astype(np.float64), ends[:-1], axis=1)
        return embeddings.scaled(raw, self.scalings, names)
