"""Prototype classifiers, compared with slow NumPy where it is known."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from gmn_tf.data import zero_shot_data
from gmn_tf.data.zero_shot_data import Samples
from gmn_tf.method.classifiers import base, prototype
from gmn_tf.utils.errors import InputError
from tests.support import reference, toys

COUNTS = [5, 3, 6, 4, 3, 2]
SETTINGS = prototype.Settings(
    units=(11,),
    learning_rate=0.01,
    weight_decay=0.25,
    epochs=4,
    batch_size=8,  # does not divide the 23 samples
    temperature=0.25,
    mask=0.0,
    dropout=0.0,
    prior=0.0,
    normalisation="none",
)
EMBEDDINGS = toys.normal(toys.NUM_CLASSES, toys.DA).astype(np.float32)
FEATURES = toys.normal(9, toys.DX).astype(np.float32)


def task(counts=COUNTS, competing=None):
    return base.Task(
        toys.samples(counts),
        EMBEDDINGS,
        toys.NUM_SEEN,
        competing or len(counts),
    )


def fit(seed=1, given=None, **changes):
    return prototype.fit(given or task(), SETTINGS._replace(**changes), seed)


def layers_of(model):
    (embedder,) = model.embedders
    return [
        [np.array(part, np.float64) for part in one] for one in embedder.dense
    ]


def prototype_of(layers, embedding):
    """P(a) of one class, at unit length."""
    names = ["leaky_relu"] * (len(layers) - 1) + ["linear"]
    scaled = math.sqrt(len(embedding)) * embedding.astype(np.float64)
    found = reference.mlp(scaled, layers, names)
    return found / np.linalg.norm(found)


@pytest.mark.parametrize("units", [(11,), (8, 3)])
def test_scores_are_cosines_over_the_temperature(units):
    model = fit(units=units)
    layers = layers_of(model)
    expected = [
        [
            prototype_of(layers, a) @ x / np.linalg.norm(x) / 0.25
            for a in EMBEDDINGS
        ]
        for x in FEATURES.astype(np.float64)
    ]

    assert len(layers) == len(units) + 1
    np.testing.assert_allclose(model(FEATURES), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("normalisation", ["none", "class"])
def test_training_with_products_in_bfloat16(normalisation):
    changes = {"normalisation": normalisation, "learning_rate": 1e-3}
    models = [
        fit(given=task()._replace(dtype=dtype), **changes)
        for dtype in ("float32", "bfloat16")
    ]
    full, rough = (np.array(model.kernels[0]) for model in models)

    assert {model.kernels[0].dtype for model in models} == {"float32"}
    assert 0.0 < np.abs(rough - full).max() < 0.05 * np.abs(full).max()


def loss_of(layers, features, labels, settings, prior):
    """The mean cross-entropy of a batch, sample by sample."""
    losses = []
    for x, label in zip(features, labels):
        scores = [
            prototype_of(layers, a) @ x / np.linalg.norm(x) / 0.25 + log_p
            for a, log_p in zip(EMBEDDINGS, prior)
        ]
        losses.append(reference.cross_entropy(np.array(scores), label))
    return np.mean(losses)


def slopes(layers, *batch):
    """Central differences of the loss, by number."""
    found = []
    for layer in layers:
        for part in layer:
            slope = np.zeros_like(part)
            for place in np.ndindex(part.shape):
                kept, ends = part[place], []
                for step in (1e-6, -1e-6):
                    part[place] = kept + step
                    ends.append(loss_of(layers, *batch))
                part[place] = kept
                slope[place] = (ends[0] - ends[1]) / 2e-6
            found.append(slope)
    return found


@pytest.mark.parametrize("competing", [toys.NUM_SEEN, toys.NUM_CLASSES])
def test_training_is_adam_with_decoupled_decay(competing, monkeypatch):
    counts = COUNTS[:competing]
    settings = SETTINGS._replace(units=(4,), epochs=3, prior=7.0, batch_size=99)
    initial = []
    initialise = prototype.PrototypeEmbedder.initialise

    def remember(embedder, seed):
        initialise(embedder, seed)
        initial.extend(embedder.get_weights())

    monkeypatch.setattr(prototype.PrototypeEmbedder, "initialise", remember)
    given = task(counts, competing)
    model = prototype.fit(given, settings, 1)

    layers = [
        [np.array(part, np.float64) for part in initial[place : place + 2]]
        for place in (0, 2)
    ]
    parts = [part for layer in layers for part in layer]
    # Where unseen classes do not compete, no prior is taught.
    prior = np.zeros(competing)
    if competing == toys.NUM_CLASSES:
        seen = np.array(COUNTS[: toys.NUM_SEEN])
        prior = np.log([*(seen / seen.sum() * 7 / 8), 1 / 16, 1 / 16])
    first, second = ([np.zeros_like(part) for part in parts] for _ in "12")
    for step in (1, 2, 3):
        # A tenth of the rate after half of the epochs.
        rate = settings.learning_rate / (1 if step == 1 else 10)
        gradients = slopes(
            layers,
            given.samples.features.astype(np.float64),
            given.samples.labels,
            settings,
            prior,
        )
        for part, g, m, v in zip(parts, gradients, first, second):
            part -= rate * settings.weight_decay * part
            m += 0.1 * (g - m)
            v += 0.001 * (g**2 - v)
            whole = m / (1 - 0.9**step)
            part -= rate * whole / (np.sqrt(v / (1 - 0.999**step)) + 1e-7)

    for found, expected in zip(model.embedders[0].get_weights(), parts):
        np.testing.assert_allclose(found, expected, atol=5e-4)
    assert (
        max(np.abs(part - begun).max() for part, begun in zip(parts, initial))
        > 5e-3
    )
    # Of the last moment the few steps here show too little.
    assert prototype.BETA_2 == 0.999


def test_the_prior_of_zlap():
    labels = np.array([0, 0, 0, 1, 3, 3])  # class 3 is unseen, 2 has no sample
    found = np.exp(prototype.log_prior(labels, 3, 5, ratio=9.0))

    # Within seen classes 3 : 1 : 1, the last counted once; 9 : 1 for seen.
    expected = [0.9 * 0.6, 0.9 * 0.2, 0.9 * 0.2, 0.05, 0.05]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_the_prior_moves_decisions_towards_unseen_classes():
    labels = np.repeat(np.arange(6, dtype=np.int32), 30)
    features = np.eye(6, toys.DX)[labels] + 0.5 * toys.normal(180, toys.DX)
    samples = Samples(features.astype(np.float32), labels)
    given = base.Task(samples, EMBEDDINGS, toys.NUM_SEEN, toys.NUM_CLASSES)
    margins = []
    for prior in (0.0, 1000.0):
        model = fit(given=given, epochs=20, prior=prior, weight_decay=0.0)
        scores = model(samples.features).numpy()
        margins.append(scores[:, 4:].max(axis=1) - scores[:, :4].max(axis=1))

    assert np.mean(margins[1]) > np.mean(margins[0]) + 0.5


def test_class_standardisation_divides_by_the_variance():
    running = tf.Variable(tf.zeros([3])), tf.Variable(tf.ones([3]))
    hidden = tf.constant([[0.0, 5.0, -1.0], [4.0, 5.0, 1.0]])

    found = prototype.standardised(hidden, running, True)
    # Means 2, 5 and 0, variances 4, 0 and 1.
    np.testing.assert_allclose(
        found, [[-0.5, 0.0, -1.0], [0.5, 0.0, 1.0]], rtol=1e-4
    )
    np.testing.assert_allclose(running[0], [0.2, 0.5, 0.0], rtol=1e-5)
    np.testing.assert_allclose(running[1], [1.3, 0.9, 1.0], rtol=1e-5)
    np.testing.assert_allclose(
        prototype.standardised(hidden, running, False)[1],
        [3.8 / 1.3, 4.5 / 0.9, 1.0],
        rtol=1e-4,
    )


def test_a_standardised_prototype_in_plain_numpy():
    model = fit(normalisation="class", units=(6, 11))
    (embedder,) = model.embedders
    layers = layers_of(model)
    before, after = (
        [np.array(part, np.float64) for part in one]
        for one in embedder.statistics
    )

    def standardised(hidden, statistics):
        return (hidden - statistics[0]) / (statistics[1] + 1e-5)

    for a, column in zip(EMBEDDINGS, model.terms[0].weights.numpy().T):
        hidden = reference.mlp(
            math.sqrt(toys.DA) * a.astype(np.float64),
            layers[:1],
            ["leaky_relu"],
        )
        hidden = layers[1][0].T @ hidden + layers[1][1]
        hidden = reference.activate(standardised(hidden, before), "leaky_relu")
        found = layers[2][0].T @ standardised(hidden, after) + layers[2][1]
        expected = found / np.linalg.norm(found) / 0.25
        np.testing.assert_allclose(column, expected, rtol=1e-3, atol=1e-4)
    assert not np.allclose(before[0], 0.0)  # running statistics have moved


def test_training_standardises_by_the_statistics_of_a_step():
    embedder = fit(normalisation="class", units=(6, 11)).embedders[0]
    layers = [[np.array(p) for p in one] for one in embedder.dense]
    old = [[np.array(p) for p in one] for one in embedder.statistics]
    places = []

    def standardised(hidden):
        places.append((hidden.mean(axis=0), hidden.var(axis=0)))
        return (hidden - places[-1][0]) / (places[-1][1] + 1e-5)

    rows = math.sqrt(toys.DA) * EMBEDDINGS
    rows = reference.activate(rows @ layers[0][0] + layers[0][1], "leaky_relu")
    rows = standardised(rows @ layers[1][0] + layers[1][1])
    rows = standardised(reference.activate(rows, "leaky_relu"))
    expected = rows @ layers[2][0] + layers[2][1]
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)

    found = prototype.prototypes(
        tf.constant(EMBEDDINGS), *embedder.variables_of(), seed=[1, 2]
    )

    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)
    for before, now, place in zip(old, embedder.statistics, places):
        for running, moved, part in zip(before, now, place):
            expected = 0.9 * running + 0.1 * part
            np.testing.assert_allclose(moved, expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("normalisation", ["none", "class"])
def test_initial_values(normalisation):
    embedder = prototype.PrototypeEmbedder(90, 80, (60, 70), 1, normalisation)
    embedder.initialise(1)
    kernels, biases = ([np.array(w) for w in ws] for ws in zip(*embedder.dense))

    deviations = [math.sqrt(2.0 / dim) for dim in (90, 60, 70)]  # He's
    if normalisation == "class":  # uniform, with the variance 1 / (h dx)
        deviations[2] = math.sqrt(1.0 / (70 * 80))
        limit = math.sqrt(3.0) * deviations[2]
        assert 0.99 * limit < np.abs(kernels[2]).max() <= limit
    found = [kernel.std() for kernel in kernels]
    np.testing.assert_allclose(found, deviations, rtol=0.05)
    assert not any(bias.any() for bias in biases)
    for mean, variance in embedder.statistics:
        assert not np.array(mean).any() and (np.array(variance) == 1.0).all()


def test_another_activation_after_hidden_layers_and_after_the_last():
    model = fit(activation="relu", output="relu")
    layers, names = layers_of(model), ["relu", "relu"]
    for a, column in zip(EMBEDDINGS, model.terms[0].weights.numpy().T):
        found = reference.mlp(
            math.sqrt(toys.DA) * a.astype(np.float64), layers, names
        )
        expected = found / np.linalg.norm(found) / 0.25
        np.testing.assert_allclose(column, expected, rtol=1e-3, atol=1e-5)
    assert (model.terms[0].weights.numpy() >= 0.0).all()


def test_scores_of_seen_classes_are_multiplied():
    plain, lowered = fit(), fit(seen_factor=0.5)
    factors = np.where(np.arange(toys.NUM_CLASSES) < toys.NUM_SEEN, 0.5, 1.0)

    np.testing.assert_allclose(
        lowered(FEATURES), factors * plain(FEATURES), rtol=1e-5
    )
    new = EMBEDDINGS[:2] + 1.0  # classes that are added are not seen ones
    np.testing.assert_allclose(
        base.with_classes(lowered, new)(FEATURES)[:, -2:],
        base.with_classes(plain, new)(FEATURES)[:, -2:],
        rtol=1e-5,
    )


def test_the_first_moment_and_the_drop_of_the_rate_matter_when_they_should():
    def weights(**changes):
        return fit(**changes).embedders[0].get_weights()[0]

    plain = weights(epochs=4)
    assert np.abs(weights(epochs=4, beta_1=0.5) - plain).max() > 1e-4
    assert np.abs(weights(epochs=4, rate_drop=2.0) - plain).max() > 1e-4
    # The first half of all epochs has the whole rate.
    np.testing.assert_array_equal(
        weights(epochs=1, rate_drop=2.0), weights(epochs=1)
    )


def test_masking_leaves_the_rest_as_it_is():
    embeddings = tf.ones([200, 50])
    found = prototype.masked(embeddings, 0.3, [1, 2]).numpy()

    assert set(np.unique(found)) == {0.0, 1.0}
    assert abs(found.mean() - 0.7) < 0.02
    assert prototype.masked(embeddings, 0.0, [1, 2]) is embeddings


ALTERED = [
    {"mask": 0.3},
    {"dropout": 0.3},
    {"normalisation": "class"},
    {"weight_decay": 0.0},
    {"prior": 10.0},
    {"units": (11, 11)},
]


@pytest.mark.parametrize("changes", [{}, *ALTERED])
def test_the_seed_decides_digit_for_digit(changes):
    first, again, other = (fit(seed, **changes) for seed in (1, 1, 2))

    np.testing.assert_array_equal(first(FEATURES), again(FEATURES))
    assert np.abs(first(FEATURES) - other(FEATURES)).max() > 1e-3
    if changes:
        plain = fit(1)
        assert np.abs(first(FEATURES) - plain(FEATURES)).max() > 1e-4


def test_masks_and_dropout_change_from_step_to_step(monkeypatch):
    seeds = []
    fold_in = tf.random.fold_in

    def remember(seed, data):
        seeds.append((np.array(seed).tolist(), int(data)))
        return fold_in(seed, data)

    masks = []
    masked = prototype.masked

    def remember_mask(embeddings, share, seed):
        masks.append(np.array(masked(embeddings, share, seed)) == 0.0)
        return masked(embeddings, share, seed)

    monkeypatch.setattr(prototype, "masked", remember_mask)
    monkeypatch.setattr(tf.random, "fold_in", remember)
    tf.config.run_functions_eagerly(True)
    try:
        fit(mask=0.3, dropout=0.3)
    finally:
        tf.config.run_functions_eagerly(False)
    # Of each epoch, of its three steps, and of the one hidden layer in these.
    assert len(seeds) == 4 + 4 * 3 * 2
    assert len({str(one) for one in seeds}) == len(seeds)
    assert len({mask.tobytes() for mask in masks}) == len(masks) == 4 * 3


def test_unseen_classes_are_recognised_where_the_map_is_simple():
    # Features are a rotation of embeddings: what is learned from 30 classes
    # holds for 10 others.
    embeddings = toys.normal(40, 4).astype(np.float32)
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    turn, _ = np.linalg.qr(toys.normal(6, 6))
    labels = np.repeat(np.arange(40), 20)
    features = embeddings[labels] @ turn[:4]
    features += 0.02 * toys.normal(*features.shape)
    seen = labels < 30
    model = prototype.fit(
        base.Task(
            Samples(features[seen].astype("f4"), labels[seen].astype("i4")),
            embeddings,
            30,
            30,
        ),
        SETTINGS._replace(
            units=(64,), weight_decay=0.0, epochs=60, temperature=0.04
        ),
        1,
    )

    unseen = features[~seen].astype("f4")
    best = 30 + model(unseen).numpy()[:, 30:].argmax(axis=1)
    assert np.mean(best == labels[~seen]) > 0.9


def test_classes_without_samples_do_not_compete():
    given = task(COUNTS[:4], 4)
    before = fit(given=given)
    changed = EMBEDDINGS.copy()
    changed[4:] = 7.0
    after = fit(given=given._replace(embeddings=changed))

    np.testing.assert_array_equal(
        before(FEATURES)[:, :4], after(FEATURES)[:, :4]
    )


def test_the_unit_of_features_does_not_matter():
    given = task()
    samples = Samples(1000.0 * given.samples.features, given.samples.labels)
    first = fit(given=given)
    second = fit(given=given._replace(samples=samples))

    np.testing.assert_allclose(
        first(FEATURES), second(1e-3 * FEATURES), rtol=1e-2, atol=1e-3
    )
    assert np.isfinite(first(np.zeros([1, toys.DX], "f4"))).all()


@pytest.mark.parametrize("changes", [{}, *ALTERED])
def test_a_saved_classifier_gives_equal_scores(changes, tmp_path):
    model = fit(**changes)
    model.penalise_seen(4, 0.5)
    model.save(tmp_path / "one.keras")
    loaded = keras.saving.load_model(tmp_path / "one.keras", safe_mode=True)
    new = toys.normal(3, toys.DA, seed=1).astype(np.float32)

    np.testing.assert_array_equal(loaded(FEATURES), model(FEATURES))
    np.testing.assert_array_equal(
        base.with_classes(loaded, new)(FEATURES),
        base.with_classes(model, new)(FEATURES),
    )
    assert loaded.sizes == model.sizes


@pytest.mark.parametrize("changes", [{}, {"normalisation": "class"}])
def test_added_classes_get_the_columns_they_would_have_had(changes):
    # Trained on seen classes alone, a class has the same column whether it
    # was known in training or came later.
    given = task(COUNTS[:4], 4)
    whole = fit(given=given, **changes)
    short = fit(given=given._replace(embeddings=EMBEDDINGS[:5]), **changes)
    short.penalise_seen(4, 0.5)
    larger = base.with_classes(short, EMBEDDINGS[5:])

    expected = whole(FEATURES).numpy() - 0.5 * (np.arange(6) < 4)
    np.testing.assert_allclose(larger(FEATURES), expected, rtol=1e-5, atol=1e-5)


def test_features_on_disk_train_the_same(tiny_dir, tiny_name):
    models = []
    for memory in (float("inf"), 0):
        loaded = zero_shot_data.load(tiny_name, tiny_dir, memory=memory)
        seen = loaded.num_seen
        given = base.Task(loaded.train, loaded.embeddings, seen, seen)
        models.append(fit(given=given))

    for parts in zip(*(model.get_weights() for model in models)):
        np.testing.assert_allclose(*parts, atol=1e-5)


def test_divergence_is_reported_with_the_setting_to_lower():
    with pytest.raises(InputError, match="--prototype_learning_rate"):
        fit(learning_rate=1e30)
