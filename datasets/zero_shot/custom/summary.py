"""What was found in a user's data, for a person to read."""

import dataclasses

import numpy as np

from gmn_tf.utils.errors import counted, listed
from gmn_tf_datasets.zero_shot import source, splits
from gmn_tf_datasets.zero_shot.custom.classes import Classes

_NEAR = 1e-6  # Distance of rows of length 1: what float32 can tell.
_MOST = 5  # notes
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
    """What was prepared; as a text, a table of what was found.

    Attributes:
        name: what `tfds.load` knows it by.
        data: as it was read.
        made: its splits.
        older: names of preparations of other content, to be removed.
        is_new: whether it was written now; else it was there already.
        data_dir: where it is.
    """

    name: str
    data: source.Source
    made: splits.Splits
    older: tuple[str, ...]
    is_new: bool
    data_dir: str

    def __str__(self) -> str:
        data, made = self.data, self.made
        without = len(np.setdiff1d(made.unseen, data.labels))
        validation = (data.class_names[label] for label in made.validation)
        backbone = "an unknown backbone"
        if data.backbone is not None:
            name = data.backbone.get("name", "without a name")
            backbone = f"the backbone {name}"
        lines = {
            "classes": f"{len(made.seen) + len(made.unseen)}: "
            f"{len(made.seen)} seen, {len(made.unseen)} unseen"
            + f" ({without} of them without a sample)"
            * bool(without),
            "embedding": ", and ".join(
                f"{part.values.shape[1]} numbers per class, from {part.file}"
                + (part.encoder is not None) * ", made from words"
                for part in data.embeddings
            ),
            "samples": f"{len(data.labels)}, from {data.feature_file}",
            "features": f"{data.features.shape[1]} dimensions, of {backbone}",
            "validation": f"{len(made.validation)} of the seen classes: "
            f"{listed(validation)} ({made.validation_source})",
            "splits": made.source,
        }
        for name in splits.NAMES:
            rows = made.rows[name]
            samples = counted(len(rows), "sample")
            distinct = len(np.unique(data.labels[rows]))
            lines[f"  {name}"] = (
                f"{samples:>15} of {counted(distinct, 'class', 'classes')}, "
                f"{PURPOSES[name]}"
            )
        width = max(map(len, splits.NAMES)) + 2
        return "\n".join(
            [f"{name.ljust(width)}{text}" for name, text in lines.items()]
            + [f"Note: {note}" for note in data.notes]
        )


def notes_on_similar(classes: Classes) -> list[str]:
    """A sentence for each class that is described as another one is."""
    raw, notes, identical = classes.embeddings, [], {}
    # Seen classes first, so that the sentence is about an unseen one.
    seen = np.setdiff1d(np.arange(len(raw)), classes.unseen)
    order = np.concatenate([seen, classes.unseen])
    # As --embedding_norm=l2 does, which is the default.
    lengths = np.linalg.norm(raw.astype(np.float64), axis=1, keepdims=True)
    first = _first_similar((raw / lengths)[order])
    for number, similar in zip(order, order[first]):
        same = identical.setdefault(raw[number].tobytes(), number)
        if number == similar:
            continue
        kind, is_same = classes.kinds[number], same != number
        notes.append(
            f"The {kind} class {classes.names[number]} is described as "
            f"{classes.names[same if is_same else similar]} is"
            + ("" if is_same else ", apart from the length of the description")
            + (
                ": nothing can tell them apart"
                if kind == "unseen"
                else ": their synthetic features are the same"
            )
            + ("." if is_same else ", unless --embedding_norm=none is given.")
        )
    more = len(notes) - _MOST
    if more > 1:
        notes[_MOST:] = [f"{more} more classes are described as others are."]
    return notes


def _first_similar(rows: np.ndarray) -> np.ndarray:
    """For each row, the first one that is nearly the same, perhaps itself."""
    # Trees and radius searches of SciPy and scikit-learn compare far more
    # pairs in so many dimensions; all products take a hundred times longer.
    direction = np.random.default_rng(0).normal(size=rows.shape[1])
    # No two points are nearer than their shadows on a line.
    shadows = rows @ (direction / np.linalg.norm(direction))
    order = np.argsort(shadows)
    gaps = np.flatnonzero(np.diff(shadows[order]) > _NEAR) + 1
    first = np.arange(len(rows))
    for near in np.split(order, gaps):
        near = np.sort(near)
        while len(near) > 1:
            distances = np.linalg.norm(rows[near] - rows[near[0]], axis=1)
            same = distances <= _NEAR
            first[near[same]] = near[0]
            near = near[~same]
    return first
