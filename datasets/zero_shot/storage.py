"""Prepared data on disk: its name, finding it, and writing it whole."""

import contextlib
import dataclasses
import io
import re
import sys
from collections.abc import Callable, Iterator, Sequence

import tensorflow_datasets as tfds
from absl import logging
from etils import epath, epy

from gmn_tf.utils import dataset_names
from gmn_tf.utils.errors import InputError, first_line
from gmn_tf.utils.progress import progress
from gmn_tf_datasets.zero_shot import metadata, reading
from gmn_tf_datasets.zero_shot.configs import ZeroShotConfig
from gmn_tf_datasets.zero_shot.zero_shot_dataset_builder import Builder

with epy.lazy_imports():  # it takes seconds
    import tensorflow as tf

_DIGEST_LENGTH = 8


def config_prefix(dataset: str, features_file: str, embedding: str) -> str:
    """The part of the name that does not depend on the content."""
    stem = features_file.removesuffix(".mat")
    parts = (dataset, stem, embedding.replace("+", "_and_"))
    return "-".join(re.sub(r"\W", "_", part) for part in parts)


def custom_prefix(dataset: str, embedding: str) -> str:
    """The same for custom data."""
    return config_prefix(dataset, "", embedding).replace(
        "-", f"-{dataset_names.CUSTOM}", 1
    )


def config_name(prefix: str, digest: str) -> str:
    """A name that differs whenever the digest of the content does."""
    return f"{prefix}-{digest[:_DIGEST_LENGTH]}"


def full_name(config: str) -> str:
    """The name that `tfds.load` and `tfds.builder` know the data by."""
    return f"{Builder.name}/{config}"


def version_folder(data_dir: epath.Path, config: str) -> epath.Path:
    """The folder that a preparation of that name has, or would have."""
    return data_dir / full_name(config) / str(Builder.VERSION)


def is_prepared(data_dir: epath.Path, config: str) -> bool:
    """Whether a whole preparation of that name exists."""
    folder = version_folder(data_dir, config)
    # TFDS renames the folder when all is written, so its presence suffices.
    return (folder / "dataset_info.json").exists()


def recorded(data_dir: epath.Path, config: str, entry: str):
    """An entry of the metadata of a preparation; None if it has none."""
    return metadata.read(version_folder(data_dir, config)).get(entry)


def with_digest(data_dir: epath.Path, digest: str) -> str | None:
    """The name of a preparation with that digest, under whatever name."""
    for name in dataset_names.prepared(data_dir):
        if recorded(data_dir, name, "digest") == digest:
            return name
    return None


def find_named(data_dir: epath.Path, *prefixes: str) -> list[str]:
    """Names, of prepared or older data, that differ in content only."""
    any_prefix = "|".join(map(re.escape, prefixes))
    pattern = re.compile(f"({any_prefix})-[0-9a-f]{{{_DIGEST_LENGTH}}}")
    return list(filter(pattern.fullmatch, dataset_names.prepared(data_dir)))


def custom_embeddings(data_dir: epath.Path, dataset: str) -> list[str]:
    """The embeddings with which a custom data set has been prepared."""
    prefix = re.escape(custom_prefix(dataset, ""))
    pattern = re.compile(rf"{prefix}\w+-\w+")
    parts = [
        recorded(data_dir, name, "embeddings") or []
        for name in filter(pattern.fullmatch, dataset_names.prepared(data_dir))
    ]
    found = {"+".join(part["name"] for part in one) for one in parts}
    return sorted(found - {""}) or ["att"]


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
    *,
    found: reading.Found | None = None,
    beam_options: Sequence[str] | None = None,
) -> bool:
    """Has the builder write the data; False if they are there already.

    With `found`, it does not look for them again.

    With `beam_options`, flags of a pipeline, perhaps none, Apache Beam does it.

    Raises:
        InputError: if the data cannot be used, if the folder cannot be written,
            if Beam is not installed or fails, or if features are too large to
            be sent to its workers.
    """
    if is_prepared(data_dir, config.name):
        return False
    name = full_name(config.name)
    if not quiet:
        print(f"Preparing {name} in {data_dir}", file=sys.stderr)
    beam = beam_options is not None
    options = tfds.download.DownloadConfig(
        beam_options=_pipeline_options(beam_options) if beam else None,
    )
    try:
        with (
            # Beam shows the progress of its workers in its own way.
            _writing(quiet or beam) as advance,
            _running_tfds(beam),
        ):
            config = dataclasses.replace(config, progress=advance)
            if found is not None:
                config.source = found.source
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


@contextlib.contextmanager
def _writing(quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """A bar that appears with the first rows; yields what moves it on."""
    with contextlib.ExitStack() as stack:
        bars = []

        def advance(rows: int, total: int) -> None:
            if not bars:
                bar = progress("Writing", total, quiet, " rows", False)
                bars.append(stack.enter_context(bar))
            bars[0](rows)

        yield advance


def _pipeline_options(options: Sequence[str]):
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
    return PipelineOptions(list(options))


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
