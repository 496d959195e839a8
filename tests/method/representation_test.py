"""What final classifiers see in place of features."""

import keras
import numpy as np
import pytest

from gmn_tf.data import on_disk
from gmn_tf.data.zero_shot_data import Samples
from gmn_tf.method import kernel_features, representation
from gmn_tf.method.classifiers import base
from gmn_tf.method.encoder import Encoder
from gmn_tf.method.regression import Regressor
from tests.support import toys

FEATURES = toys.normal(9, toys.DX).astype("f4")
NOISE = toys.normal(9, toys.DZ).astype("f4")
EMBEDDINGS = toys.normal(9, toys.DA).astype("f4")
KINDS = ("decoded", "codes", "kernel")


def make(kind):
    if kind == "kernel":
        labels = np.repeat(np.arange(3, dtype=np.int32), 3)
        samples = Samples(toys.normal(9, toys.DX).astype("f4") + 0.5, labels)
        return kernel_features.fit(samples, 3.0)
    if kind == "decoded":
        network = Regressor(toys.DX, toys.DA, (11, 8), "leaky_relu")
        return representation.DecodedFeatures(toys.randomise(network))
    network = Encoder(toys.DX, 0, toys.DZ, (11,), "leaky_relu")
    return representation.Codes(toys.randomise(network))


class Held(on_disk.OnDisk):
    """Features that are read as those on disk are."""

    def __init__(self, features):
        super().__init__(*features.shape)
        self.features = features

    def _read(self, rows):
        return self.features[np.array(rows)]


def test_decoded_features_are_side_by_side():
    made = make("decoded")
    seen = made(FEATURES).numpy()
    reading, hidden = made.network.read(FEATURES)

    assert (made.feature_dim, made.dim) == (toys.DX, toys.DX + toys.DA + 8)
    np.testing.assert_array_equal(seen, np.hstack([FEATURES, reading, hidden]))
    generator = toys.generator()
    np.testing.assert_array_equal(
        made.of_synthetic(generator, NOISE, EMBEDDINGS),
        made(generator(NOISE, EMBEDDINGS)),
    )
    np.testing.assert_array_equal(made.of_training(FEATURES, 1), seen)


def test_codes_are_means_and_in_training_draws():
    made = make("codes")
    mean, log_variance = made.network(FEATURES)
    many = np.repeat(FEATURES[:1], 5000, axis=0)
    drawn = made.of_training(many, 1)

    assert (made.feature_dim, made.dim) == (toys.DX, toys.DZ)
    np.testing.assert_array_equal(made(FEATURES), mean)
    stddev = np.exp(0.5 * log_variance[0])
    np.testing.assert_allclose(
        (drawn.mean(axis=0) - mean[0]) / stddev, 0.0, atol=0.1
    )
    np.testing.assert_allclose(drawn.std(axis=0) / stddev, 1.0, atol=0.1)
    assert len(np.unique(drawn, axis=0)) == 5000  # more than are read at once
    np.testing.assert_array_equal(made.of_training(many, 1), drawn)
    assert np.abs(made.of_training(many, 2) - drawn).min() > 0.0
    generator = toys.generator()
    np.testing.assert_array_equal(
        made.of_synthetic(generator, NOISE, EMBEDDINGS),
        generator.noise_layer(NOISE, EMBEDDINGS),
    )


@pytest.mark.parametrize("kind", KINDS)
def test_features_on_disk_give_the_same(kind):
    made = make(kind)
    expected = made.of_training(FEATURES, 1)
    found = made.of_training(Held(FEATURES), 1)

    assert tuple(found.shape) == (9, made.dim)
    np.testing.assert_allclose(found[:], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", ("decoded", "kernel"))
def test_what_memory_does_not_hold_is_computed_when_it_is_read(kind):
    made = make(kind)
    samples = Samples(FEATURES, np.zeros(9, np.int32))
    size = 9 * made.dim * 4
    found = [
        representation.represented(samples, made, 1, memory).features
        for memory in (size, size - 1)
    ]

    assert [isinstance(one, np.ndarray) for one in found] == [True, False]
    np.testing.assert_allclose(found[1][:], found[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_generators_and_classifiers_keep_their_representation(kind, tmp_path):
    made = make(kind)
    generator = representation.RepresentedGenerator(toys.generator(), made)
    terms = [
        base.Term(unit, toys.normal(made.dim, 6), toys.normal(6))
        for unit in (False, True)
    ]
    terms = [base.Term(u, w.astype("f4"), b.astype("f4")) for u, w, b in terms]
    classifier = base.assemble(terms, (), made)
    classifier.penalise_seen(4, 0.5)
    expected = generator(NOISE, EMBEDDINGS), classifier(FEATURES)
    seen = made(FEATURES).numpy()
    length = np.linalg.norm(seen, axis=1, keepdims=True)

    np.testing.assert_allclose(
        expected[1],
        seen @ terms[0].weights
        + seen / length @ terms[1].weights
        + terms[0].bias
        + terms[1].bias
        - 0.5 * (np.arange(6) < 4),
        rtol=1e-4,
        atol=1e-4,
    )
    assert classifier.sizes["feature_dim"] == toys.DX
    assert generator.feature_dim == made.dim
    assert generator.embedding_dim == toys.DA
    for number, (model, inputs) in enumerate(
        [(generator, (NOISE, EMBEDDINGS)), (classifier, (FEATURES,))]
    ):
        model.save(tmp_path / f"{number}.keras")
        again = keras.models.load_model(tmp_path / f"{number}.keras")
        np.testing.assert_array_equal(again(*inputs), expected[number])
        assert again.representation.dim == made.dim
        assert again.representation.feature_dim == toys.DX


def test_without_a_representation_samples_stay_as_they_are():
    samples = Samples(FEATURES, np.zeros(9, np.int32))
    for generator in (None, toys.generator()):
        seen_as = generator and generator.representation
        assert representation.represented(samples, seen_as, 1) is samples
