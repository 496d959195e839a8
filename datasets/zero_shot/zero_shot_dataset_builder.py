"""TFDS builder of features, labels and class embeddings."""

import base64
import dataclasses
from collections.abc import Callable, Iterator

import numpy as np
import tensorflow_datasets as tfds
from etils import epath

from gmn_tf_datasets.zero_shot import folders
from gmn_tf_datasets.zero_shot.source import Source
from gmn_tf_datasets.zero_shot.splits import NAMES, Splits

FORMAT_VERSION = 1
_BLOCK = 256  # Rows copied in one go.
_KEYS = 2**128  # Possible keys of examples.


@dataclasses.dataclass
class ZeroShotConfig(tfds.core.BuilderConfig):
    """Which data to write; `prepare` reads, checks and splits it before.

    Attributes:
      source: the data.
      splits: the rows of each split.
      progress: is told how many more rows are being written.
    """

    # No repr: TFDS logs its arguments.
    source: Source | None = dataclasses.field(default=None, repr=False)
    splits: Splits | None = dataclasses.field(default=None, repr=False)
    progress: Callable[[int], object] = dataclasses.field(
        default=lambda rows: None, repr=False
    )


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

    def _split_generators(self, dl_manager) -> dict[str, Iterator]:
        rows = self.builder_config.splits.rows
        return {name: self._generate_examples(rows[name]) for name in NAMES}

    def _generate_examples(self, rows: np.ndarray) -> Iterator:
        source = self.builder_config.source
        # TFDS keeps the order of keys, and sorts what exceeds its memory in
        # parts: each part has its share of all possible keys.
        spacing = _KEYS // max(1, len(rows))
        for start in range(0, len(rows), _BLOCK):
            block = rows[start : start + _BLOCK]
            self.builder_config.progress(len(block))
            features = source.features[block].astype(np.float32)
            labels = source.labels[block].tolist()
            for offset, label in enumerate(labels):
                yield (
                    (start + offset) * spacing,
                    {"features": features[offset], "label": label},
                )


def describe(source: Source, splits: Splits) -> dict:
    """The metadata saved with the data: README.md explains each entry."""
    return {
        "dataset": source.dataset,
        "format_version": FORMAT_VERSION,
        "class_names": list(source.class_names),
        "embeddings": [
            {
                "name": embedding.name,
                "dim": embedding.values.shape[1],
                "values": base64.b64encode(
                    embedding.values.astype("<f4").tobytes()
                ).decode(),
            }
            for embedding in source.embeddings
        ],
        "seen_classes": list(splits.seen),
        "unseen_classes": list(splits.unseen),
        "validation_classes": list(splits.validation),
        "validation_source": splits.validation_source,
        "split_version": splits.version,
        "leaked_rows": splits.leaked_rows,
        "leaked_unseen_rows": splits.leaked_unseen_rows,
        "split_fingerprint": splits.fingerprint,
        "feature_file": source.feature_file,
        "feature_dim": source.features.shape[1],
        "num_samples": {name: len(splits.rows[name]) for name in NAMES},
        "source_files": [dataclasses.asdict(file) for file in source.files],
        "source": source.origin,
        "notes": [
            *folders.size_notes(
                source.dataset, len(splits.seen), len(splits.unseen)
            ),
            *splits.notes,
        ],
    }
