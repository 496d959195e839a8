"""The rest of Eq. 5: L_GM with its theta, L_CLS and L_cycle."""

import numpy as np
import pytest
import tensorflow as tf
from sklearn.linear_model import Ridge

from gmn_tf.data.zero_shot_data import Samples
from gmn_tf.method import compatibility, gradient_matching, guidance
from tests.support import reference, toys

LABELS = np.array([3, 1, 0])
REAL, FAKE = 8, 10
EMBEDDINGS = toys.normal(toys.NUM_SEEN, toys.DA).astype(np.float32)


def matching_layer(**kwargs):
    """Gradient matching on a fixed set of embeddings."""
    settings = {"distance": "per_unit", "weight": 500.0, **kwargs}
    return guidance.GradientMatching(
        EMBEDDINGS, (toys.DX, toys.NUM_SEEN), **settings
    )


def batch(step=0, theta_seed=(1, 2), classes=3):
    """What gradient matching looks at in a step."""
    return {
        "step": tf.constant(step, tf.int64),
        "theta_seed": tf.constant(theta_seed, tf.int64),
        "matching": {
            "features": as_float32(toys.normal(classes, REAL, toys.DX)),
            "labels": tf.constant(LABELS[:classes]),
            "noise": as_float32(toys.normal(classes, FAKE, toys.DX, seed=1)),
            "share": tf.fill([classes], 1.0 / classes),
        },
        "theta": {
            "features": as_float32(toys.normal(12, toys.DX)),
            "labels": tf.constant(np.arange(12) % toys.NUM_SEEN),
        },
    }


def as_float32(array):
    return tf.constant(array, tf.float32)


def noise_as_features(noise, labels):
    """A generator whose samples are known."""
    return noise


def loss_of(layer, samples):
    return layer.loss(None, noise_as_features, samples, layer.targets(samples))


@pytest.mark.parametrize("distance", ["per_unit", "global"])
@pytest.mark.parametrize("norm", [(0.0, 2.0), (0.5, 3.0)])
def test_matching_loss_is_the_weighted_mean_over_classes(distance, norm):
    layer = matching_layer(
        distance=distance, norm_weight=norm[0], norm_order=norm[1]
    )
    samples = batch()
    classes = samples["matching"]
    theta = toys.full_theta(EMBEDDINGS, samples["theta_seed"])
    real, fake, *theta, embeddings = (
        tf.cast(tensor, tf.float64)
        for tensor in (
            classes["features"],
            classes["noise"],
            *theta,
            layer.embeddings,
        )
    )
    expected = reference.matching_loss(
        real, fake, LABELS, theta, embeddings, distance, *norm
    )

    loss, parts = loss_of(layer, samples)

    assert float(loss) == pytest.approx(500.0 * float(expected), rel=1e-5)
    assert ("matching_norm" in parts) == (norm[0] > 0.0)
    total = parts["matching_loss"] + norm[0] * parts.get("matching_norm", 0.0)
    assert float(total) == pytest.approx(float(expected), rel=1e-5)


def test_only_fakes_move_the_matching_loss():
    layer, samples = matching_layer(), batch()
    targets = layer.targets(samples)
    noise = samples["matching"]["noise"]

    with tf.GradientTape() as tape:
        tape.watch(noise)
        loss, _ = layer.loss(None, noise_as_features, samples, targets)

    assert np.abs(tape.gradient(loss, noise)).max() > 0.0


@pytest.mark.parametrize("norm_weight", [0.0, 0.5])
def test_a_filler_class_changes_nothing(norm_weight):
    layer = matching_layer(norm_weight=norm_weight)
    without, with_filler = batch(classes=2), batch(classes=3)
    for name in ("features", "noise"):
        with_filler["matching"][name] = tf.concat(
            [without["matching"][name], with_filler["matching"][name][2:]], 0
        )
    with_filler["matching"]["share"] = tf.constant([0.5, 0.5, 0.0])

    loss, parts = loss_of(layer, with_filler)
    expected_loss, expected_parts = loss_of(layer, without)

    assert float(loss) == pytest.approx(float(expected_loss), rel=1e-6)
    for name, value in expected_parts.items():
        assert float(parts[name]) == pytest.approx(float(value), rel=1e-6)


def test_theta_is_fresh_in_every_step_if_it_is_not_trained():
    layer = matching_layer()
    first, _ = layer.targets(batch(0, (1, 2)))
    again, _ = layer.targets(batch(1, (1, 2)))
    other, _ = layer.targets(batch(2, (1, 3)))
    expected = compatibility.initial_theta(toys.DX, toys.NUM_SEEN, [1, 2])

    assert not layer.variables
    for place in range(2):
        np.testing.assert_array_equal(first[place], expected[place])
        np.testing.assert_array_equal(first[place], again[place])
        assert np.abs(first[place] - other[place]).min() > 0.0


def test_targets_hold_the_gradient_on_real_samples():
    layer, samples = matching_layer(), batch()
    theta, gradient = layer.targets(samples)
    features = samples["matching"]["features"]
    expected = gradient_matching.compatibility_gradient(
        features,
        compatibility.scores(features, theta, layer.span_embeddings),
        LABELS,
        layer.embeddings,
    )

    np.testing.assert_array_equal(gradient.weights, expected.weights)


def train_theta(layer, samples):
    """One step of gradient descent."""
    with tf.GradientTape() as tape:
        loss = layer.own_loss(samples, None)
    gradients = tape.gradient(loss, layer.theta)
    for variable, gradient in zip(layer.theta, gradients):
        variable.assign_sub(0.1 * gradient)


def test_theta_is_trained_between_resets():
    layer = matching_layer(reset_steps=3)
    trained = None
    for step in range(8):
        samples = batch(step, (1, step))
        theta, _ = layer.targets(samples)
        expected = trained
        if step % 3 == 0:
            expected = compatibility.initial_theta(
                toys.DX, toys.NUM_SEEN, [1, step]
            )
        for place in range(2):
            np.testing.assert_array_equal(theta[place], expected[place])
            np.testing.assert_array_equal(theta[place], layer.theta[place])
        train_theta(layer, samples)
        trained = [part.numpy() for part in layer.theta]
        assert np.abs(trained[0] - theta[0]).max() > 1e-3
        assert np.abs(trained[1] - theta[1]).max() > 1e-4


def test_own_loss_is_the_mean_cross_entropy_of_real_samples():
    layer, samples = matching_layer(reset_steps=3), batch()
    layer.targets(samples)
    theta = toys.full_theta(EMBEDDINGS, samples["theta_seed"])
    weights, bias = (np.array(part) for part in theta)
    expected = [
        reference.cross_entropy(
            np.array(
                [
                    reference.compatibility(x, a, weights, bias)
                    for a in layer.embeddings.numpy()
                ]
            ),
            label,
        )
        for x, label in zip(
            samples["theta"]["features"].numpy(),
            samples["theta"]["labels"].numpy(),
        )
    ]

    assert float(layer.own_loss(samples, None)) == pytest.approx(
        np.mean(expected), rel=1e-5
    )


# Fewer embedding dimensions than classes; more; the linear f.
@pytest.mark.parametrize("dim", [2, toys.DA, None])
def test_classification_loss(dim):
    units = dim or toys.NUM_SEEN
    weights, bias = toys.normal(toys.DX, units), toys.normal(units)
    embeddings = None if dim is None else toys.normal(toys.NUM_SEEN, dim)
    layer = guidance.Classification(embeddings, (weights, bias), weight=0.25)
    labels = np.arange(9) % toys.NUM_SEEN
    fake = toys.normal(9, toys.DX)
    rows = np.eye(toys.NUM_SEEN) if dim is None else embeddings
    expected = np.mean(
        [
            reference.cross_entropy(
                np.array(
                    [reference.compatibility(x, a, weights, bias) for a in rows]
                ),
                label,
            )
            for x, label in zip(fake, labels)
        ]
    )
    samples = {"generator": {"labels": labels}}

    assert layer.targets(samples) is None
    loss, parts = layer.loss(fake, None, samples, None)

    assert not layer.trainable_variables
    assert float(parts["classification_loss"]) == pytest.approx(expected)
    assert float(loss) == pytest.approx(0.25 * expected)


def test_cycle_loss():
    weights, bias = toys.normal(toys.DX, toys.DA), toys.normal(toys.DA)
    embeddings = toys.normal(toys.NUM_SEEN, toys.DA)
    layer = guidance.Cycle(embeddings, (weights, bias), weight=0.25)
    labels = np.arange(9) % toys.NUM_SEEN
    fake = toys.normal(9, toys.DX)
    expected = np.mean(
        [
            sum(
                (sum(x * column) + b - a) ** 2
                for column, b, a in zip(weights.T, bias, embeddings[label])
            )
            for x, label in zip(fake, labels)
        ]
    )
    samples = {"generator": {"labels": labels}}

    loss, parts = layer.loss(fake, None, samples, layer.targets(samples))

    assert not layer.trainable_variables
    assert float(parts["cycle_loss"]) == pytest.approx(expected)
    assert float(loss) == pytest.approx(0.25 * expected)


def test_cycle_loss_vanishes_where_the_embedding_is_read():
    # The first numbers of a feature are its embedding.
    embeddings = toys.normal(toys.NUM_SEEN, toys.DA)
    labels = np.arange(9) % toys.NUM_SEEN
    fake = toys.normal(9, toys.DX)
    fake[:, : toys.DA] = embeddings[labels]
    layer = guidance.Cycle(
        embeddings, (np.eye(toys.DX, toys.DA), np.zeros(toys.DA)), weight=1.0
    )
    samples = {"generator": {"labels": labels}}

    loss, _ = layer.loss(fake, None, samples, None)

    assert float(loss) == pytest.approx(0.0)


COUNT = 23


def real_samples(scale=1.0):
    labels = (np.arange(COUNT) % toys.NUM_SEEN).astype(np.int32)
    features = scale * (3.0 + toys.normal(COUNT, toys.DX))
    return Samples(features.astype(np.float32), labels)


@pytest.mark.parametrize("ridge", [0.01, 2.0])
def test_the_regressor_is_ridge_regression(ridge, monkeypatch):
    monkeypatch.setattr(guidance, "BLOCK", 10)
    real, embeddings = real_samples(), toys.normal(toys.NUM_SEEN, toys.DA)
    variance = real.features.var(axis=0, dtype=np.float64).mean()
    expected = Ridge(alpha=COUNT * ridge * variance)
    expected.fit(real.features.astype(float), embeddings[real.labels])

    weights, bias = guidance.fit_regressor(real, embeddings, ridge)

    assert weights.shape == (toys.DX, toys.DA)
    np.testing.assert_allclose(weights, expected.coef_.T, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(bias, expected.intercept_, rtol=1e-4)


def test_the_scale_of_features_does_not_matter():
    embeddings = toys.normal(toys.NUM_SEEN, toys.DA)
    weights, bias = guidance.fit_regressor(real_samples(), embeddings, 0.1)
    scaled_weights, scaled_bias = guidance.fit_regressor(
        real_samples(8.0), embeddings, 0.1
    )

    np.testing.assert_allclose(8.0 * scaled_weights, weights, rtol=1e-4)
    np.testing.assert_allclose(scaled_bias, bias, rtol=1e-4)
