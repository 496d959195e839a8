"""What was found in a user's own data, for a person to read."""

import dataclasses

import numpy as np

from gmn_tf_datasets.zero_shot import source, splits

_SHOWN = 5  # names of classes
# What each split is for.
PURPOSES = {
    "train": "learned from",
    "test_seen": "scored: s",
    "test_unseen": "scored: T-1 and u",
    "tune_train": "--split=tune: learned from",
    "tune_seen": "--split=tune: scored as seen",
    "tune_unseen": "--split=tune: scored as unseen",
}


@dataclasses.dataclass(frozen=True)
class Prepared:
    """What was prepared.

    Attributes:
        name: what `tfds.load` knows it by.
        data: as it was read.
        made: its splits.
        embedding_file: the file that describes the classes.
        older: names of preparations of other content, to be removed.
        is_new: whether it was written now; else it was there already.
        data_dir: where it is.
    """

    name: str
    data: source.Source
    made: splits.Splits
    embedding_file: str
    older: tuple[str, ...]
    is_new: bool
    data_dir: str

    def __str__(self) -> str:
        """A table of what was found."""
        return table(self)


def table(prepared: Prepared) -> str:
    """Lines that tell what was found, and how it was split."""
    data, made = prepared.data, prepared.made
    lines = {
        "classes": _classes(prepared),
        "embedding": f"{data.embeddings[0].values.shape[1]} numbers per class, "
        f"from {prepared.embedding_file}",
        "samples": f"{len(data.labels)}, from {data.feature_file}",
        "features": f"{data.features.shape[1]} dimensions, of "
        + _backbone(data.backbone),
        "validation": f"{_listed(data, made.validation)} "
        f"({made.validation_source})",
        "splits": made.source,
    }
    width = max(map(len, [*lines, *splits.NAMES])) + 2
    return "\n".join(
        [f"{name.ljust(width)}{text}" for name, text in lines.items()]
        + [_split(prepared, name, width) for name in splits.NAMES]
        + [f"Warning: {note}" for note in data.notes]
    )


def _classes(prepared: Prepared) -> str:
    made = prepared.made
    without = np.setdiff1d(made.unseen, prepared.data.labels)
    lacking = f" ({len(without)} of them without a sample)"
    return (
        f"{len(made.seen) + len(made.unseen)}: {len(made.seen)} seen, "
        f"{len(made.unseen)} unseen{lacking if len(without) else ''}"
    )


def _backbone(backbone: dict | None) -> str:
    if backbone is None:
        return "an unknown backbone"
    return f"the backbone {backbone.get('name', 'without a name')}"


def _listed(data, labels) -> str:
    names = ", ".join(data.class_names[label] for label in labels[:_SHOWN])
    more = ", ..." if len(labels) > _SHOWN else ""
    return f"{len(labels)} of the seen classes: {names}{more}"


def _split(prepared: Prepared, name: str, width: int) -> str:
    rows = prepared.made.rows[name]
    classes = len(np.unique(prepared.data.labels[rows]))
    return (
        f"{('  ' + name).ljust(width)}{len(rows):7d} samples of {classes} "
        f"classes, {PURPOSES[name]}"
    )
