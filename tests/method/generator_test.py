"""Section 3.1: noise and generator."""

import itertools

import keras
import numpy as np
import pytest

from gmn_tf.method.generator import LatentNoise
from tests.support import reference, toys

NOISE_OPTIONS = list(
    itertools.product(("linear", "tanh"), ("learned", "identity"))
)


def noise_parameters(layer):
    """(W_mu, b_mu), and (W_cov, b_cov) or None."""
    arrays = layer.get_weights()
    return arrays[:2], arrays[2:] or None


def dense_layers(model):
    layers = [*model.hidden_layers, model.output_layer]
    return [layer.get_weights() for layer in layers]


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(("mean", "covariance"), NOISE_OPTIONS)
def test_latent_noise_by_hand(mean, covariance):
    layer = toys.generator(mean=mean, covariance=covariance).noise_layer
    eps, embeddings = toys.normal(4, toys.DZ), toys.normal(4, toys.DA)
    expected = [
        reference.noise(e, a, *noise_parameters(layer), mean, covariance)
        for e, a in zip(eps, embeddings)
    ]

    np.testing.assert_allclose(layer(eps, embeddings), expected, rtol=1e-12)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(("mean", "covariance"), NOISE_OPTIONS)
def test_latent_noise_has_the_moments_of_its_class(mean, covariance):
    layer = toys.generator(mean=mean, covariance=covariance).noise_layer
    embedding = toys.normal(toys.DA)
    zero = np.zeros(toys.DZ)
    parameters = noise_parameters(layer)
    mu = reference.noise(zero, embedding, *parameters, mean, covariance)
    sigma = np.eye(toys.DZ)
    if covariance == "learned":
        kernel, bias = parameters[1]
        sigma = np.diag(np.exp(kernel.T @ embedding + bias))
        assert np.ptp(np.diag(sigma)) > 0.5

    z = np.asarray(layer(toys.normal(50_000, toys.DZ), embedding[np.newaxis]))

    # Five standard errors.
    largest = sigma.max()
    np.testing.assert_allclose(
        z.mean(axis=0), mu, atol=5 * np.sqrt(largest / 50_000)
    )
    np.testing.assert_allclose(
        np.cov(z.T), sigma, atol=5 * largest * np.sqrt(2 / 50_000)
    )


def test_identity_covariance_has_no_weights():
    layer = LatentNoise(toys.DZ, "linear", "identity")
    layer(np.zeros((1, toys.DZ)), np.zeros((1, toys.DA)))

    assert [w.shape for w in layer.weights] == [
        (toys.DA, toys.DZ),
        (toys.DZ,),
    ]


@pytest.mark.usefixtures("float64")
def test_concatenated_noise_is_noise_then_embedding():
    layer = toys.generator("concat").noise_layer
    eps, embeddings = toys.normal(4, toys.DZ), toys.normal(4, toys.DA)

    assert not layer.weights
    np.testing.assert_array_equal(
        layer(eps, embeddings), np.concatenate([eps, embeddings], axis=1)
    )


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("noise", ["latent", "concat"])
def test_one_embedding_per_class_stands_for_all_its_samples(noise):
    model = toys.generator(noise)
    eps = toys.normal(2, 4, toys.DZ)
    embeddings = toys.normal(2, 1, toys.DA)
    repeated = np.repeat(embeddings, 4, axis=1)

    features = model(eps, embeddings)

    assert features.shape == (2, 4, toys.DX)
    np.testing.assert_allclose(features, model(eps, repeated), rtol=1e-13)
    for k, i in itertools.product(range(2), range(4)):
        one = model(eps[k, i : i + 1], embeddings[k])
        np.testing.assert_allclose(features[k, i], one[0], rtol=1e-12)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("noise", ["latent", "concat"])
@pytest.mark.parametrize("units", [(11,), (11, 10)])
@pytest.mark.parametrize("activation", ["leaky_relu", "relu"])
@pytest.mark.parametrize("output", ["relu", "linear"])
def test_generator_by_hand(noise, units, activation, output):
    model = toys.generator(
        noise, units=units, activation=activation, output=output
    )
    eps = toys.normal(4, toys.DZ)
    embeddings = toys.normal(4, toys.DA)
    z = np.asarray(model.noise_layer(eps, embeddings))
    names = [*[activation] * len(units), output]
    expected = [reference.mlp(row, dense_layers(model), names) for row in z]

    features = model(eps, embeddings)

    np.testing.assert_allclose(features, expected, rtol=1e-11, atol=1e-13)
    assert (np.min(features) < 0.0) == (output == "linear")
    assert [len(bias) for _, bias in dense_layers(model)] == [*units, toys.DX]


@pytest.mark.parametrize("noise", ["latent", "concat"])
def test_a_saved_generator_is_the_same(noise, tmp_path):
    model = toys.generator(noise, "tanh", "identity", (11, 10), output="linear")
    eps, embeddings = toys.normal(4, toys.DZ), toys.normal(4, toys.DA)
    model.save(tmp_path / "generator.keras")

    loaded = keras.models.load_model(tmp_path / "generator.keras")

    assert loaded.noise_dim == toys.DZ
    np.testing.assert_array_equal(
        loaded(eps, embeddings), model(eps, embeddings)
    )
