"""What was found in a user's data, for a person to read."""

import dataclasses

import numpy as np

from gmn_tf.utils.errors import counted, listed
from gmn_tf_datasets.zero_shot import source, splits

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
        counts = np.bincount(
            data.labels[made.rows["train"]], minlength=len(data.class_names)
        )
        cautions = splits.cautions(
            [data.class_names[label] for label in made.validation],
            counts[list(made.validation)],
            len(made.seen) - len(made.validation),
        )
        width = max(map(len, splits.NAMES)) + 2
        return "\n".join(
            [f"{name.ljust(width)}{text}" for name, text in lines.items()]
            + [f"Note: {note}" for note in (*data.notes, *cautions)]
        )
