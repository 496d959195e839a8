"""Opening prepared data: what is read is what the builder wrote."""

import contextlib
import os
import pathlib
from typing import Any, NamedTuple

import numpy as np
from etils import epy

from gmn_tf.data import data_checks, embeddings
from gmn_tf.utils.dataset_names import PREPARE_AGAIN
from gmn_tf.utils.errors import InputError, first_line
from gmn_tf_datasets.zero_shot.metadata import EMBEDDINGS_FILE, FORMAT_VERSION

with epy.lazy_imports():  # it takes a second
    import tensorflow_datasets as tfds


class Prepared(NamedTuple):
    """A prepared data set of which no record has been read.

    Attributes:
        name: what TFDS knows it by.
        data_dir: where it was prepared.
        builder: of TFDS, to read records.
        metadata: what was recorded.
        embeddings: of each part, `[C, dim]` raw.
    """

    name: str
    data_dir: str | os.PathLike
    builder: Any
    metadata: dict
    embeddings: tuple[np.ndarray, ...]


def open_prepared(name: str, data_dir: str | os.PathLike) -> Prepared:
    """Opens and checks what is recorded beside the records.

    Args:
        name: its TFDS name, as the builder's `prepare` returned it.
        data_dir: where it was prepared.

    Raises:
        InputError: for a preparation that is missing, damaged or older.
    """
    if not os.path.isdir(os.path.join(data_dir, name)):
        raise InputError(
            f"There is no prepared data {name} in {data_dir}.",
            "the folder of a whole preparation",
            "no such folder",
            f"Check --data_dir, or {PREPARE_AGAIN}. If other content has "
            "replaced it, this run needs the earlier content.",
        )
    with reporting_damage(name, data_dir, *data_checks.ERRORS):
        data_checks.check_files(pathlib.Path(data_dir, name))
    # Damaged files make TFDS raise almost anything.
    with reporting_damage(name, data_dir, Exception):
        builder = tfds.builder(name, data_dir=data_dir)
        info = builder.info
    with reporting_damage(name, data_dir, *data_checks.ERRORS):
        metadata = dict(info.metadata)
        if metadata["format_version"] < FORMAT_VERSION:
            raise InputError(
                f"{name} in {data_dir} was prepared in an older form.",
                f"version {FORMAT_VERSION} of the format",
                f"version {metadata['format_version']}",
                "Prepare it again, under the same name, from the files it was "
                "prepared from: with bin/prepare --manual_dir, and custom data "
                "with bin/prepare_data.",
            )
        raw = embeddings.read(
            pathlib.Path(builder.data_dir, EMBEDDINGS_FILE),
            metadata["embeddings"],
            metadata["embeddings_sha256"],
        )
        data_checks.check_metadata(metadata, raw)
    return Prepared(name, data_dir, builder, metadata, raw)


@contextlib.contextmanager
def reporting_damage(name: str, data_dir, *errors: type[Exception]):
    """Makes an InputError of what damaged data raises."""
    try:
        yield
    except InputError:
        raise
    except errors as error:
        raise InputError(
            f"Cannot read the prepared data {name} in {data_dir}.",
            "a whole preparation",
            first_line(error),
            f"Remove {data_dir}/{name}, and {PREPARE_AGAIN}.",
        ) from error
