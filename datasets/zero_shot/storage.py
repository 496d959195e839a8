"""Prepared data on disk: its name, finding it, and writing it whole."""

import contextlib
import hashlib
import io
import json
import re
import sys
from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow_datasets as tfds
from absl import logging
from etils import epath, epy

from gmn_tf.utils import locks
from gmn_tf.utils.errors import InputError, first_line
from gmn_tf.utils.progress import progress
from gmn_tf_datasets.zero_shot.zero_shot_dataset_builder import (
    FORMAT_VERSION,
    Builder,
    ZeroShotConfig,
)

with epy.lazy_imports():  # it takes seconds
    import tensorflow as tf

# No features file can have such names.
_CUSTOM, EARLIER_CUSTOM = "custom-data", "own-data"
_DIGEST_LENGTH = 8
MOST_TO_SEND = 2**30  # Bytes of features, to each of Beam's workers.


def config_prefix(dataset: str, features_file: str, embedding: str) -> str:
    """The part of the name that does not depend on the content."""
    stem = features_file.removesuffix(".mat")
    parts = (dataset, stem, embedding.replace("+", "_and_"))
    return "-".join(re.sub(r"\W", "_", part) for part in parts)


def custom_prefix(dataset: str, embedding: str) -> str:
    """The same for custom data."""
    return config_prefix(dataset, "", embedding).replace("-", f"-{_CUSTOM}", 1)


def config_name(prefix: str, content: list) -> str:
    """A name that differs whenever the content (for JSON) does."""
    text = json.dumps([FORMAT_VERSION, *content], sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()
    return f"{prefix}-{digest[:_DIGEST_LENGTH]}"


def full_name(config: str) -> str:
    """The name that `tfds.load` and `tfds.builder` know the data by."""
    return f"{Builder.name}/{config}"


def is_prepared(data_dir: epath.Path, config: str) -> bool:
    """Whether a whole preparation of that name exists."""
    folder = data_dir / full_name(config) / str(Builder.VERSION)
    # TFDS renames the folder when all is written, so its presence suffices.
    return (folder / "dataset_info.json").exists()


def find_prepared(data_dir: epath.Path, *prefixes: str) -> list[str]:
    """Names of the preparations that differ in content only."""
    any_prefix = "|".join(map(re.escape, prefixes))
    pattern = re.compile(f"({any_prefix})-[0-9a-f]{{{_DIGEST_LENGTH}}}")
    return [
        name
        for name in _names(data_dir)
        if pattern.fullmatch(name) and is_prepared(data_dir, name)
    ]


def custom_names(data_dir: epath.Path, mark: str = _CUSTOM) -> list[str]:
    """Names of the custom data sets that have been prepared."""
    pattern = re.compile(rf"(\w+)-{mark}-\w+-\w+")
    matches = map(pattern.fullmatch, _names(data_dir))
    return sorted({match[1] for match in matches if match})


def _names(data_dir: epath.Path) -> list[str]:
    folder = data_dir / Builder.name
    return sorted(p.name for p in folder.iterdir()) if folder.is_dir() else []


def remove(data_dir: epath.Path, config: str) -> None:
    """Removes a preparation; InputError if that is not possible."""
    folder = data_dir / Builder.name / config
    try:
        folder.rmtree()
    except (OSError, tf.errors.OpError) as error:
        raise InputError(
            f"The older preparation {folder} cannot be removed.",
            "a folder with write permission",
            first_line(error),
            "Remove it by hand: with two, neither can be found by its name.",
        ) from error


def write(
    data_dir: epath.Path,
    config: ZeroShotConfig,
    quiet: bool,
    beam_options: Sequence[str] | None = None,
) -> bool:
    """Writes the data, all of it or nothing; False if it is there already.

    With `beam_options`, flags of a pipeline, perhaps none, Apache Beam does it.

    Raises:
        InputError: if the folder cannot be written, if Beam is not installed or
            fails, or if features are too large to be sent to its workers.
    """
    if is_prepared(data_dir, config.name):
        return False
    name = full_name(config.name)
    if not quiet:
        print(f"Preparing {name} in {data_dir}", file=sys.stderr)
    config.beam = beam_options is not None
    options = _beam_options(config, beam_options) if config.beam else None
    total = sum(len(rows) for rows in config.splits.rows.values())
    folder = data_dir / name
    try:
        with locks.exclusive(folder, wait=True):
            if is_prepared(data_dir, config.name):
                return False  # By another process, while this one waited.
            for remains in folder.glob("incomplete.*"):
                remains.rmtree()  # Of a process that was killed.
            # Beam shows the progress of its workers in its own way.
            no_bar = quiet or config.beam
            with (
                progress("Writing", total, no_bar, " rows", False) as advance,
                _running_tfds(config.beam),
            ):
                config.progress = None if config.beam else advance
                builder = Builder(data_dir=data_dir, config=config)
                builder.download_and_prepare(download_config=options)
                return True
    except (OSError, tf.errors.OpError, RuntimeError) as error:
        cause = error
        while isinstance(cause, RuntimeError):  # TFDS wraps a file error in it
            cause = cause.__cause__
        if not isinstance(cause, OSError | tf.errors.OpError):
            raise
        raise InputError(
            f"Cannot write data_dir {data_dir}.",
            "a folder with write permission and free space",
            first_line(cause),
            "Choose another folder with --data_dir, or make room.",
        ) from error


def _beam_options(
    config: ZeroShotConfig, options: Sequence[str]
) -> tfds.download.DownloadConfig:
    features = config.source.features
    if isinstance(features, np.ndarray) and features.nbytes > MOST_TO_SEND:
        raise InputError(
            "These features are too large to be sent to Apache Beam's workers.",
            f"at most {MOST_TO_SEND >> 20} MB, or a file of MATLAB 7.3, which "
            "workers read by themselves",
            f"{features.nbytes >> 20} MB in memory",
            "Save the features with -v7.3, or prepare without Beam.",
        )
    try:
        from apache_beam.options.pipeline_options import PipelineOptions
    except ModuleNotFoundError as error:
        raise InputError(
            "Apache Beam is not installed.",
            "the package apache-beam",
            first_line(error),
            "Install it with pip install 'gmn_tf[beam]', or prepare without "
            "Beam.",
        ) from error
    return tfds.download.DownloadConfig(
        beam_options=PipelineOptions(list(options))
    )


@contextlib.contextmanager
def _running_tfds(beam: bool) -> Iterator[None]:
    """Hides what TFDS shows; turns every error of Beam into an InputError."""
    # It announces a download on stdout, warns of each configuration that is
    # not built in, and has two bars per split that name temporary files.
    verbosity = logging.get_verbosity()
    try:
        logging.set_verbosity(logging.ERROR)
        tfds.disable_progress_bar()
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    except Exception as error:  # Beam's runners raise almost anything.
        if not beam or isinstance(error, InputError):
            raise
        raise InputError(
            "Apache Beam could not prepare the data.",
            "a pipeline that ends without an error",
            f"{type(error).__name__}: {first_line(error)}",
            "Check the Beam options and that workers find all files, or "
            "prepare without Beam.",
        ) from error
    finally:
        logging.set_verbosity(verbosity)
        tfds.enable_progress_bar()
