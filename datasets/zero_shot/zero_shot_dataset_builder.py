"""TFDS builder of features, labels and class embeddings."""

import contextlib
import functools
import hashlib
import io
from collections.abc import Iterator

import numpy as np
import tensorflow_datasets as tfds
from absl import logging
from etils import epath

from gmn_tf.utils import dataset_names, locks
from gmn_tf.utils.errors import InputError
from gmn_tf.utils.progress import logger
from gmn_tf_datasets.zero_shot import (
    examples,
    metadata,
    reading,
    splits,
)
from gmn_tf_datasets.zero_shot.configs import CONFIGS
from gmn_tf_datasets.zero_shot.configs import ZeroShotConfig as ZeroShotConfig
from gmn_tf_datasets.zero_shot.source import Source
from gmn_tf_datasets.zero_shot.xlsa17 import download

HOMEPAGE = "https://www.mpi-inf.mpg.de/zsl-benchmark"
MOST_TO_SEND = 2**30  # Bytes of features, to each of Beam's workers.
_FEATURE_DIM = 2048  # Of res101.mat.


class Builder(tfds.core.GeneratorBasedBuilder):
    """Reads, checks, splits and writes one data set.

    `ZeroShotConfig` says which. A preparation is whole or does not exist, and
    is not taken for one of other files, features or another embedding.
    """

    VERSION = tfds.core.Version(f"{metadata.FORMAT_VERSION}.0.0")
    RELEASE_NOTES = {  # noqa: RUF012
        "2.0.0": "Embeddings in embeddings.npy; a digest of the source; the "
        "row of each example.",
        "1.0.0": "First version.",
    }
    BUILDER_CONFIGS = CONFIGS
    MANUAL_DOWNLOAD_INSTRUCTIONS = reading.INSTRUCTIONS
    # TFDS looks for these by module name, which fails in namespace packages.
    code_path = epath.Path(__file__)
    pkg_dir_path = code_path.parent

    _found: reading.Found | None = None  # While it is written.
    _beam = False
    _is_compared = False

    def _info(self) -> tfds.core.DatasetInfo:
        features = None  # Those in the folder, once it is there.
        if not (self.data_path / "features.json").exists():
            known = dataset_names.PUBLISHED.get(self.builder_config.dataset)
            features = examples.features(
                _FEATURE_DIM if known else None,
                num_classes=known and known.seen + known.unseen,
            )
        documents = self.get_metadata()
        return tfds.core.DatasetInfo(
            builder=self,
            # Of README.md, what comes before the first example.
            description=documents.description.partition("```")[0],
            citation=documents.citation,
            features=features,
            supervised_keys=("features", "label"),
            homepage=HOMEPAGE,
            metadata=tfds.core.MetadataDict(),
            # The order of rows in a split is part of its fingerprint.
            disable_shuffling=True,
        )

    def is_prepared(self) -> bool:
        """Whether the data are there, and are known to be those asked for.

        It is not known before `download_and_prepare` has compared them: it
        alone learns of `manual_dir`, and `tfds.load` calls it only if this
        returns False.
        """
        return self._is_compared and super().is_prepared()

    def download_and_prepare(
        self, *, download_dir=None, download_config=None, **options
    ) -> None:
        """As TFDS does it, unless the data are prepared already.

        What is at hand is checked before anything is written. Of several
        processes that prepare the same data, one does, and the others wait.

        Args:
            download_dir: where downloads are kept.
            download_config: a `tfds.download.DownloadConfig`. Its `manual_dir`
                is the folder with the files, as `MANUAL_DOWNLOAD_INSTRUCTIONS`
                describes it; without it they are downloaded.
            **options: as of TFDS.

        Raises:
            InputError: for data that cannot be found, downloaded or used, or if
                others have been prepared under this name.
        """
        asked = download_config or tfds.download.DownloadConfig()
        call = functools.partial(
            super().download_and_prepare,
            download_dir=download_dir,
            download_config=asked,
            **options,
        )
        mode = asked.download_mode
        if mode == tfds.download.GenerateMode.UPDATE_DATASET_INFO:
            return call()
        config = self.builder_config
        downloads = epath.Path(download_dir or self.data_dir_root / "downloads")
        downloads = downloads.expanduser()
        if mode.force_download and not asked.manual_dir:
            download.remove(config.dataset, downloads, config.quiet)
        is_there = self.data_path.exists() and not mode.overwrite_dataset
        found = reading.at_hand(
            config, downloads, asked.manual_dir, lambda: is_there
        )
        if is_there:
            metadata.check_same(self.data_path, config, found)
            self._is_compared = True
            return call()
        beam = asked.beam_runner, asked.beam_options
        self._beam = beam != (None, None)
        if found is None and self.data_path.exists():
            # TFDS removes them before it asks for those that replace them.
            found = reading.fetched(config, downloads, asked.register_checksums)
        self._check(found)
        with locks.exclusive(self.data_path.parent, logger(config.quiet)):
            if self.data_path.exists() and not mode.overwrite_dataset:
                # Another process has prepared it, while this one waited.
                metadata.check_same(self.data_path, config, found)
                self.info._features = None
                self.info.read_from_directory(self.data_path)
                self._is_compared = True
                return None
            for remains in self.data_path.parent.glob("incomplete.*"):
                remains.rmtree()  # Of a process that was killed.
            with self._whole_or_not_at_all():
                self._found = found
                call()
                self._is_compared = True
                return None

    @contextlib.contextmanager
    def _whole_or_not_at_all(self) -> Iterator[None]:
        """Removes what TFDS leaves of a preparation that fails."""
        default = self.data_path.parent.parent / ".config"
        was_there = default.exists()
        try:
            yield
        finally:
            self._found = None
            if not was_there and not self.data_path.exists():
                default.rmtree(missing_ok=True)

    def _check(self, found: reading.Found | None) -> None:
        """Raises InputError for data that cannot be written."""
        if found is None:
            return
        found.splits  # noqa: B018 - reads and checks everything
        features = found.source.features
        size = features.nbytes if isinstance(features, np.ndarray) else 0
        if self._beam and size > MOST_TO_SEND:
            raise InputError(
                "These features are too large to be sent to Apache Beam's "
                "workers.",
                f"at most {MOST_TO_SEND >> 20} MB, or a file of MATLAB 7.3, "
                "which workers read by themselves",
                f"{size >> 20} MB in memory",
                "Save the features with -v7.3, or prepare without Beam.",
            )

    def _data(self, dl_manager) -> reading.Found:
        """The data, which are downloaded if they are nowhere."""
        if self._found is None:
            self._found = reading.from_manager(self.builder_config, dl_manager)
            self._check(self._found)
        return self._found

    def _download_and_prepare(self, dl_manager, download_config) -> None:
        found = self._data(dl_manager)
        values = np.concatenate(
            [part.values for part in found.source.embeddings], axis=1
        ).astype(np.float32)
        # TFDS asks for the features before it asks for the splits, and has no
        # way to set those that only the files tell.
        self.info._features = examples.features(
            found.source.features.shape[1], names=found.source.class_names
        )
        file = io.BytesIO()
        np.save(file, values)
        content = file.getvalue()
        # Whoever prepares the data has to see them before any number.
        for note in (*found.splits.notes, *found.source.notes):
            logging.warning("%s", note)
        self.info.metadata.clear()
        self.info.metadata.update(
            metadata.describe(found.source, found.splits),
            embeddings_sha256=hashlib.sha256(content).hexdigest(),
        )
        super()._download_and_prepare(dl_manager, download_config)
        # Into the temporary folder, which TFDS then moves as a whole.
        (self.data_path / metadata.EMBEDDINGS_FILE).write_bytes(content)

    def _split_generators(self, dl_manager) -> dict:
        found = self._data(dl_manager)
        return {
            name: self._generate_examples(found.source, found.splits.rows[name])
            for name in splits.NAMES
            if len(found.splits.rows[name])  # TFDS writes no empty split.
        }

    def _generate_examples(self, source: Source, rows: np.ndarray):
        progress = self.builder_config.progress
        if progress is not None and self._found is not None:
            total = sum(map(len, self._found.splits.rows.values()))
            progress = functools.partial(progress, total=total)
        if self._beam:
            # It shows the progress of its workers in its own way.
            return examples.by_beam(source, rows)
        return examples.generate(source, rows, progress)
