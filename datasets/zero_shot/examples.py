"""The examples that the builder writes: their features, and their order."""

import functools
from collections.abc import Callable, Iterator

import numpy as np
import tensorflow_datasets as tfds

from gmn_tf_datasets.zero_shot.source import Source

_BLOCK = 256  # Rows copied at once.
_KEYS = 2**128  # Possible keys of examples.


def features(dim: int | None, **classes) -> tfds.features.FeaturesDict:
    """The features of an example.

    Args:
        dim: dx; None if it is not known yet.
        **classes: `names` or `num_classes`, as of `tfds.features.ClassLabel`.
    """
    return tfds.features.FeaturesDict(
        {
            "features": tfds.features.Tensor(
                shape=(dim,),
                dtype=np.float32,
                # Bytes are written and read far faster than lists.
                encoding=tfds.features.Encoding.BYTES,
                doc="Features of an image.",
            ),
            "label": tfds.features.ClassLabel(
                doc="Its class, a row of embeddings.npy.", **classes
            ),
            "row": tfds.features.Tensor(
                shape=(),
                dtype=np.int64,
                doc="Its row in the file of features, counted from 0.",
            ),
        }
    )


def generate(
    source: Source,
    rows: np.ndarray,
    progress: Callable[[int], object] | None = None,
) -> Iterator:
    """Keys and examples of the rows of a split, in their order."""
    of_block = functools.partial(_of_block, source, _spacing(rows))
    for start, block in _blocks(rows):
        if progress is not None:
            progress(len(block))
        yield from of_block(start, block)


def by_beam(source: Source, rows: np.ndarray):
    """The same as a transform of Apache Beam."""
    import apache_beam as beam

    of_block = functools.partial(_of_block, source, _spacing(rows))
    return beam.Create(list(_blocks(rows))) | beam.FlatMapTuple(of_block)


def _spacing(rows: np.ndarray) -> int:
    # TFDS keeps the order of keys, and sorts what exceeds its memory in parts:
    # each part has its share of all possible keys.
    return _KEYS // max(1, len(rows))


def _blocks(rows: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    for start in range(0, len(rows), _BLOCK):
        yield start, rows[start : start + _BLOCK]


def _of_block(
    source: Source, spacing: int, start: int, rows: np.ndarray
) -> Iterator:
    """Keys and examples of a block of rows, the first the `start`-th."""
    values = source.features[rows].astype(np.float32)
    labels = source.labels[rows].tolist()
    every = zip(values, labels, rows.tolist())
    for place, (value, label, row) in enumerate(every, start):
        yield place * spacing, {"features": value, "label": label, "row": row}
