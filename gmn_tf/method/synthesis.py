"""Section 3.4: synthetic features of classes without real samples."""

import functools

import numpy as np
import tensorflow as tf

from gmn_tf.data import on_disk
from gmn_tf.data.zero_shot_data import Samples
from gmn_tf.method.random_numbers import (
    rows_of_normal,
    standard_normal,
    states,
)
from gmn_tf.utils.errors import InputError

ROWS_AT_ONCE = 4096
MOST_ROWS = 2**31 - 1  # of all classes: TensorFlow shuffles 32-bit numbers


def synthetic_counts(
    train: Samples, num_seen: int, num_classes: int, per_class: int, floor: int
) -> np.ndarray:
    """How many synthetic samples each class gets, `[C]`.

    Args:
        train: the real samples of seen classes.
        num_seen: S.
        num_classes: C.
        per_class: number for every unseen class.
        floor: seen classes with fewer real samples are topped up to it.
    """
    counts = np.full(num_classes, per_class)
    real = np.bincount(train.labels, minlength=num_seen)
    counts[:num_seen] = np.maximum(floor - real, 0)
    return counts


def size_in_bytes(counts, feature_dim: int) -> int:
    """What synthetic features of `feature_dim` numbers take in memory.

    Args:
        counts: `[C]` samples of each class.
        feature_dim: d_x, or the size of a representation.
    """
    return int(np.sum(counts)) * feature_dim * on_disk.OnDisk.dtype.itemsize


def synthesise(
    generator,
    embeddings,
    counts,
    seed: int,
    condition_stddev: float = 0.0,
    memory: float = float("inf"),
) -> Samples:
    """`counts[c]` samples of each class c, in bounded memory.

    The noise of a class follows from the seed and the class alone, and a
    smaller count gives the first of the samples of a larger one.

    Args:
        generator: a `gmn_tf.Generator`, or a `RepresentedGenerator`.
        embeddings: `[C, da]` class embeddings.
        counts: `[C]` integers.
        seed: decides the noise.
        condition_stddev: of noise on the embedding of every other sample.
        memory: bytes that the features may take; if they need more, they are
            `Drawn`, the same numbers but for rounding.

    Raises:
        InputError: for more samples than can be counted.
    """
    total = int(np.sum(counts))
    if total > MOST_ROWS:
        raise InputError(
            "There are too many synthetic features.",
            f"{MOST_ROWS} samples at most",
            f"{total} samples",
            "Lower --synthetic_per_class or --seen_floor.",
        )
    labels = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
    if size_in_bytes(counts, generator.feature_dim) > memory:
        drawn = Drawn(generator, embeddings, counts, seed, condition_stddev)
        return Samples(drawn, labels)
    features = np.empty((total, generator.feature_dim), np.float32)
    draw = _drawing(generator, condition_stddev)
    start = 0
    for label in np.flatnonzero(counts):
        for part, first in enumerate(range(0, counts[label], ROWS_AT_ONCE)):
            rows = min(counts[label] - first, ROWS_AT_ONCE)
            stop = start + rows
            features[start:stop] = draw(
                tf.constant(embeddings[label]),
                tf.constant([seed, label, part]),
                tf.constant(rows),
            )
            start = stop
    return Samples(features, labels)


@functools.lru_cache(maxsize=1)  # or each generator would stay in memory
def _drawing(generator, condition_stddev):
    """A graph: `rows` samples of a class; the first are always the same."""

    @tf.function(reduce_retracing=True, autograph=False)
    def draw(embedding, seeds, rows):
        seed = _seed(seeds)
        noise = standard_normal([rows, generator.noise_dim], seed)
        embeddings = embedding[tf.newaxis]
        if condition_stddev:
            spread = standard_normal(
                [rows, embedding.shape[0]], _seed_of_spread(seed)
            )
            embeddings += condition_stddev * _of_odd(tf.range(rows), spread)
        return generator(noise, embeddings)

    return draw


class Drawn(on_disk.OnDisk):
    """Synthetic features that are drawn when they are read.

    Those of the first class with samples come first. Takes the arguments of
    `synthesise`; all but the rows that are read costs the memory of the
    embeddings.
    """

    def __init__(
        self, generator, embeddings, counts, seed: int, condition_stddev: float
    ):
        counts = np.asarray(counts, np.int64)
        super().__init__(int(counts.sum()), generator.feature_dim)
        self._generator, self._stddev = generator, condition_stddev
        self._embeddings = tf.constant(embeddings)
        self._stops = tf.constant(np.cumsum(counts), tf.int64)
        self._starts = self._stops - counts
        # As many rows as `synthesise` draws at once follow from one seed.
        parts = -(-counts // ROWS_AT_ONCE)
        self._first_parts = tf.constant(np.cumsum(parts) - parts, tf.int64)
        labels = np.repeat(np.arange(len(parts)), parts)
        numbers = np.arange(len(labels)) - np.repeat(
            self._first_parts.numpy(), parts
        )
        seeds = np.stack([np.full_like(labels, seed), labels, numbers], axis=1)
        self._states = _states(
            tf.constant(seeds, tf.int32), bool(condition_stddev)
        )
        # Eagerly, each row would take several operations.
        self._read = tf.function(
            self._draw, [tf.TensorSpec([None], tf.int64)], autograph=False
        )

    def gather(self, rows):
        return super().gather(tf.cast(rows, tf.int64))

    def _draw(self, rows):
        labels = tf.searchsorted(self._stops, rows, side="right")
        numbers = rows - tf.gather(self._starts, labels)
        parts = tf.gather(self._first_parts, labels) + numbers // ROWS_AT_ONCE
        numbers %= ROWS_AT_ONCE
        states, *others = (tf.gather(one, parts) for one in self._states)
        noise = rows_of_normal(states, numbers, self._generator.noise_dim)
        embeddings = tf.gather(self._embeddings, labels)
        for states in others:
            spread = rows_of_normal(states, numbers, embeddings.shape[1])
            embeddings += self._stddev * _of_odd(numbers, spread)
        return self._generator(noise, embeddings)


@functools.partial(tf.function, reduce_retracing=True, autograph=False)
def _states(seeds, with_spread: bool):
    """Of parts `[n, 3]` the states of their noise, and of the spread."""
    found = tf.map_fn(_seed, seeds)
    if not with_spread:
        return (states(found),)
    return states(found), states(tf.map_fn(_seed_of_spread, found))


def _seed(numbers):
    """The seed of a run, a class and a part of its rows `[3]` -> one `[2]`."""
    seed = tf.random.fold_in(tf.stack([numbers[0], 2]), numbers[1])
    return tf.random.fold_in(seed, numbers[2])


def _seed_of_spread(seed):
    """That of noise on embeddings."""
    return tf.random.fold_in(seed, 1)


def _of_odd(numbers, spread):
    """The rows of `spread` `[n, da]` with odd numbers `[n]`, zeros else."""
    return tf.where((numbers % 2 == 1)[:, tf.newaxis], spread, 0.0)


def joined(first: Samples, second: Samples) -> Samples:
    """D_train and D_fake as one set."""
    return Samples(
        on_disk.join(first.features, second.features),
        np.concatenate([first.labels, second.labels]),
    )
