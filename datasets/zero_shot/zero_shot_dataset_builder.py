"""TFDS builder of features, labels and class embeddings."""

import base64
import dataclasses
import functools
import itertools
from collections.abc import Callable, Iterator

import numpy as np
import tensorflow_datasets as tfds
from etils import epath

from gmn_tf_datasets.zero_shot.source import Source
from gmn_tf_datasets.zero_shot.splits import NAMES, Splits

FORMAT_VERSION = 1
_BLOCK = 256  # Rows copied at once.
_KEYS = 2**128  # Possible keys of examples.


@dataclasses.dataclass
class ZeroShotConfig(tfds.core.BuilderConfig):
    """Which data to write; `prepare` reads, checks and splits it before.

    Attributes:
        source: the data.
        splits: the rows of each split.
        progress: called with the number of rows that are written next.
        beam: whether Apache Beam distributes the work to its workers.
    """

    # No repr: TFDS logs its arguments.
    source: Source | None = dataclasses.field(default=None, repr=False)
    splits: Splits | None = dataclasses.field(default=None, repr=False)
    progress: Callable[[int], object] | None = None
    beam: bool = False


class Builder(tfds.core.GeneratorBasedBuilder):
    """Writes one data set that has been read already.

    Needs a `ZeroShotConfig`; reading what was written needs no builder.
    """

    VERSION = tfds.core.Version(f"{FORMAT_VERSION}.0.0")
    RELEASE_NOTES = {"1.0.0": "First version."}  # noqa: RUF012
    # TFDS looks for these by module name, which fails in namespace packages.
    code_path = epath.Path(__file__)
    pkg_dir_path = code_path.parent

    def _info(self) -> tfds.core.DatasetInfo:
        source = self.builder_config.source
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                {
                    "features": tfds.features.Tensor(
                        shape=(source.features.shape[1],),
                        dtype=np.float32,
                        # Bytes are written and read far faster than lists.
                        encoding=tfds.features.Encoding.BYTES,
                    ),
                    "label": tfds.features.ClassLabel(
                        names=list(source.class_names)
                    ),
                }
            ),
            supervised_keys=("features", "label"),
            metadata=tfds.core.MetadataDict(
                describe(source, self.builder_config.splits)
            ),
            # The order of rows in a split is part of its fingerprint.
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager) -> dict:
        rows = self.builder_config.splits.rows
        return {
            name: self._generate_examples(rows[name])
            for name in NAMES
            if len(rows[name])  # TFDS writes no empty split.
        }

    def _generate_examples(self, rows: np.ndarray):
        config = self.builder_config
        # TFDS keeps the order of keys, and sorts what exceeds its memory in
        # parts: each part has its share of all possible keys.
        spacing = _KEYS // max(1, len(rows))
        blocks = (
            (start, rows[start : start + _BLOCK])
            for start in range(0, len(rows), _BLOCK)
        )
        # Not a method: Beam could not send all of self to its workers.
        examples = functools.partial(
            _examples, config.source, spacing, config.progress
        )
        if config.beam:
            import apache_beam as beam

            return beam.Create(list(blocks)) | beam.FlatMapTuple(examples)
        return itertools.chain.from_iterable(
            itertools.starmap(examples, blocks)
        )


def _examples(
    source: Source, spacing: int, progress, start: int, rows: np.ndarray
) -> Iterator:
    """Keys and examples of a block of rows."""
    if progress is not None:
        progress(len(rows))
    features = source.features[rows].astype(np.float32)
    labels = source.labels[rows].tolist()
    for place, (row, label) in enumerate(zip(features, labels), start):
        yield place * spacing, {"features": row, "label": label}


def describe(source: Source, splits: Splits) -> dict:
    """The metadata saved with the data: README.md explains each entry."""
    return {
        "dataset": source.dataset,
        "format_version": FORMAT_VERSION,
        "class_names": list(source.class_names),
        "embeddings": [
            {
                "name": part.name,
                "dim": part.values.shape[1],
                "columns": list(part.columns),
                "values": base64.b64encode(
                    part.values.astype("<f4").tobytes()
                ).decode(),
            }
            for part in source.embeddings
        ],
        "seen_classes": list(splits.seen),
        "unseen_classes": list(splits.unseen),
        "validation_classes": list(splits.validation),
        "validation_source": splits.validation_source,
        "split_version": splits.version,
        "leaked_rows": splits.leaked["test_seen"],
        "leaked_unseen_rows": splits.leaked["test_unseen"],
        "split_fingerprint": splits.fingerprint,
        "feature_file": source.feature_file,
        "feature_dim": source.features.shape[1],
        "num_samples": {name: len(splits.rows[name]) for name in NAMES},
        "source_files": [dataclasses.asdict(file) for file in source.files],
        "source": source.origin,
        "split_source": splits.source,
        "backbone": source.backbone,
        "notes": [*splits.notes, *source.notes],
    }
