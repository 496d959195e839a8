"""What a run's classifiers tell apart: all that predicting has to know."""

import dataclasses
import json
from collections.abc import Sequence

import numpy as np

from gmn_tf.data import embeddings
from gmn_tf.data.zero_shot_data import ZeroShotData
from gmn_tf.images import backbones
from gmn_tf.utils.errors import InputError
from gmn_tf_datasets.zero_shot.custom.classes import Descriptions

SEEN, UNSEEN, ADDED = "seen", "unseen", "added"


@dataclasses.dataclass(frozen=True)
class LabelMap:
    """The classes of a run, and what their samples and descriptions are like.

    Attributes:
        names: `C` names in the order of the labels.
        kinds: of each, `seen`, `unseen` or, since the training, `added`.
        feature_dim: d_x.
        scalings: of each part of the embedding; without any, no class can be
            added.
        backbone: what the features come from, as `bin/extract_features` has
            recorded it; None if that is not known.
    """

    names: tuple[str, ...]
    kinds: tuple[str, ...]
    feature_dim: int
    scalings: tuple[embeddings.Scaling, ...]
    backbone: dict | None

    @classmethod
    def of(cls, data: ZeroShotData, embedding_norm: str) -> "LabelMap":
        """That of a data set, and of runs on it."""
        unseen = data.num_classes - data.num_seen
        return cls(
            data.class_names,
            (SEEN,) * data.num_seen + (UNSEEN,) * unseen,
            data.feature_dim,
            embeddings.scalings(
                data.metadata.get("embeddings", ()), embedding_norm
            ),
            data.metadata.get("backbone"),
        )

    @classmethod
    def from_dict(cls, content: dict) -> "LabelMap":
        """What `to_dict` has made.

        Raises:
            KeyError, TypeError, ValueError: for anything else.
        """
        backbone, dim = content["backbone"], content["feature_dim"]
        if not (backbone is None or isinstance(backbone, dict)):
            raise TypeError("backbone is not an object")
        if type(dim) is not int or dim < 1:
            raise TypeError("feature_dim is not a whole number above 0")
        for name in ("classes", "embedding"):
            if not isinstance(content[name], list):
                raise TypeError(f"{name} is not a list")
        json.dumps(content, allow_nan=False)
        names = tuple(one["name"] for one in content["classes"])
        kinds = tuple(one["kind"] for one in content["classes"])
        if not all(isinstance(name, str) for name in names):
            raise TypeError("a name is not a text")
        if not 0 < len(set(names)) == len(names) or set(kinds) - {SEEN, UNSEEN}:
            raise ValueError("names or kinds of classes are damaged")
        return cls(
            names,
            kinds,
            dim,
            tuple(
                embeddings.Scaling(**{**one, "columns": tuple(one["columns"])})
                for one in content["embedding"]
            ),
            backbone,
        )

    def to_dict(self) -> dict:
        """The contents of a run's classes.json."""
        return {
            "classes": [
                {"name": name, "kind": kind}
                for name, kind in zip(self.names, self.kinds)
            ],
            "feature_dim": self.feature_dim,
            "embedding": [dataclasses.asdict(one) for one in self.scalings],
            "backbone": self.backbone,
        }

    @property
    def embedding_dim(self) -> int:
        """How many numbers describe a class."""
        return sum(one.dim for one in self.scalings)

    def with_added(self, names: Sequence[str]) -> "LabelMap":
        """The same and classes that came after the training.

        Raises:
            InputError: for a class that is there already.
        """
        if isinstance(names, str) or not all(map(_is_name, names)):
            raise InputError(
                "A class that is to be added has no usable name.",
                "one line of text for each class",
                repr(names)[:100],
                "give it another name",
            )
        known = [name for name in names if name in self.names]
        if known or len(set(names)) < len(names):
            raise InputError(
                "A class that is to be added has a name that is taken.",
                "names that no class of the run has, each once",
                ", ".join(known[:5] or names[:5]),
                "give it another name, or leave it out",
            )
        return dataclasses.replace(
            self,
            names=(*self.names, *names),
            kinds=(*self.kinds, *[ADDED] * len(names)),
        )

    def check_features_match(self, dim: int, backbone: dict | None) -> None:
        """Raises InputError for features that are not like the run's.

        Args:
            dim: of the features.
            backbone: what they come from, or None if that is not known.
        """
        if dim != self.feature_dim:
            raise InputError(
                "These features are not like those the run was trained on.",
                f"{self.feature_dim} dimensions",
                f"{dim} dimensions",
                "extract them with the same backbone",
            )
        if None in (backbone, self.backbone):
            return
        for name in backbones.IDENTITY:
            if backbone.get(name) != self.backbone.get(name):
                raise InputError(
                    "These features come from another backbone.",
                    f"{self.backbone.get('name')}, {name} "
                    f"{self.backbone.get(name)}",
                    f"{backbone.get('name')}, {name} {backbone.get(name)}",
                    "extract them with the backbone of the run",
                )

    @property
    def columns(self) -> tuple[str, ...]:
        """What the numbers are called; none if not all of them are."""
        named = [one.columns for one in self.scalings]
        return sum(named, ()) if all(named) else ()

    def in_order(self, new: Descriptions) -> Descriptions:
        """New classes with their numbers in the order of the run's.

        Raises:
            InputError: for numbers of other names.
        """
        if not self.columns or new.columns == self.columns:
            return new
        strange = [one for one in new.columns if one not in self.columns]
        missing = [one for one in self.columns if one not in new.columns]
        if strange or missing:
            raise InputError(
                "The new classes are not described as those of the run.",
                f"the {len(self.columns)} columns {_some(self.columns)}",
                f"{len(new.columns)} columns, of which the run has not: "
                f"{_some(strange)}; missing: {_some(missing)}",
                "name the columns as in the classes.csv of the training",
            )
        places = [new.columns.index(one) for one in self.columns]
        return Descriptions(new.names, new.values[:, places], self.columns)

    def scaled(self, values: np.ndarray, names: Sequence[str]) -> np.ndarray:
        """Raw descriptions `[n, da]` of new classes, as the run's are scaled.

        Raises:
            InputError: if they have another number of numbers, or are zero.
        """
        if values.dtype.kind not in "fiu" or values.ndim != 2:
            raise InputError(
                "The new classes are not described by a table of numbers.",
                "[classes, numbers]",
                f"shape {values.shape}, type {values.dtype}",
                "give one row per class",
            )
        if len(values) != len(names) or not np.isfinite(values).all():
            raise InputError(
                "The new classes are not described completely.",
                f"finite numbers for each of {len(names)} classes",
                f"{len(values)} rows, {np.sum(~np.isfinite(values))} numbers "
                "that are not finite",
                "describe each of them",
            )
        if values.shape[1] != self.embedding_dim:
            raise InputError(
                "The new classes are not described as those of the run.",
                f"{self.embedding_dim} numbers each ("
                + ", ".join(f"{one.name} {one.dim}" for one in self.scalings)
                + ")",
                f"{values.shape[1]} numbers",
                "give the same numbers, in the same order",
            )
        return embeddings.scaled(values, self.scalings, names)


def _is_name(name: object) -> bool:
    return isinstance(name, str) and name.strip() != "" and name.isprintable()


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (", ..." if len(names) > 5 else "") or "none"
