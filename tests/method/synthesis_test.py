"""Section 3.4: synthetic features."""

import gc
import weakref

import numpy as np
import pytest
import tensorflow as tf

from gmn_tf.data.zero_shot_data import Samples
from gmn_tf.method import random_numbers, synthesis
from gmn_tf.method.classifiers import (
    base,
    bilinear,
    discriminant,
    linear,
    prototype,
    sgd,
)
from tests.support import toys

EMBEDDINGS = toys.normal(toys.NUM_CLASSES, toys.DA).astype(np.float32)
COUNTS = np.array([0, 3, 0, 1, 9, 4])
SGD = sgd.SGD(0.1, 0.5, 0.9, 0.3, batch_size=8, epochs=2)
SETTINGS = {
    bilinear: SGD,
    linear: SGD,
    discriminant: discriminant.Settings(0.1),
    prototype: prototype.Settings(
        units=(7,),
        learning_rate=1e-3,
        weight_decay=0.0,
        epochs=2,
        batch_size=8,
        temperature=0.1,
        mask=0.0,
        dropout=0.0,
        prior=0.0,
        normalisation="none",
    ),
}


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


@pytest.mark.usefixtures("few_rows")
@pytest.mark.parametrize("stddev", [0.0, 0.5])
@pytest.mark.parametrize("dim", [5, 6, 8])  # rows begin within a block of four
def test_drawn_when_read_they_are_the_same(stddev, dim):
    reading = Reading()
    reading.noise_dim, reading.feature_dim = dim, toys.DA + dim
    arguments = reading, EMBEDDINGS, COUNTS, 1, stddev
    size = 4 * COUNTS.sum() * reading.feature_dim
    expected = synthesis.synthesise(*arguments, memory=size)
    drawn = synthesis.synthesise(*arguments, memory=size - 1)
    rows = np.array([[16, 3], [0, 12], [3, 11], [7, 8]])

    assert isinstance(expected.features, np.ndarray)
    assert isinstance(drawn.features, synthesis.Drawn)
    assert drawn.features.shape == expected.features.shape
    np.testing.assert_array_equal(drawn.labels, expected.labels)
    for some in (rows, slice(None), np.zeros(0, int)):
        np.testing.assert_allclose(
            drawn.features[some], expected.features[some], atol=1e-6
        )


def test_a_graph_draws_each_row_that_it_reads():
    seeds = tf.constant([[3, 4], [5, 6], [3, 4], [-7, 2**31 - 1]])
    rows = [0, 5, 7, 3]
    found = tf.function(random_numbers.rows_of_normal)(
        random_numbers.states(seeds), tf.constant(rows, tf.int64), 6
    )
    expected = [
        random_numbers.standard_normal([9, 6], seed)[row]
        for seed, row in zip(seeds, rows)
    ]
    np.testing.assert_allclose(found, expected, atol=1e-6)
    none = random_numbers.rows_of_normal(
        random_numbers.states(seeds[:2])[:0], tf.zeros(0, tf.int64), 6
    )
    assert none.shape == (0, 6)  # without a graph, too


@pytest.mark.usefixtures("few_rows")
def test_real_samples_before_drawn_ones():
    real = toys.samples([3, 1])
    drawn, held = (
        synthesis.joined(
            real,
            synthesis.synthesise(
                toys.generator(), EMBEDDINGS, COUNTS, 1, memory=memory
            ),
        )
        for memory in (0, float("inf"))
    )
    rows = np.array([20, 0, 3, 4, 5])
    np.testing.assert_array_equal(drawn.labels, held.labels)
    np.testing.assert_allclose(
        drawn.features[rows], held.features[rows], atol=1e-5
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


@pytest.mark.usefixtures("few_rows")
@pytest.mark.parametrize("kind", [bilinear, linear, prototype, discriminant])
def test_classifiers_learn_from_drawn_samples(kind):
    def fit(memory):
        samples = synthesis.joined(
            toys.samples([5, 3, 6, 4]),
            synthesis.synthesise(
                toys.generator(), EMBEDDINGS, COUNTS, 1, memory=memory
            ),
        )
        settings = SETTINGS[kind]
        return kind.fit(base.Task(samples, EMBEDDINGS, 4, 6), settings, 1)

    features = toys.normal(9, toys.DX).astype(np.float32)
    held, drawn = (fit(memory)(features) for memory in (float("inf"), 0))
    np.testing.assert_allclose(drawn, held, rtol=1e-3, atol=1e-4)


def test_a_classifier_lets_go_of_what_the_one_before_was_drawn_from():
    def fit():
        drawn = synthesis.synthesise(
            toys.generator(), EMBEDDINGS, COUNTS, 1, memory=0
        )
        samples = synthesis.joined(toys.samples([5, 3, 6, 4]), drawn)
        task = base.Task(samples, EMBEDDINGS, 4, 6)
        bilinear.fit(task, SGD, 1)
        return weakref.ref(samples.features), weakref.ref(drawn.features)

    first, last = fit(), fit()
    gc.collect()
    assert [one() for one in first] == [None, None]
    assert None not in [one() for one in last]
