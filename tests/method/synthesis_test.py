"""Section 3.4: synthetic features."""

import numpy as np
import pytest
import tensorflow as tf

from gmn_tf.data.zero_shot_data import Samples
from gmn_tf.method import synthesis
from tests.support import toys

EMBEDDINGS = toys.normal(toys.NUM_CLASSES, toys.DA).astype(np.float32)
COUNTS = np.array([0, 3, 0, 1, 9, 4])


@pytest.fixture
def few_rows(monkeypatch):
    """Makes nine rows come in three parts."""
    monkeypatch.setattr(synthesis, "ROWS_AT_ONCE", 4)


class Reading:
    """A generator whose feature is [a, z]: what it was asked for."""

    noise_dim = toys.DZ
    feature_dim = toys.DA + toys.DZ

    def __init__(self):
        self.most_rows = 0

    def __call__(self, noise, embeddings):
        rows = tf.shape(noise)[0]
        tf.py_function(self._count, [rows], [])
        repeated = tf.broadcast_to(embeddings, [rows, toys.DA])
        return tf.concat([repeated, noise], axis=1)

    def _count(self, rows):
        self.most_rows = max(self.most_rows, int(rows))


@pytest.mark.parametrize(
    ("floor", "expected"),
    [(0, [0, 0, 0, 0, 7, 7]), (4, [1, 3, 0, 0, 7, 7])],
)
def test_counts(floor, expected):
    train = toys.samples([3, 1, 6, 4])
    counts = synthesis.synthetic_counts(train, 4, 6, 7, floor)

    np.testing.assert_array_equal(counts, expected)


def test_counts_of_a_last_seen_class_without_a_sample():
    counts = synthesis.synthetic_counts(toys.samples([3, 1]), 3, 4, 7, 2)

    np.testing.assert_array_equal(counts, [0, 1, 2, 7])


@pytest.mark.usefixtures("few_rows")
def test_each_class_gets_its_count_from_its_embedding():
    samples = synthesis.synthesise(Reading(), EMBEDDINGS, COUNTS, seed=1)

    np.testing.assert_array_equal(np.bincount(samples.labels), COUNTS)
    np.testing.assert_array_equal(
        samples.features[:, : toys.DA], EMBEDDINGS[samples.labels]
    )
    assert samples.features.dtype == np.float32
    assert samples.labels.dtype == np.int32


@pytest.mark.usefixtures("few_rows")
def test_memory_is_bounded():
    reading = Reading()
    synthesis.synthesise(reading, EMBEDDINGS, COUNTS, seed=1)

    assert reading.most_rows == 4


@pytest.mark.usefixtures("few_rows")
def test_no_two_samples_share_their_noise():
    samples = synthesis.synthesise(Reading(), EMBEDDINGS, COUNTS, seed=1)

    assert len(np.unique(samples.features[:, toys.DA])) == COUNTS.sum()


def test_noise_is_standard_normal():
    counts = np.array([0, 0, 0, 0, 3000, 3000])
    samples = synthesis.synthesise(Reading(), EMBEDDINGS, counts, seed=1)
    noise = samples.features[:, toys.DA :]

    # Four standard errors.
    np.testing.assert_allclose(noise.mean(axis=0), 0.0, atol=0.055)
    np.testing.assert_allclose(np.cov(noise.T), np.eye(toys.DZ), atol=0.075)


@pytest.mark.usefixtures("few_rows")
def test_fewer_samples_are_the_first_of_more():
    generator = toys.generator()
    more = synthesis.synthesise(generator, EMBEDDINGS, COUNTS, seed=1)
    for label, count in [(4, 9), (4, 6), (4, 2), (5, 3)]:
        counts = np.where(np.arange(6) == label, count, 0)
        fewer = synthesis.synthesise(generator, EMBEDDINGS, counts, seed=1)

        assert list(fewer.labels) == [label] * count
        np.testing.assert_allclose(
            fewer.features,
            more.features[more.labels == label][:count],
            rtol=1e-5,
            atol=1e-6,
        )


def test_the_seed_decides():
    first, again, other = (
        synthesis.synthesise(toys.generator(), EMBEDDINGS, COUNTS, seed)
        for seed in (1, 1, 2)
    )

    np.testing.assert_array_equal(first.features, again.features)
    assert np.abs(first.features - other.features).max(axis=1).min() > 0.0


def test_real_and_synthetic_samples_as_one_set():
    first = toys.samples([3, 1])
    second = Samples(toys.normal(2, toys.DX), np.array([1, 2], np.int32))
    both = synthesis.joined(first, second)

    assert both.labels.dtype == np.int32
    np.testing.assert_array_equal(both.labels, [*first.labels, *second.labels])
    np.testing.assert_array_equal(both.features[:4], first.features)
    np.testing.assert_array_equal(both.features[4:], second.features)


@pytest.mark.usefixtures("few_rows")
def test_every_other_embedding_has_noise_on_it():
    generator = toys.generator()
    synthesised = [
        synthesis.synthesise(generator, EMBEDDINGS, COUNTS, 1, stddev).features
        for stddev in (0.0, 0.5)
    ]
    fewer = synthesis.synthesise(generator, EMBEDDINGS, COUNTS // 3, 1, 0.5)

    changed = np.abs(synthesised[0] - synthesised[1]).max(axis=1) > 1e-6
    number = np.concatenate([np.arange(count) % 4 for count in COUNTS])
    np.testing.assert_array_equal(changed, number % 2 == 1)
    # The first of a class are those of a larger number.
    np.testing.assert_allclose(
        fewer.features[:1], synthesised[1][:1], rtol=1e-5
    )
