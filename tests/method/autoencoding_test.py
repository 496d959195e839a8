"""Encoders, codes and the loss of a variational auto-encoder."""

import keras
import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from gmn_tf.method import autoencoding
from gmn_tf.method import encoder as encoding
from gmn_tf.method.adam import Adam
from gmn_tf.method.gmn import GMN
from tests.support import toys

LABELS = np.arange(9) % toys.NUM_SEEN
EMBEDDINGS = toys.normal(toys.NUM_SEEN, toys.DA)
MEAN, LOG_VARIANCE = (
    toys.normal(9, toys.DZ),
    0.5 * toys.normal(9, toys.DZ, seed=1),
)


def make_encoder(embedding_dim=toys.DA, units=(11, 8)):
    made = encoding.Encoder(
        toys.DX, embedding_dim, toys.DZ, units, "leaky_relu"
    )
    return toys.randomise(made)


def by_hand(encoder, rows):
    """Mean and log variance from the weights, a row at a time."""
    *hidden, mean_w, mean_b, variance_w, variance_b = encoder.get_weights()
    found = []
    for row in rows:
        for kernel, bias in zip(hidden[::2], hidden[1::2]):
            row = row @ kernel + bias
            row = np.where(row > 0.0, row, 0.2 * row)
        found.append((row @ mean_w + mean_b, row @ variance_w + variance_b))
    return map(np.array, zip(*found))


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("embedding_dim", [toys.DA, 0])
def test_an_encoder_is_a_network_of_features_and_embeddings(embedding_dim):
    encoder = make_encoder(embedding_dim)
    features, embeddings = toys.normal(9, toys.DX), EMBEDDINGS[LABELS]
    rows = np.hstack([features, embeddings[:, :embedding_dim]])

    for found, expected in zip(
        encoder(features, embeddings), by_hand(encoder, rows)
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7)


def test_codes_and_their_densities():
    stddev = np.exp(0.5 * LOG_VARIANCE)
    noise = toys.normal(9, toys.DZ, seed=2)
    codes = encoding.code(MEAN, LOG_VARIANCE, noise)
    density = scipy.stats.norm.logpdf(codes, MEAN, stddev).sum(axis=1)
    constant = 0.5 * toys.DZ * np.log(2.0 * np.pi)

    np.testing.assert_allclose(codes, MEAN + stddev * noise)
    np.testing.assert_allclose(
        encoding.negative_log_density(codes, MEAN, LOG_VARIANCE),
        -density - constant,
    )


def test_the_divergence_is_that_of_an_integral():
    mean, stddev = 0.7, 1.6
    at = np.linspace(-15.0, 15.0, 20_001)
    q, p = scipy.stats.norm(mean, stddev), scipy.stats.norm()
    integral = np.trapezoid(q.pdf(at) * (q.logpdf(at) - p.logpdf(at)), at)

    # Two equal dimensions have twice that of one.
    found = encoding.kl_divergence(
        np.full((1, 2), mean), np.full((1, 2), 2.0 * np.log(stddev))
    )
    assert float(found[0]) == pytest.approx(2.0 * integral)
    zeros = np.zeros((3, toys.DZ))
    np.testing.assert_array_equal(encoding.kl_divergence(zeros, zeros), 0.0)


def test_errors_of_a_reconstruction():
    real, rebuilt = toys.uniform(4, toys.DX), toys.uniform(4, toys.DX, seed=1)
    pairs = [list(zip(*both)) for both in zip(real, rebuilt)]
    expected = {
        "squared": [sum((x - y) ** 2 / 2 for x, y in row) for row in pairs],
        "absolute": [sum(abs(x - y) for x, y in row) for row in pairs],
        "cross_entropy": [
            -sum(x * np.log(y) + (1 - x) * np.log(1 - y) for x, y in row)
            for row in pairs
        ],
    }

    assert expected.keys() == autoencoding.ERRORS.keys()
    for name, error in autoencoding.ERRORS.items():
        found = error(real, rebuilt)
        np.testing.assert_allclose(found, expected[name], rtol=1e-4)


def test_cross_entropy_is_finite_where_the_output_is_saturated():
    zeros, ones = np.zeros((1, 3), np.float32), np.ones((1, 3), np.float32)
    assert np.isfinite(autoencoding.cross_entropy(ones, zeros))
    assert autoencoding.cross_entropy(zeros, zeros) < 1e-4


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("weights", [(2.0, 0.0, 0.0), (2.0, 0.5, 0.25)])
def test_the_loss_is_the_weighted_sum_of_its_terms(weights):
    encoder = make_encoder()
    layer = autoencoding.Autoencoding(
        encoder, EMBEDDINGS, "squared", 3.0, *weights
    )
    noise, code_noise = toys.normal(9, toys.DZ), toys.normal(9, toys.DZ, seed=1)
    features = toys.normal(9, toys.DX)
    projection = toys.normal(toys.DZ, toys.DX)
    samples = {
        "features": features,
        "labels": LABELS,
        # Noise of embeddings may follow that of the generator.
        "noise": np.hstack([noise, toys.normal(9, toys.DA)]),
        "code_noise": code_noise,
    }
    fake = noise @ projection

    def read(rows):
        return by_hand(encoder, np.hstack([rows, EMBEDDINGS[LABELS]]))

    mean, log_variance = read(features)
    code = mean + np.exp(0.5 * log_variance) * code_noise
    fake_mean, fake_log_variance = read(fake)
    terms = [
        0.5 * np.sum((features - code @ projection) ** 2, axis=1),
        0.5 * np.sum(mean**2 + np.exp(log_variance) - 1 - log_variance, axis=1),
        0.5 * np.sum((features - fake) ** 2, axis=1),
        0.5
        * np.sum(
            (noise - fake_mean) ** 2 / np.exp(fake_log_variance)
            + fake_log_variance,
            axis=1,
        ),
    ]
    expected = sum(
        weight * term.mean() for weight, term in zip((1.0, *weights), terms)
    )

    loss, parts = layer.loss(
        fake,
        lambda codes, labels: codes @ projection,
        {"generator": samples},
        layer.targets(None),
    )

    assert float(loss) == pytest.approx(3.0 * expected, rel=1e-7)
    assert len(parts) == 2 + sum(w > 0.0 for w in weights[1:])
    assert not layer.own_variables
    assert len(layer.joint_variables) == len(encoder.trainable_variables)


def test_what_it_learns_reconstructs():
    """On a line in the plane, one code dimension is all that is needed."""
    keras.utils.set_random_seed(1)  # Adam may end in a poorer minimum
    line = np.linspace(-1.0, 1.0, 64, dtype=np.float32)[:, np.newaxis]
    features = line * np.arange(1.0, toys.DX + 1.0, dtype=np.float32)
    encoder = encoding.Encoder(toys.DX, 0, toys.DZ, (16,), "leaky_relu")
    generator = toys.generator("concat", units=(16,), output="linear")
    layer = autoencoding.Autoencoding(
        encoder, EMBEDDINGS.astype("f4"), "squared", kl_weight=0.1
    )
    model = GMN(generator, None, [layer], EMBEDDINGS.astype("f4"), 0.0)
    model.compile(Adam(0.02), Adam(0.02), Adam(0.02))
    step = tf.function(model.train_step)
    rng = np.random.default_rng(0)
    losses = []
    for number in range(150):
        noise = rng.normal(size=(2, 64, toys.DZ)).astype("f4")
        losses.append(
            step(
                {
                    "step": tf.constant(number, tf.int64),
                    "generator": {
                        "features": tf.constant(features),
                        "labels": tf.constant(np.arange(64) % toys.NUM_SEEN),
                        "noise": tf.constant(noise[0]),
                        "code_noise": tf.constant(noise[1]),
                    },
                }
            )["vae_reconstruction"]
        )
    assert losses[-1] < 0.05 * 0.5 * np.square(features).sum(axis=1).mean()
    # Beyond the code, the generator has learned nothing but the line.
    fake = generator(
        rng.normal(size=(50, toys.DZ)).astype("f4"), EMBEDDINGS[:1]
    )
    values = np.linalg.svd(fake.numpy() - fake.numpy().mean(axis=0))[1]
    assert values[0] > 3.0 * values[1]
