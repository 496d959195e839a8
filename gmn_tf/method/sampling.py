"""Eq. 7 and 8: real samples of seen classes, and unlabelled unseen ones too.

Eq. 7 draws from the seen classes alone, Eq. 8 also from unlabelled samples of
unseen ones. What is drawn is a function of a seed.
"""

import numpy as np
import tensorflow as tf

from gmn_tf.data import on_disk
from gmn_tf.data.zero_shot_data import Samples

NO_LABEL = -1


class SampleSource:
    """Real samples to draw from: seen ones, and unlabelled ones if given.

    Args:
        train: labelled samples of the classes 0..S-1, at least one of each.
        num_seen: S.
        sampling: `balanced` draws a class, then one of its samples; `uniform`
            goes through all samples in epochs, each in a new random order.
        unlabelled: `[m, dx]` features of unseen classes (Eq. 8), or None. Their
            labels do not exist here; where a class is needed, it is drawn at
            random from the unseen ones.
        num_unseen: U.
    """

    def __init__(
        self,
        train: Samples,
        num_seen: int,
        sampling: str,
        unlabelled: np.ndarray | None = None,
        num_unseen: int = 0,
    ):
        order = np.argsort(train.labels, kind="stable")
        labels = train.labels[order]
        features = train.features
        counts = np.bincount(train.labels, minlength=num_seen)
        first = np.cumsum(counts) - counts
        if unlabelled is None:
            num_unseen = 0
        else:  # all of them are rows of each unseen class
            first = np.append(first, [len(train)] * num_unseen)
            counts = np.append(counts, [len(unlabelled)] * num_unseen)
            order = np.append(order, len(train) + np.arange(len(unlabelled)))
            labels = np.append(labels, np.full(len(unlabelled), NO_LABEL))
            features = on_disk.join(features, unlabelled)
        self.num_seen, self.num_classes = num_seen, num_seen + num_unseen
        self.sampling = sampling
        self.size = len(features)
        self._labels, self._counts, self._first, self._order = (
            tf.constant(values, tf.int32)
            for values in (labels, counts, first, order)
        )
        if isinstance(features, np.ndarray):
            with tf.device("CPU"):  # where batches are made
                features = tf.constant(features)
        self._features = features

    def features(self, rows):
        """Features `[..., dx]` of rows `[...]`."""
        return on_disk.gather(self._features, tf.gather(self._order, rows))

    def class_rows(self, labels, seed):
        """One row per label: for an unseen label, any unlabelled row."""
        count = tf.gather(self._counts, labels)
        share = tf.random.stateless_uniform(tf.shape(labels), seed)
        offset = tf.minimum(_below(count, share), count - 1)
        return tf.gather(self._first, labels) + offset

    def samples(self, start, count: int, seed):
        """Rows and labels of `count` draws from number `start` on."""
        seeds = tf.random.split(tf.random.fold_in(seed, start), num=3)
        if self.sampling == "balanced":
            labels = tf.random.stateless_uniform(
                [count], seeds[1], 0, self.num_classes, tf.int32
            )
            return self.class_rows(labels, seeds[2]), labels
        # Endless passes over all rows, each in a new order.
        number = start + tf.range(count, dtype=tf.int64)
        epoch = number // self.size
        rows = _shuffled(
            tf.cast(number % self.size, tf.int32),
            seed + tf.stack([tf.zeros_like(epoch), epoch], axis=-1),
            self.size,
        )
        labels = tf.gather(self._labels, rows)
        if self.num_classes > self.num_seen:
            unseen_labels = tf.random.stateless_uniform(
                [count], seeds[0], self.num_seen, self.num_classes, tf.int32
            )
            labels = tf.where(labels == NO_LABEL, unseen_labels, labels)
        return rows, labels

    def distinct_classes(self, count: int, seed):
        """`count` different seen classes."""
        seeds = tf.broadcast_to(seed, [count, 2])
        return _shuffled(tf.range(count), seeds, self.num_seen)

    def rows_of_classes(self, labels, count: int, seed):
        """`[classes, count]` rows of each class, repeated if it has fewer.

        A class's rows, rotated by a random offset, are divided into `count`
        parts, and one row is drawn from each part. So all rows are different
        and equally likely, and the time does not depend on their number.
        """
        size = tf.cast(tf.gather(self._counts, labels), tf.int64)
        size = size[:, tf.newaxis]
        bounds = tf.range(count + 1, dtype=size.dtype) * size // count
        begin, end = bounds[:, :-1], bounds[:, 1:]
        shares = tf.random.stateless_uniform(
            [*labels.shape, count + 1], seed, dtype=tf.float64
        )
        turn = _below(size, shares[:, :1])
        offsets = (begin + _below(end - begin, shares[:, 1:]) + turn) % size
        first = tf.gather(self._first, labels)[:, tf.newaxis]
        return first + tf.cast(offsets, first.dtype)


def _below(size, share):
    """Whole numbers from 0 to size - 1, from shares of 1."""
    return tf.cast(tf.cast(size, share.dtype) * share, size.dtype)


def _shuffled(index, seeds, size: int):
    """Where `index` `[n]` lands in a permutation of 0..size-1 per seed.

    `tf.random.experimental.index_shuffle` promises the same for one seed per
    index, but pads the wrong axis of seeds `[n, 2]` (TensorFlow 2.21).
    """
    return tf.raw_ops.RandomIndexShuffle(
        index=index,
        seed=tf.pad(seeds, [[0, 0], [0, 1]]),
        max_index=size - 1,
        rounds=4,
    )
