"""What is recorded with prepared data, and compared before it is used again."""

import dataclasses

from etils import epath

from gmn_tf.utils import errors, files
from gmn_tf_datasets.zero_shot import configs, reading
from gmn_tf_datasets.zero_shot.source import Source
from gmn_tf_datasets.zero_shot.splits import NAMES, Splits

FORMAT_VERSION = 2
EMBEDDINGS_FILE = "embeddings.npy"


def describe(source: Source, splits: Splits) -> dict:
    """The metadata saved with the data: README.md explains each entry."""
    return {
        "dataset": source.dataset,
        "format_version": FORMAT_VERSION,
        "digest": source.digest,
        "class_names": list(source.class_names),
        "embeddings": [
            {
                "name": part.name,
                "dim": part.values.shape[1],
                "columns": list(part.columns),
                "encoder": part.encoder,
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


def read(folder: epath.Path) -> dict:
    """The metadata in the folder of a version; empty if they are damaged."""
    try:
        return files.read_json(folder / "metadata.json", "metadata", "")
    except errors.InputError:
        return {}


def check_same(
    folder: epath.Path,
    config: configs.ZeroShotConfig,
    found: reading.Found | None,
) -> None:
    """Raises InputError if other data have been prepared in a folder.

    Args:
        folder: of the version.
        config: what is asked for.
        found: its data, if they are at hand; else only what they were asked for
            by is compared.
    """
    recorded = read(folder)
    try:
        parts = [part["name"] for part in recorded["embeddings"]]
        received = {
            "dataset": recorded["dataset"],
            "features_file": recorded["feature_file"],
            "embedding": "+".join(parts),
            "digest": recorded["digest"],
        }
    except (LookupError, TypeError):
        return  # Whoever reads the data says what is damaged.
    request = found.request if found else config.request
    expected = request._asdict()
    if not request.features_file:
        expected.pop("features_file")
    if found:
        expected["digest"] = found.digest or "not known"
    errors.check_same(
        f"{folder} has been prepared from other data.",
        expected,
        {name: received[name] for name in expected},
        "Choose another data_dir, or another name for the configuration. Or "
        "replace what is there: tfds build --overwrite, or in Python "
        "download_config=tfds.download.DownloadConfig(download_mode="
        "tfds.GenerateMode.REUSE_CACHE_IF_EXISTS).",
    )
