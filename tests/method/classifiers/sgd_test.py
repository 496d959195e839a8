"""Section 3.4: classifiers trained by SGD, bilinear and linear."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from gmn_tf.data import zero_shot_data
from gmn_tf.data.zero_shot_data import Samples
from gmn_tf.method import compatibility, synthesis
from gmn_tf.method.classifiers import base, bilinear, linear, sgd
from tests.support import reference, toys

COUNTS = [5, 3, 6, 4, 3, 2]
SGD = sgd.SGD(
    learning_rate=0.1,
    decay=0.5,
    momentum=0.9,
    weight_decay=0.3,
    batch_size=8,  # does not divide the 23 samples
    epochs=3,
)


class Recorder:
    """A function that remembers what it returned."""

    def __init__(self, function):
        self.function = function
        self.results = []

    def __call__(self, *arguments, **kwargs):
        self.results.append(self.function(*arguments, **kwargs))
        return self.results[-1]


@pytest.fixture
def recorded(monkeypatch):
    """The initial theta, and the order of the samples in each epoch."""
    theta = Recorder(compatibility.initial_theta)
    orders = Recorder(tf.random.experimental.stateless_shuffle)
    monkeypatch.setattr(compatibility, "initial_theta", theta)
    monkeypatch.setattr(tf.random.experimental, "stateless_shuffle", orders)
    return theta, orders


def embeddings_of(dim, rows=toys.NUM_CLASSES):
    """Embeddings, or None for the linear f."""
    if dim is None:
        return None
    return toys.normal(rows, dim).astype(np.float32)


def fit(
    embeddings, settings=SGD, seed=1, counts=COUNTS, dtype="float32", **kwargs
):
    """A classifier trained on signed features; linear without embeddings."""
    kind, rows = bilinear, embeddings
    if embeddings is None:
        kind, rows = linear, np.zeros([len(COUNTS), 2], np.float32)
    task = base.Task(toys.samples(counts), rows, 4, len(counts), dtype)
    return kind.fit(task, settings, seed, **kwargs)


def theta_of(model):
    """W and b: of Eq. 6, or one column per class."""
    if model.embedders:
        return model.embedders[0].theta
    return model.terms[0][1:]


def by_hand(recorded, samples, embeddings, basis, settings=SGD):
    """theta trained in the space of the embeddings themselves."""
    theta, orders = recorded
    weights, bias = (np.array(part) for part in theta.results[0])
    return reference.train_classifier(
        samples.features.astype(np.float64),
        samples.labels,
        embeddings,
        (weights @ basis.T, basis @ bias),
        [order.numpy() for order in orders.results],
        settings,
    )


# More embedding dimensions than classes; fewer; the linear f.
DIMS = [8, 4, None]


@pytest.mark.parametrize("dim", DIMS)
@pytest.mark.parametrize("epochs", [1, 3])
def test_training_is_plain_sgd_on_w(dim, epochs, recorded):
    embeddings = embeddings_of(dim)
    settings = SGD._replace(epochs=epochs)
    model = fit(embeddings, settings)
    rows = basis = np.eye(toys.NUM_CLASSES)
    if dim is not None:
        rows = embeddings
        basis = compatibility.span_basis(embeddings).astype(np.float64)
    expected = by_hand(recorded, toys.samples(COUNTS), rows, basis, settings)

    assert len(recorded[1].results) == epochs
    for part, value in zip(theta_of(model), expected):
        np.testing.assert_allclose(part, value, rtol=1e-4, atol=1e-5)
    moved = np.abs(expected[0] - np.array(recorded[0].results[0][0]) @ basis.T)
    assert moved.max() > 0.05


@pytest.mark.parametrize("dim", [4, None])
def test_features_may_be_one_number(dim, recorded):
    embeddings = embeddings_of(dim)
    kind = linear if dim is None else bilinear
    rows = np.eye(toys.NUM_CLASSES) if dim is None else embeddings
    samples = toys.samples(COUNTS)
    samples = Samples(samples.features[:, 2:3], samples.labels)
    task = base.Task(samples, rows.astype(np.float32), 4, len(COUNTS))
    model = kind.fit(task, SGD, 1)
    expected = by_hand(recorded, samples, rows, np.eye(rows.shape[1]))

    for part, value in zip(theta_of(model), expected):
        np.testing.assert_allclose(part, value, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dim", DIMS)
def test_training_with_products_in_bfloat16(dim):
    models = [
        fit(embeddings_of(dim), dtype=dtype)
        for dtype in ("float32", "bfloat16")
    ]
    full, rough = (np.array(theta_of(model)[0]) for model in models)

    assert {model.kernels[0].dtype for model in models} == {"float32"}
    assert 0.0 < np.abs(rough - full).max() < 0.03 * np.abs(full).max()


@pytest.mark.parametrize("dim", [8, 4])
def test_competing_classes_only_matter_to_the_loss(dim, recorded):
    embeddings = embeddings_of(dim)
    samples = toys.samples(COUNTS[:4])
    model = fit(embeddings, counts=COUNTS[:4])
    basis = compatibility.span_basis(embeddings).astype(np.float64)
    expected = by_hand(recorded, samples, embeddings[:4], basis)

    assert model(samples.features).shape == (len(samples), len(COUNTS))
    for part, value in zip(theta_of(model), expected):
        np.testing.assert_allclose(part, value, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dim", DIMS)
def test_scores_are_those_of_theta(dim):
    embeddings = embeddings_of(dim)
    model = fit(embeddings)
    features = toys.normal(9, toys.DX).astype(np.float32)
    units = toys.NUM_CLASSES if dim is None else dim
    rows = np.eye(toys.NUM_CLASSES) if dim is None else embeddings
    weights, bias = map(np.array, theta_of(model))
    expected = [
        [reference.compatibility(x, a, weights, bias) for a in rows]
        for x in features
    ]

    assert (weights.shape, bias.shape) == ((toys.DX, units), (units,))
    np.testing.assert_allclose(model(features), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dim", [8, 4])
def test_basis_of_the_embeddings(dim):
    embeddings = embeddings_of(dim)
    basis = compatibility.span_basis(embeddings)

    assert basis.shape == (dim, min(dim, toys.NUM_CLASSES))
    np.testing.assert_allclose(
        basis.T @ basis, np.eye(basis.shape[1]), atol=1e-6
    )
    np.testing.assert_allclose(
        embeddings @ basis @ basis.T, embeddings, atol=1e-5
    )


def test_basis_of_embeddings_that_depend_on_each_other():
    embeddings = embeddings_of(8, rows=4)
    embeddings = np.concatenate([embeddings, embeddings[:2]])
    basis = compatibility.span_basis(embeddings)

    np.testing.assert_allclose(basis.T @ basis, np.eye(6), atol=1e-6)
    np.testing.assert_allclose(
        embeddings @ basis @ basis.T, embeddings, atol=1e-5
    )


@pytest.mark.parametrize("dim", DIMS)
def test_a_saved_classifier_gives_equal_scores(dim, tmp_path):
    model = fit(embeddings_of(dim))
    features = toys.normal(9, toys.DX).astype(np.float32)
    model.save(tmp_path / "classifier.keras")

    loaded = keras.models.load_model(tmp_path / "classifier.keras")

    np.testing.assert_array_equal(loaded(features), model(features))
    for part, expected in zip(loaded.get_weights(), model.get_weights()):
        np.testing.assert_array_equal(part, expected)


def test_weights_of_each_class_with_their_penalties():
    model = fit(embeddings_of(8))
    features = toys.normal(9, toys.DX).astype(np.float32)
    before = model(features).numpy()
    model.penalise_seen(2, 0.25)
    (term,) = model.terms
    unit, weights, bias = term.unit, *map(np.array, term[1:])

    assert (unit, weights.shape, bias.shape) == (False, (toys.DX, 6), (6,))
    expected = before - [0.25, 0.25, 0.0, 0.0, 0.0, 0.0]
    np.testing.assert_allclose(features @ weights + bias, expected, atol=1e-5)
    np.testing.assert_allclose(model(features), expected, atol=1e-5)


def test_a_file_of_an_earlier_version_is_refused_by_name():
    config = fit(embeddings_of(8)).get_config()
    config["embedding_dim"] = config.pop("embedders")

    with pytest.raises(ValueError, match="another version of gmn_tf"):
        base.Classifier.from_config(config)


@pytest.mark.parametrize("classes", [(4, 6), (6, 5)])
def test_classifiers_of_several_sizes_in_one_process(classes):
    for rows in classes:
        samples = toys.samples(COUNTS[:rows])
        for dim in (8, 4):
            task = base.Task(samples, embeddings_of(dim, rows), rows, rows)
            model = bilinear.fit(task, SGD, 1)
            assert model(samples.features).shape == (len(samples), rows)


def test_the_seed_decides():
    embeddings = embeddings_of(8)
    first, again, other = (fit(embeddings, seed=seed) for seed in (1, 1, 2))

    np.testing.assert_array_equal(first.kernels[0], again.kernels[0])
    assert np.abs(np.subtract(first.kernels[0], other.kernels[0])).max() > 1e-3


def test_epochs_have_orders_of_their_own(recorded):
    ended = []
    fit(embeddings_of(8), on_epoch=lambda: ended.append(len(ended)))
    orders = [tuple(order.numpy()) for order in recorded[1].results]

    assert len(set(orders)) == SGD.epochs
    assert all(sorted(order) == list(range(23)) for order in orders)
    assert ended == [0, 1, 2]


def test_training_separates_what_can_be_separated():
    samples = toys.samples(COUNTS)
    samples.features[:, :6] = 3.0 * np.eye(6)[samples.labels]
    settings = SGD._replace(epochs=30, weight_decay=0.0, decay=1.0)
    task = base.Task(samples, embeddings_of(8), 6, 6)
    model = bilinear.fit(task, settings, 1)

    predictions = np.argmax(model(samples.features), axis=1)
    np.testing.assert_array_equal(predictions, samples.labels)


def test_features_on_disk_train_the_same_classifier(tiny_dir, tiny_name):
    models = []
    for memory in (float("inf"), 0):
        loaded = zero_shot_data.load(tiny_name, tiny_dir, memory=memory)
        samples = synthesis.joined(
            loaded.train, toys.samples([0] * 6 + [4], 14)
        )
        classes = loaded.num_classes
        task = base.Task(samples, loaded.embeddings, loaded.num_seen, classes)
        models.append(bilinear.fit(task, SGD, 1))

    for part, expected in zip(models[1].get_weights(), models[0].get_weights()):
        np.testing.assert_allclose(part, expected, atol=1e-6)
