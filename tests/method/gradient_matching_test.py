"""Eq. 2-4: gradients of f, and how they are compared."""

import numpy as np
import pytest
import tensorflow as tf

from gmn_tf.method import compatibility, gradient_matching
from gmn_tf.method.gradient_matching import FactoredGradient
from tests.support import reference, toys

pytestmark = pytest.mark.usefixtures("float64")

LABELS = np.array([3, 1])
# Fewer seen classes than embedding dimensions; more; the linear f.
EMBEDDING_DIMS = [toys.DA, 2, None]
# So few samples that inner products go by kernels; so many that they do not.
SIZES = [(1, 2), (6, 7)]


def seen_embeddings(dim):
    return None if dim is None else tf.constant(toys.normal(toys.NUM_SEEN, dim))


def theta(dim, seed=0):
    units = dim or toys.NUM_SEEN
    return (
        tf.constant(toys.normal(toys.DX, units, seed=seed)),
        tf.constant(toys.normal(units, seed=seed)),
    )


def features(samples, seed=0):
    return tf.constant(toys.normal(len(LABELS), samples, toys.DX, seed=seed))


def gradient_of(features, theta, embeddings):
    class_scores = compatibility.scores(features, theta, embeddings)
    return gradient_matching.compatibility_gradient(
        features, class_scores, LABELS, embeddings
    )


def random_gradient(samples, units=toys.DA, seed=0):
    return FactoredGradient(
        features(samples, seed),
        tf.constant(toys.normal(len(LABELS), samples, units, seed=seed + 5)),
    )


def explicit(gradient, place):
    """g for W and b of one class, each written out."""
    X, R = gradient.features[place].numpy(), gradient.residuals[place].numpy()
    weights = sum(np.outer(x, r) for x, r in zip(X, R))
    return tf.constant(weights), tf.constant(R.sum(axis=0))


@pytest.mark.parametrize("dim", EMBEDDING_DIMS)
def test_gradient_is_that_of_a_tape_on_theta(dim):
    X, pair, embeddings = features(8), theta(dim), seen_embeddings(dim)

    gradient = gradient_of(X, pair, embeddings)

    for place, label in enumerate(LABELS):
        weights, bias = reference.class_gradient(
            X[place], label, *pair, embeddings
        )
        np.testing.assert_allclose(gradient.weights[place], weights, rtol=1e-9)
        np.testing.assert_allclose(gradient.bias[place], bias, rtol=1e-9)


@pytest.mark.parametrize("dim", [toys.DA, 2])
def test_gradient_in_closed_form(dim):
    X, (weights, bias) = features(8), theta(dim)
    embeddings = seen_embeddings(dim)

    gradient = gradient_of(X, (weights, bias), embeddings)

    for place, label in enumerate(LABELS):
        expected = reference.closed_form_gradient(
            X[place].numpy(),
            np.full(8, label),
            weights.numpy(),
            bias.numpy(),
            embeddings.numpy(),
        )
        np.testing.assert_allclose(gradient.weights[place], expected[0])
        np.testing.assert_allclose(gradient.bias[place], expected[1])


@pytest.mark.parametrize("samples", SIZES)
def test_inner_products_are_those_of_the_matrices(samples, monkeypatch):
    real = random_gradient(samples[0])
    fake = random_gradient(samples[1], seed=1)
    # The way that must not be taken is not there.
    if samples == SIZES[0]:
        monkeypatch.delattr(FactoredGradient, "weights")
    else:
        monkeypatch.delattr(gradient_matching, "_by_kernel")

    weights = gradient_matching.weight_products(real, fake)
    biases = gradient_matching.bias_products(real, fake)

    for place in range(len(LABELS)):
        one, two = explicit(real, place), explicit(fake, place)
        pairs = (one, two), (one, one), (two, two)
        for number, (first, second) in enumerate(pairs):
            np.testing.assert_allclose(
                weights[number][place],
                np.sum(first[0] * second[0], axis=0),
                rtol=1e-10,
            )
            assert float(biases[number][place]) == pytest.approx(
                np.dot(first[1], second[1])
            )


@pytest.mark.parametrize("samples", SIZES)
@pytest.mark.parametrize("name", ["per_unit", "global"])
def test_distances_and_their_parts(name, samples):
    real = random_gradient(samples[0])
    fake = random_gradient(samples[1], seed=1)

    distances, parts = gradient_matching.DISTANCES[name](real, fake)

    assert distances.shape == (len(LABELS),)
    for place in range(len(LABELS)):
        one, two = explicit(real, place), explicit(fake, place)
        assert float(distances[place]) == pytest.approx(
            float(reference.DISTANCES[name](one, two)), rel=1e-9
        )
        assert float(parts["cosine_bias"][place]) == pytest.approx(
            float(reference.cosine(one[1], two[1])), rel=1e-9
        )
        columns = [
            reference.cosine(one[0][:, unit], two[0][:, unit])
            for unit in range(toys.DA)
        ]
        expected = {
            "per_unit": np.mean(columns),
            "global": float(reference.cosine(one[0], two[0])),
        }[name]
        assert float(parts["cosine_weights"][place]) == pytest.approx(
            expected, rel=1e-9
        )


@pytest.mark.parametrize("samples", [2, 8])
@pytest.mark.parametrize(
    ("name", "scale", "expected"),
    [
        ("global", 3.0, 0.0),
        ("global", -3.0, 2.0),
        ("per_unit", 3.0, 0.0),
        ("per_unit", -3.0, 4.0),  # of W and of b
    ],
)
def test_parallel_and_anti_parallel_gradients(name, scale, expected, samples):
    real = random_gradient(samples)
    fake = FactoredGradient(real.features, scale * real.residuals)

    distances, _ = gradient_matching.DISTANCES[name](real, fake)

    np.testing.assert_allclose(distances, [expected] * 2, atol=1e-12)


def test_the_scale_of_one_unit_matters_to_the_global_distance_only():
    real = random_gradient(8)
    scale = tf.constant([1.0, 1.0, 9.0, 1.0, 1.0], tf.float64)
    fake = FactoredGradient(real.features, scale * real.residuals)

    per_unit, parts = gradient_matching.per_unit_distance(real, fake)
    overall, _ = gradient_matching.global_distance(real, fake)

    np.testing.assert_allclose(parts["cosine_weights"], [1.0, 1.0])
    np.testing.assert_allclose(per_unit, 1.0 - parts["cosine_bias"], atol=1e-12)
    assert np.min(overall) > 0.05


@pytest.mark.parametrize("order", [1.0, 1.5, 2.0, 3.0])
def test_norm_of_the_difference(order):
    real, fake = random_gradient(8), random_gradient(10, seed=1)

    norms = gradient_matching.norm_distance(real, fake, order)

    for place in range(len(LABELS)):
        expected = reference.norm_distance(
            explicit(real, place), explicit(fake, place), order
        )
        assert float(norms[place]) == pytest.approx(float(expected), rel=1e-9)


def test_norm_of_a_known_difference():
    zeros = FactoredGradient(tf.zeros([1, 1, 1]), tf.zeros([1, 1, 2]))
    # g for W is 2 * [3, 4]; for b it is [3, 4].
    other = FactoredGradient(tf.fill([1, 1, 1], 2.0), tf.constant([[[3.0, 4]]]))

    for order, expected in [(1.0, 21.0), (2.0, 125.0**0.5)]:
        norms = gradient_matching.norm_distance(zeros, other, order)
        assert float(norms[0]) == pytest.approx(expected)


def matching_gradients(generator, samples, dim, name, norm):
    """The package's loss and the plainest one, each with G's gradients."""
    eps = toys.normal(len(LABELS), samples[1], toys.DZ)
    class_embeddings = toys.normal(len(LABELS), 1, toys.DA)
    real, pair = features(samples[0]), theta(dim)
    embeddings = seen_embeddings(dim)

    def loss():
        gradients = [
            gradient_of(x, pair, embeddings)
            for x in (real, generator(eps, class_embeddings))
        ]
        distances, _ = gradient_matching.DISTANCES[name](*gradients)
        if norm:
            distances += gradient_matching.norm_distance(*gradients, norm)
        return tf.reduce_mean(distances)

    def plainest():
        fake = generator(eps, class_embeddings)
        return reference.matching_loss(
            real, fake, LABELS, pair, embeddings, name, float(norm > 0), norm
        )

    results = []
    for function in (loss, plainest):
        with tf.GradientTape() as tape:
            value = function()
        gradients = tape.gradient(value, generator.trainable_variables)
        results.append((value, gradients))
    return results


@pytest.mark.parametrize("dim", EMBEDDING_DIMS)
@pytest.mark.parametrize("samples", SIZES)
@pytest.mark.parametrize("name", ["per_unit", "global"])
def test_generator_gradients_are_those_of_nested_tapes(name, samples, dim):
    generator = toys.generator(units=(11, 10), output="linear")

    assert_equal(*matching_gradients(generator, samples, dim, name, 0.0))


@pytest.mark.parametrize("noise", ["latent", "concat"])
@pytest.mark.parametrize("units", [(11,), (11, 10)])
def test_generator_gradients_for_each_generator(noise, units):
    generator = toys.generator(noise, "tanh", units=units)

    assert_equal(
        *matching_gradients(generator, SIZES[1], toys.DA, "per_unit", 0.0)
    )


@pytest.mark.parametrize("order", [1.0, 1.5, 2.0, 3.0])
def test_generator_gradients_of_the_norm(order):
    generator = toys.generator(output="linear")

    assert_equal(
        *matching_gradients(generator, SIZES[0], toys.DA, "global", order)
    )


def assert_equal(result, expected):
    assert float(result[0]) == pytest.approx(float(expected[0]), rel=1e-9)
    assert any(np.abs(gradient).max() > 1e-3 for gradient in expected[1])
    for gradient, value in zip(result[1], expected[1]):
        np.testing.assert_allclose(gradient, value, rtol=1e-7, atol=1e-10)


@pytest.mark.parametrize("samples", SIZES)
@pytest.mark.parametrize("name", ["per_unit", "global"])
@pytest.mark.parametrize("precision", [tf.float32, tf.float64])
@pytest.mark.parametrize("vanishing", [(0,), (1,), (0, 1)])
def test_vanishing_gradients_give_no_nan(name, samples, precision, vanishing):
    parts = [
        tf.cast(part, precision)
        for seed, count in enumerate(samples)
        for part in random_gradient(count, seed=seed)
    ]
    for place in vanishing:
        parts[2 * place + 1] = tf.zeros_like(parts[2 * place + 1])

    with tf.GradientTape() as tape:
        tape.watch(parts)
        real, fake = FactoredGradient(*parts[:2]), FactoredGradient(*parts[2:])
        loss, _ = gradient_matching.DISTANCES[name](real, fake)
        for order in (1.0, 1.5, 2.0, 3.0, 4.0):
            loss += gradient_matching.norm_distance(real, fake, order)

    for tensor in (loss, *tape.gradient(loss, parts)):
        assert np.isfinite(tensor).all()
