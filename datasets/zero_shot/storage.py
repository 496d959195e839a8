"""Prepared data on disk: its name, finding it, and writing it whole."""

import contextlib
import hashlib
import io
import json
import re
import sys
from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds
from absl import logging
from etils import epath
from tqdm import tqdm

from gmn_tf.utils import locks
from gmn_tf.utils.errors import InputError
from gmn_tf_datasets.zero_shot.splits import Splits
from gmn_tf_datasets.zero_shot.zero_shot_dataset_builder import (
    FORMAT_VERSION,
    Builder,
    ZeroShotConfig,
)

_DIGEST_LENGTH = 8
OWN = "own-data"  # Such a name no features file can have.
SECONDS_IN_A_FILE = 30.0  # Between two lines of progress.
MOST_TO_SEND = 2**30  # Bytes of features, to each of Beam's workers.


def config_prefix(dataset: str, features_file: str, embedding: str) -> str:
    """The part of the name that does not depend on the content."""
    stem = features_file.removesuffix(".mat")
    return "-".join(
        re.sub(r"\W", "_", part)
        for part in (dataset, stem, embedding.replace("+", "_and_"))
    )


def custom_prefix(dataset: str, embedding: str) -> str:
    """The same for data that a user has put into a folder of their own."""
    return config_prefix(dataset, "", embedding).replace("-", f"-{OWN}", 1)


def custom_names(data_dir: epath.Path) -> list[str]:
    """Names of a user's own data that have been prepared."""
    folder = data_dir / Builder.name
    if not _is_there(folder):
        return []
    names = [path.name.split("-") for path in folder.iterdir()]
    return sorted({parts[0] for parts in names if "-".join(parts[1:-2]) == OWN})


def config_name(prefix: str, content: list) -> str:
    """A name that differs whenever the content does.

    Args:
      prefix: from `config_prefix`.
      content: whatever decides on the prepared data, as JSON can hold it.
    """
    text = json.dumps([FORMAT_VERSION, *content], sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()
    return f"{prefix}-{digest[:_DIGEST_LENGTH]}"


def is_prepared(data_dir: epath.Path, config: str) -> bool:
    """Whether a whole preparation of that name exists."""
    # TFDS renames the folder when all is written, so its presence suffices.
    return _is_there(_version_dir(data_dir, config) / "dataset_info.json")


def find_prepared(data_dir: epath.Path, prefix: str) -> list[str]:
    """Names of the preparations that differ in content only."""
    pattern = re.compile(re.escape(prefix) + f"-[0-9a-f]{{{_DIGEST_LENGTH}}}")
    folder = data_dir / Builder.name
    if not _is_there(folder):
        return []
    return sorted(
        path.name
        for path in folder.iterdir()
        if pattern.fullmatch(path.name) and is_prepared(data_dir, path.name)
    )


def remove(data_dir: epath.Path, config: str) -> None:
    """Removes a preparation.

    Raises:
        InputError: if that is not allowed.
    """
    folder = data_dir / Builder.name / config
    try:
        folder.rmtree()
    except (OSError, tf.errors.OpError) as error:
        raise InputError(
            f"The older preparation {folder} cannot be removed.",
            "a folder with write permission",
            _reason(error),
            "Remove it by hand: with two, none can be found by its name.",
        ) from error


def full_name(config: str) -> str:
    """The name that `tfds.load` and `tfds.builder` know the data by."""
    return f"{Builder.name}/{config}"


def write(
    data_dir: epath.Path,
    config: ZeroShotConfig,
    quiet: bool,
    beam_options: Sequence[str] | None = None,
) -> None:
    """Writes the data, all of it or nothing.

    Args:
      data_dir: where to.
      config: what.
      quiet: whether to show no progress.
      beam_options: flags of an Apache Beam pipeline that is to do it; None
        does it here.

    Raises:
      InputError: if the folder cannot be written, if Beam is not installed or
        fails, or if features are too large to be sent to its workers.
    """
    download_config = None
    if beam_options is not None:
        _check_size_to_send(config)
        config.beam = True
        download_config = tfds.download.DownloadConfig(
            beam_options=_pipeline_options(beam_options)
        )
    folder = data_dir / Builder.name / config.name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with locks.exclusive(folder, wait=True):
            if is_prepared(data_dir, config.name):
                return  # By another process, while this one waited.
            _remove_remains(folder)
            # Beam shows what its workers do by means of its own.
            no_bar = quiet or config.beam
            with _silent_tfds(), _progress_bar(config.splits, no_bar) as bar:
                config.progress = bar.update
                builder = Builder(data_dir=data_dir, config=config)
                with _telling_of_beam(config.beam):
                    builder.download_and_prepare(
                        download_config=download_config
                    )
    except (OSError, tf.errors.OpError, RuntimeError) as error:
        if _without_cover(error) is None:
            raise
        raise InputError(
            f"data_dir {data_dir} cannot be written.",
            "a folder with write permission and free space",
            _reason(_without_cover(error)),
            "Choose another folder with --data_dir, or make room.",
        ) from error


def _without_cover(error: BaseException | None) -> BaseException | None:
    """What a file system has raised; TFDS puts a RuntimeError around it."""
    while isinstance(error, RuntimeError):
        error = error.__cause__
    return error if isinstance(error, OSError | tf.errors.OpError) else None


def _reason(error: BaseException) -> str:
    return getattr(error, "strerror", None) or str(error).splitlines()[0]


def _check_size_to_send(config: ZeroShotConfig) -> None:
    """Refuses features that every worker would have to be sent whole."""
    features = config.source.features
    if isinstance(features, np.ndarray) and features.nbytes > MOST_TO_SEND:
        raise InputError(
            "These features are too large to be sent to Apache Beam's workers.",
            f"at most {MOST_TO_SEND >> 20} MB, or a file of MATLAB 7.3, which "
            "workers read by themselves",
            f"{features.nbytes >> 20} MB in memory",
            "Save the features with -v7.3, or prepare without Beam.",
        )


@contextlib.contextmanager
def _telling_of_beam(used: bool) -> Iterator[None]:
    """Makes an InputError of whatever Beam fails with, where it is used."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # Its runners raise almost anything.
        if not used:
            raise
        raise InputError(
            "Apache Beam could not prepare the data.",
            "a pipeline that ends well",
            f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}",
            "Check the Beam options and that workers find all files, or "
            "prepare without Beam.",
        ) from error


def _pipeline_options(options: Sequence[str]):
    try:
        from apache_beam.options.pipeline_options import PipelineOptions
    except ModuleNotFoundError as error:
        raise InputError(
            "Apache Beam is not installed.",
            "the package apache-beam",
            str(error),
            "Install it with pip install 'gmn_tf[beam]', or prepare without "
            "Beam.",
        ) from error
    return PipelineOptions(list(options))


def _version_dir(data_dir: epath.Path, config: str) -> epath.Path:
    return data_dir / Builder.name / config / str(Builder.VERSION)


def _is_there(path: epath.Path) -> bool:
    try:
        return path.exists()
    except OSError:  # Such as a file in the middle of the path.
        return False


def _remove_remains(folder: epath.Path) -> None:
    """Removes what processes that were killed while writing have left."""
    for remains in folder.glob("incomplete.*"):
        remains.rmtree()


def _progress_bar(splits: Splits, quiet: bool) -> tqdm:
    total = sum(len(rows) for rows in splits.rows.values())
    interval = 0.5 if sys.stderr.isatty() else SECONDS_IN_A_FILE
    return tqdm(
        desc="Writing",
        total=total,
        unit=" rows",
        leave=False,
        disable=quiet,
        delay=interval,
        mininterval=interval,
    )


@contextlib.contextmanager
def _silent_tfds() -> Iterator[None]:
    """Hides what TFDS says about itself."""
    # It announces a download on stdout, warns of each configuration that is
    # not built in, and has two bars per split that name temporary files.
    verbosity = logging.get_verbosity()
    try:
        logging.set_verbosity(logging.ERROR)
        tfds.disable_progress_bar()
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logging.set_verbosity(verbosity)
        tfds.enable_progress_bar()
