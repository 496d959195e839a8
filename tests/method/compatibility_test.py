"""Eq. 6: the compatibility f."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from gmn_tf.method import compatibility
from tests.support import reference, toys


def theta(units):
    return toys.normal(toys.DX, units), toys.normal(units)


# Fewer classes than embedding dimensions, and more.
@pytest.mark.parametrize("embedding_dim", [5, 2])
def test_scores_by_hand(embedding_dim):
    embeddings = toys.normal(toys.NUM_SEEN, embedding_dim)
    weights, bias = theta(embedding_dim)
    features = toys.normal(9, toys.DX)
    expected = [
        [reference.compatibility(x, a, weights, bias) for a in embeddings]
        for x in features
    ]

    scores = compatibility.scores(features, (weights, bias), embeddings)
    folded = compatibility.times((weights, bias), embeddings)

    np.testing.assert_allclose(scores, expected, rtol=1e-11)
    np.testing.assert_allclose(
        compatibility.scores(features, folded), expected, rtol=1e-11
    )


def test_linear_scores_are_bilinear_with_the_identity():
    weights, bias = theta(toys.NUM_SEEN)
    features = toys.normal(9, toys.DX)

    np.testing.assert_allclose(
        compatibility.scores(features, (weights, bias)),
        compatibility.scores(features, (weights, bias), np.eye(4)),
        rtol=1e-11,
    )


@pytest.mark.parametrize("embedding_dim", [5, 2, None])
def test_scores_of_several_classes_at_once(embedding_dim):
    embeddings = None
    if embedding_dim:
        embeddings = toys.normal(toys.NUM_SEEN, embedding_dim)
    pair = theta(embedding_dim or toys.NUM_SEEN)
    features = toys.normal(2, 9, toys.DX)

    scores = compatibility.scores(features, pair, embeddings)

    assert scores.shape == (2, 9, toys.NUM_SEEN)
    for place in range(2):
        np.testing.assert_allclose(
            scores[place],
            compatibility.scores(features[place], pair, embeddings),
            rtol=1e-11,
        )


@pytest.mark.parametrize("kind", [np.asarray, tf.constant, keras.Variable])
def test_product_in_bfloat16(kind):
    features = toys.normal(9, toys.DX)
    weights = theta(4)[0].astype(np.float32)
    expected = features @ weights

    found = compatibility.product(features, kind(weights), "bfloat16")

    assert found.dtype == tf.float32
    error = np.abs(found - expected).max() / np.abs(expected).max()
    assert 1e-4 < error < 2**-6  # rounded, to 8 bits


@pytest.mark.parametrize("dtype", ["int32", "uint8", "float64", "bfloat16"])
def test_scores_have_the_type_of_theta(dtype):
    features = np.arange(9 * toys.DX).reshape(9, -1) % 7
    weights, bias = (part.astype(np.float32) for part in theta(4))

    found = compatibility.scores(tf.cast(features, dtype), (weights, bias))

    assert found.dtype == tf.float32
    np.testing.assert_allclose(found, features @ weights + bias, rtol=1e-5)


def test_cross_entropy_by_hand():
    scores, labels = toys.normal(2, 9, 4), np.arange(18).reshape(2, 9) % 4
    expected = [
        [reference.cross_entropy(row, label) for row, label in zip(*pair)]
        for pair in zip(scores, labels)
    ]

    np.testing.assert_allclose(
        compatibility.cross_entropy(tf.constant(scores), labels), expected
    )


def test_initial_theta():
    weights, bias = compatibility.initial_theta(300, 200, [1, 2])
    again = compatibility.initial_theta(300, 200, [1, 2])
    other = compatibility.initial_theta(300, 200, [1, 3])

    assert (weights.shape, bias.shape) == ((300, 200), (200,))
    # Some five standard errors each.
    assert np.mean(weights) == pytest.approx(0.0, abs=4e-4)
    assert np.std(weights) == pytest.approx(0.02, abs=3e-4)
    assert np.std(bias) == pytest.approx(0.02, abs=5e-3)
    np.testing.assert_array_equal(weights, again[0])
    np.testing.assert_array_equal(bias, again[1])
    assert abs(np.corrcoef(np.ravel(weights), np.ravel(other[0]))[0, 1]) < 0.02
