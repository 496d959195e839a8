"""DeViSE and ALE, compared with loops over samples and classes."""

import numpy as np
import pytest
import tensorflow as tf

from gmn_tf.data.zero_shot_data import Samples
from gmn_tf.method import compatibility
from gmn_tf.method.classifiers import ale, base, devise, sgd
from gmn_tf.utils.errors import InputError
from tests.support import toys

SGD = sgd.SGD(0.05, 0.5, 0.9, 0.3, 8, 3)
MARGIN = 0.7
# Of each kind its module, its settings and its margin.
KINDS = {
    "devise": (devise, devise.Settings(*SGD, margin=MARGIN), MARGIN),
    "ale": (ale, SGD, 1.0),
}
LABELS = np.array([2, 0, 3, 1])
SCORES = np.array(
    [
        [0.0, 0.9, 1.0, 5.0],  # one wrong class wins, another comes close
        [9.0, 1.0, 2.0, 3.0],  # all is well
        [4.0, 3.0, 2.0, 1.0],  # all wrong ones win
        [1.0, 1.0, 1.0, 1.0],  # all alike
    ]
)


def loss_and_slope(name, scores, label):
    """The loss of one sample, and its slope for each class."""
    margin = KINDS[name][2]
    hinges = {
        wrong: margin + scores[wrong] - scores[label]
        for wrong in range(len(scores))
        if wrong != label
    }
    violating = [wrong for wrong, hinge in hinges.items() if hinge > 0.0]
    weight = 1.0
    if name == "ale" and violating:
        rank = len(violating)
        weight = sum(1.0 / j for j in range(1, rank + 1)) / rank
    slope = np.zeros(len(scores))
    for wrong in violating:
        slope[wrong] += weight
        slope[label] -= weight
    return weight * sum(hinges[wrong] for wrong in violating), slope


@pytest.mark.parametrize("name", KINDS)
def test_losses_by_hand(name):
    module, settings, _ = KINDS[name]
    scores = tf.constant(SCORES, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(scores)
        losses = module.losses(scores, LABELS, settings)
    expected = [loss_and_slope(name, *pair) for pair in zip(SCORES, LABELS)]

    np.testing.assert_allclose(losses, [e[0] for e in expected], rtol=1e-5)
    np.testing.assert_allclose(
        tape.gradient(losses, scores), [e[1] for e in expected], rtol=1e-5
    )


def test_rank_weights_are_harmonic_means():
    found = ale.rank_weight(tf.constant([0, 1, 2, 4]), 4)

    expected = [0.0, 1.0, 1.5 / 2, (1 + 1 / 2 + 1 / 3 + 1 / 4) / 4]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("competing", [toys.NUM_SEEN, toys.NUM_CLASSES])
@pytest.mark.parametrize("dim", [8, 4])
def test_training_is_plain_sgd_on_w(name, competing, dim, monkeypatch):
    module, settings, _ = KINDS[name]
    embeddings = toys.normal(toys.NUM_CLASSES, dim).astype(np.float32)
    samples = toys.samples([5, 3, 6, 4, 3, 2][:competing])
    kept = {"theta": [], "orders": []}

    def remember(name, function):
        def call(*arguments):
            kept[name].append(function(*arguments))
            return kept[name][-1]

        return call

    monkeypatch.setattr(
        compatibility,
        "initial_theta",
        remember("theta", compatibility.initial_theta),
    )
    shuffle = tf.random.experimental.stateless_shuffle
    monkeypatch.setattr(
        tf.random.experimental,
        "stateless_shuffle",
        remember("orders", shuffle),
    )
    task = base.Task(samples, embeddings, toys.NUM_SEEN, competing)
    model = module.fit(task, settings, 1)

    basis = compatibility.span_basis(embeddings).astype(np.float64)
    begun = np.array(kept["theta"][0][0]) @ basis.T
    weights, velocity = begun.copy(), np.zeros_like(begun)
    features = samples.features.astype(np.float64)
    for epoch, order in enumerate(kept["orders"]):
        for start in range(0, len(order), settings.batch_size):
            rows = order.numpy()[start : start + settings.batch_size]
            gradient = np.zeros_like(weights)
            for row in rows:
                scores = embeddings[:competing] @ (weights.T @ features[row])
                _, slope = loss_and_slope(name, scores, samples.labels[row])
                gradient += np.outer(
                    features[row], slope @ embeddings[:competing]
                ) / len(rows)
            velocity *= settings.momentum
            velocity += gradient + settings.weight_decay * weights
            weights -= settings.learning_rate * 0.5**epoch * velocity

    found, bias = model.embedders[0].theta
    np.testing.assert_allclose(found, weights, rtol=1e-3, atol=1e-3)
    np.testing.assert_array_equal(bias, np.zeros(dim))
    assert np.abs(weights - begun).max() > 0.1
    np.testing.assert_allclose(
        model(samples.features),
        features @ weights @ embeddings.T,
        rtol=1e-2,
        atol=1e-2,
    )


@pytest.mark.parametrize("name", KINDS)
def test_unseen_classes_are_recognised_where_the_map_is_simple(name):
    module, settings, _ = KINDS[name]
    embeddings = toys.normal(40, 4).astype(np.float32)
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    turn, _ = np.linalg.qr(toys.normal(6, 6))
    labels = np.repeat(np.arange(40, dtype=np.int32), 20)
    features = embeddings[labels] @ turn[:4]
    features += 0.02 * toys.normal(*features.shape)
    features, seen = features.astype(np.float32), labels < 30
    task = base.Task(Samples(features[seen], labels[seen]), embeddings, 30, 30)
    settings = settings._replace(weight_decay=0.0, decay=1.0, epochs=20)
    model = module.fit(task, settings, 1)

    best = 30 + model(features[~seen]).numpy()[:, 30:].argmax(axis=1)
    assert np.mean(best == labels[~seen]) > 0.9


@pytest.mark.parametrize("name", KINDS)
def test_the_seed_decides_and_divergence_is_reported(name):
    module, settings, _ = KINDS[name]
    embeddings = toys.normal(6, toys.DA).astype(np.float32)
    task = base.Task(toys.samples([5, 3, 6, 4, 3, 2]), embeddings, 4, 6)
    first, again, other = (module.fit(task, settings, s) for s in (1, 1, 2))

    np.testing.assert_array_equal(first.kernels[0], again.kernels[0])
    assert np.abs(first.kernels[0] - other.kernels[0]).max() > 1e-3
    with pytest.raises(InputError, match="--classifier_learning_rate"):
        module.fit(task, settings._replace(learning_rate=1e30), 1)
