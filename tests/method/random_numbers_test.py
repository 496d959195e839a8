"""Normal numbers: their distribution, and that they follow from the seed."""

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from gmn_tf.method.random_numbers import standard_normal


@pytest.mark.parametrize("size", [1, 6, 7])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_numbers_are_normal_and_independent(size, dtype):
    numbers = standard_normal([60_000, size], [3, 4], dtype).numpy()

    assert numbers.shape == (60_000, size) and numbers.dtype == dtype
    for column in numbers.T:
        assert scipy.stats.kstest(column, "norm").pvalue > 1e-3
    correlations = np.corrcoef(np.concatenate([numbers, numbers**2], 1).T)
    np.fill_diagonal(np.atleast_2d(correlations), 0.0)
    assert np.abs(correlations).max() < 0.04
    assert 3.5 < np.abs(numbers).max() < 6.0


def test_other_seeds_give_other_numbers():
    first, other = (
        standard_normal([9, 4], [1, 2]),
        standard_normal([9, 4], [1, 3]),
    )
    np.testing.assert_array_equal(first, standard_normal([9, 4], [1, 2]))
    assert not np.any(first.numpy() == other.numpy())


def test_more_rows_begin_with_the_same():
    more, seed = tf.function(standard_normal), [5, 6]
    eight, three = (more([tf.constant(n), 5], seed).numpy() for n in (8, 3))
    # Those at the end of a tensor are rounded one at a time.
    np.testing.assert_allclose(eight[:3], three, rtol=1e-6)


def test_no_number_is_infinite_where_a_uniform_one_is_0(monkeypatch):
    monkeypatch.setattr(
        tf.random,
        "stateless_uniform",
        lambda shape, seed, dtype: tf.zeros(shape, dtype),
    )
    np.testing.assert_array_equal(standard_normal([3, 4], [0, 0]), 0.0)
