"""Moment matching: MMD with kernels in the unit of the data."""

import numpy as np
import pytest
import tensorflow as tf

from gmn_tf.data.zero_shot_data import Samples
from gmn_tf.method import moments
from tests.support import toys

WIDTHS = (0.5, 2.0, 7.0)


def slow_kernel(x, y):
    return sum(np.exp(-sum((x - y) ** 2) / (2.0 * v)) for v in WIDTHS)


def slow_discrepancy(real, fake):
    def mean(first, second):
        return np.mean([[slow_kernel(x, y) for y in second] for x in first])

    square = mean(real, real) + mean(fake, fake) - 2.0 * mean(real, fake)
    return np.sqrt(max(square, 0.0))


def test_it_is_the_root_of_mmd_squared_of_each_class():
    real, fake = toys.normal(3, 4, toys.DX), 0.5 + toys.normal(3, 6, toys.DX)
    expected = [slow_discrepancy(*both) for both in zip(real, fake)]

    found = moments.discrepancy(real, fake, WIDTHS)

    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_features_may_be_far_from_zero():
    real, fake = toys.normal(2, 4, toys.DX), 0.5 + toys.normal(2, 6, toys.DX)
    expected = [slow_discrepancy(*both) for both in zip(real, fake)]

    far = [(1e4 + features).astype("f4") for features in (real, fake)]
    found = moments.discrepancy(*far, WIDTHS)

    np.testing.assert_allclose(found, expected, rtol=1e-2)


def test_equal_sets_differ_by_nothing_and_shifted_ones_by_more_and_more():
    real = toys.normal(1, 40, 2)
    shifted = np.concatenate(
        [real + np.array([far, 0.0]) for far in (0.0, 0.5, 1.0, 3.0)]
    )

    found = moments.discrepancy(np.repeat(real, 4, axis=0), shifted, WIDTHS)

    assert float(found[0]) == pytest.approx(0.0, abs=2e-6)
    assert (np.diff(found) > 0.1).all()


def test_the_gradient_is_finite_where_sets_are_equal():
    real = tf.constant(toys.normal(2, 5, toys.DX), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(real)
        loss = moments.discrepancy(tf.stop_gradient(real), real, WIDTHS)
    assert np.isfinite(tape.gradient(loss, real)).all()


def test_widths_follow_the_unit_of_the_data():
    samples = toys.samples([6, 1, 9, 5])
    large = Samples(10.0 * samples.features, samples.labels)
    within = [
        np.square(x - y).sum()
        for c in range(4)
        for n, x in enumerate(samples.features[samples.labels == c])
        for y in samples.features[samples.labels == c][:n]
    ]
    widths = moments.widths_for(samples)

    middle = np.exp(np.mean(np.log(widths)))
    assert 2.0 * middle == pytest.approx(np.median(within), rel=1e-5)
    np.testing.assert_allclose(
        moments.widths_for(large), 100.0 * np.array(widths), rtol=1e-5
    )


def test_widths_without_two_samples_of_a_class():
    alone = toys.samples([1, 1, 1])
    same = Samples(np.ones((4, toys.DX), np.float32), np.array([0, 0, 1, 1]))

    assert min(moments.widths_for(alone)) > 0.0
    assert moments.widths_for(same) == moments.WIDTHS
    # Of four equal samples and another one, six distances do not count.
    features = np.array([[1.0], [1.0], [1.0], [1.0], [3.0]], np.float32)
    widths = moments.widths_for(Samples(features, np.zeros(5, np.int32)))
    assert 2.0 * np.exp(np.mean(np.log(widths))) == pytest.approx(4.0)
    expected = [1.0, 2.5, 5.0, 10.0, 20.0, 40.0]  # of Bucher et al.
    np.testing.assert_allclose(np.divide(widths, widths[0]), expected)


def test_the_loss_weighs_classes_by_their_share():
    real, fake = toys.normal(3, 4, toys.DX), toys.normal(3, 6, toys.DX, seed=1)
    share = np.array([0.5, 0.5, 0.0])
    classes = {"features": real, "labels": np.arange(3), "noise": fake}
    layer = moments.MomentMatching(WIDTHS, weight=3.0)

    loss, parts = layer.loss(
        None,
        lambda noise, labels: noise,
        {"matching": {**classes, "share": share}},
        None,
    )

    expected = 0.5 * sum(slow_discrepancy(*b) for b in zip(real[:2], fake[:2]))
    assert float(parts["moments_loss"]) == pytest.approx(expected)
    assert float(loss) == pytest.approx(3.0 * expected)
    assert not layer.trainable_variables
