"""Features that stay on disk: single rows are read from TFRecord files.

For splits too large for memory. Opening them takes one pass over the files,
which notes where each record begins; after that only indexed rows are read.
"""

import contextlib
import os
import struct
from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf

from gmn_tf.utils.dataset_names import PREPARE_AGAIN
from gmn_tf.utils.errors import LostDataError, first_line

# A record is framed by its length, a checksum of that, and one of its content.
BEFORE, AFTER = struct.calcsize("<QI"), struct.calcsize("<I")
FORM = {
    "label": tf.io.FixedLenFeature([], tf.int64),
    "features": tf.io.FixedLenFeature([], tf.string),
}
BATCH = 1024  # records checked at once while opening, and rows mapped
# Errors of reads: TensorFlow raises an error of its own in their place.
_LOSSES = []


@contextlib.contextmanager
def reporting_data_loss() -> Iterator[None]:
    """Raises a clear error if reads failed because a file has changed.

    Raises:
        LostDataError: naming the file, in place of TensorFlow's error.
    """
    _LOSSES.clear()
    try:
        yield
    except tf.errors.OpError as error:
        if _LOSSES:
            raise _LOSSES[0] from error
        raise


class OnDisk:
    """An array `[n, dx]` of float32 of which rows are read when indexed.

    A subclass defines `_read`: rows `[k]` -> features `[k, dx]`, in a graph.

    Attributes:
        shape: (n, dx).
    """

    dtype = np.dtype(np.float32)

    def __init__(self, rows: int, dim: int):
        self.shape = (rows, dim)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows) -> np.ndarray:
        """Rows as of an array: a slice, or integers of any shape."""
        rows = np.arange(len(self))[rows] if isinstance(rows, slice) else rows
        return self.gather(np.asarray(rows)).numpy()

    def gather(self, rows):
        """As `tf.gather`: rows `[...]` -> features `[..., dx]`."""
        features = self._read(tf.reshape(rows, [-1]))
        shape = tf.concat([tf.shape(rows), self.shape[1:]], axis=0)
        features = tf.reshape(features, shape)
        return tf.ensure_shape(features, [*rows.shape, self.shape[1]])


class Records(OnDisk):
    """The features in TFRecord files, a record for each row.

    Args:
        paths: the TFRecord files, in order.
        places: `[n, 3]` of each record: which file it is in, its first byte
            there, and its length in bytes.
        dim: dx.
    """

    def __init__(self, paths, places: np.ndarray, dim: int):
        super().__init__(len(places), dim)
        self._streams = [open(path, "rb") for path in paths]  # noqa: SIM115
        self._versions = [_version(stream) for stream in self._streams]
        self._places = places

    def _read(self, rows):
        records = tf.numpy_function(
            self._read_records, [rows], tf.string, stateful=False
        )
        features = tf.io.parse_example(records, FORM)["features"]
        return tf.io.decode_raw(features, tf.float32)

    def _read_records(self, rows: np.ndarray) -> np.ndarray:
        records = np.empty(len(rows), object)
        # A file that is open can be read even after it was removed.
        for stream, version in zip(self._streams, self._versions):
            try:
                if _version(stream) == version:
                    continue
                found = "another size or time of change"
            except (
                OSError
            ) as error:  # such as that of a server that has stopped
                found = first_line(error)
            loss = LostDataError(
                f"{stream.name} has changed since it was opened.",
                "prepared data that nothing touches while a command runs",
                found,
                f"Remove the data set's folder, {PREPARE_AGAIN}, and repeat "
                "the command.",
            )
            _LOSSES.append(loss)
            raise loss
        places = self._places[rows].tolist()
        for number, (file, start, length) in enumerate(places):
            descriptor = self._streams[file].fileno()
            records[number] = os.pread(descriptor, length, start)
        return records


def _version(stream) -> tuple[int, int]:
    """Size and time of change, which differ once a file was written to."""
    status = os.fstat(stream.fileno())
    return status.st_size, status.st_mtime_ns


def open_records(paths: list[str], dim: int) -> tuple[Records, np.ndarray]:
    """Opens TFRecord files of `features` (bytes) and `label`.

    Args:
        paths: the files, in order.
        dim: dx.

    Returns:
        The features, and the labels `[n]` of all records.

    Raises:
        tf.errors.OpError, ValueError: for a damaged file.
    """
    labels, places = [np.zeros(0, int)], [np.zeros((0, 3), int)]
    for file, path in enumerate(paths):
        start = BEFORE
        for batch, parsed in _parsed(path, dim):
            lengths = tf.strings.length(batch).numpy().astype(int)
            framed = BEFORE + lengths + AFTER
            starts = start + np.cumsum(framed) - framed
            start += framed.sum()
            files = np.full(len(lengths), file)
            places.append(np.stack([files, starts, lengths], axis=1))
            labels.append(parsed["label"].numpy())
    return Records(paths, np.concatenate(places), dim), np.concatenate(labels)


def read_records(
    paths: list[str], count: int, dim: int
) -> tuple[np.ndarray, np.ndarray]:
    """Reads all of such files into memory.

    Parsed in batches, they are read several times as fast as one by one.

    Args:
        paths: the files, in order.
        count: n, how many records they have.
        dim: dx.

    Returns:
        Features `[n, dx]` float32 and labels `[n]`; fewer if there are fewer.

    Raises:
        tf.errors.OpError, ValueError: for a damaged file, or more records.
    """
    features, labels = np.empty((count, dim), np.float32), np.empty(count, int)
    stop = 0
    for path in paths:
        for batch, parsed in _parsed(path, dim):
            start, stop = stop, stop + len(batch)
            features[start:stop] = tf.io.decode_raw(
                parsed["features"], tf.float32
            )
            labels[start:stop] = parsed["label"]
    return features[:stop], labels[:stop]


def _parsed(path: str, dim: int) -> Iterator[tuple]:
    """Batches of a file's records, and what they contain; see FORM."""
    for batch in tf.data.TFRecordDataset(path).batch(BATCH):
        parsed = tf.io.parse_example(batch, FORM)
        sizes = tf.strings.length(parsed["features"]).numpy()
        if not np.all(sizes == dim * OnDisk.dtype.itemsize):
            raise ValueError(f"records not of {dim} numbers in {path}")
        yield batch, parsed


def _readable(features):
    """What graphs read: an array would become a constant of each of them."""
    is_array = isinstance(features, np.ndarray)
    return tf.constant(features) if is_array else features


class Joined(OnDisk):
    """Two arrays, at least one of them on disk, one after the other."""

    def __init__(self, first, second):
        super().__init__(len(first) + len(second), first.shape[1])
        self.parts = _readable(first), _readable(second)

    def _read(self, rows):
        split = self.parts[0].shape[0]
        part = tf.cast(rows >= split, tf.int32)
        places = tf.dynamic_partition(tf.range(tf.size(rows)), part, 2)
        rows -= split * tf.cast(part, rows.dtype)
        rows_of_parts = tf.dynamic_partition(rows, part, 2)
        return tf.dynamic_stitch(
            places, [gather(*pair) for pair in zip(self.parts, rows_of_parts)]
        )


class Mapped(OnDisk):
    """Rows that go through a function when they are read.

    Args:
        source: the rows, on disk or an array.
        function: rows `[n, dx]` -> as many, float32.
        dim: size of these; None for dx.
    """

    def __init__(
        self,
        source: OnDisk | np.ndarray,
        function: Callable,
        dim: int | None = None,
    ):
        super().__init__(len(source), dim or source.shape[1])
        self._source, self._function = _readable(source), function

    def _read(self, rows):
        return self._function(gather(self._source, rows))


class Chosen(OnDisk):
    """Some rows on disk.

    Args:
        source: all rows.
        rows: `[n]`, which of them.
    """

    def __init__(self, source: OnDisk, rows: np.ndarray):
        super().__init__(len(rows), source.shape[1])
        self._source, self._rows = source, rows

    def _read(self, rows):
        return self._source.gather(tf.gather(self._rows, rows))


def chosen(features, rows: np.ndarray):
    """Some rows `[n]`: an array, or `Chosen` if they are on disk."""
    if isinstance(features, OnDisk):
        return Chosen(features, rows)
    return features[rows]


def mapped(features, function: Callable, in_place: bool = False):
    """What a function makes of rows: an array, or `Mapped` if they are on disk.

    Args:
        features: `[n, dx]`.
        function: see `Mapped`.
        in_place: whether an array may be overwritten.
    """
    if isinstance(features, OnDisk):
        return Mapped(features, function)
    result = features if in_place else np.empty_like(features)
    for start in range(0, len(features), BATCH):
        block = slice(start, start + BATCH)
        result[block] = function(features[block])
    return result


def join(first, second):
    """Arrays joined in memory; `Joined` if one of them is on disk."""
    if isinstance(first, np.ndarray) and isinstance(second, np.ndarray):
        return np.concatenate([first, second])
    return Joined(first, second)


def gather(features, rows):
    """`features[rows]` of an array, a tensor or an `OnDisk`."""
    if isinstance(features, OnDisk):
        return features.gather(rows)
    return tf.gather(features, rows)
