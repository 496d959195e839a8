"""Section 3.4: synthetic features of classes without real samples."""

import functools

import numpy as np
import tensorflow as tf

from gmn_tf.data import on_disk
from gmn_tf.data.zero_shot_data import Samples
from gmn_tf.method.random_numbers import standard_normal
from gmn_tf.utils.errors import InputError

ROWS_AT_ONCE = 4096


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


def synthesise(
    generator, embeddings, counts, seed: int, condition_stddev: float = 0.0
) -> Samples:
    """Draws `counts[c]` samples of each class c, in bounded memory.

    The noise of a class follows from the seed and the class alone, and a
    smaller count gives the first of the samples of a larger one.

    Args:
        generator: a `gmn_tf.Generator`, or a `RepresentedGenerator`.
        embeddings: `[C, da]` class embeddings.
        counts: `[C]` integers.
        seed: decides the noise.
        condition_stddev: of noise on the embedding of every other sample.

    Raises:
        InputError: if memory cannot hold the samples.
    """
    shape = int(np.sum(counts)), generator.feature_dim
    try:
        features = np.empty(shape, np.float32)
    except (MemoryError, ValueError) as error:
        # NumPy raises ValueError for sizes larger than any address space.
        raise InputError(
            "The synthetic features do not fit into memory.",
            "fewer samples, or more memory",
            "{} samples of {} dimensions".format(*shape),
            "Lower --synthetic_per_class or --seen_floor.",
        ) from error
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
    labels = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
    return Samples(features, labels)


@functools.lru_cache(maxsize=1)  # or each generator would stay in memory
def _drawing(generator, condition_stddev):
    """A graph: `rows` samples of a class; the first are always the same."""

    @tf.function(reduce_retracing=True, autograph=False)
    def draw(embedding, seeds, rows):
        seed = tf.random.fold_in(tf.stack([seeds[0], 2]), seeds[1])
        seed = tf.random.fold_in(seed, seeds[2])
        noise = standard_normal([rows, generator.noise_dim], seed)
        embeddings = embedding[tf.newaxis]
        if condition_stddev:
            spread = condition_stddev * standard_normal(
                [rows, embedding.shape[0]], tf.random.fold_in(seed, 1)
            )
            is_odd = tf.range(rows)[:, tf.newaxis] % 2 == 1
            embeddings += tf.where(is_odd, spread, 0.0)
        return generator(noise, embeddings)

    return draw


def joined(first: Samples, second: Samples) -> Samples:
    """D_train and D_fake as one set."""
    return Samples(
        on_disk.join(first.features, second.features),
        np.concatenate([first.labels, second.labels]),
    )
