"""CADA-VAE: two auto-encoders with one space of codes."""

import keras
import numpy as np
import pytest
import scipy.linalg
import tensorflow as tf

from gmn_tf.method import alignment, encoder, regression
from gmn_tf.method.adam import Adam
from gmn_tf.method.gmn import GMN
from tests.support import toys

EMBEDDINGS = toys.normal(toys.NUM_SEEN, toys.DA)
LABELS = np.arange(9) % toys.NUM_SEEN
STEPS = 100


def parts_of(units=(8,)):
    return (
        encoder.Encoder(toys.DX, 0, toys.DZ, units, "relu"),
        regression.Regressor(toys.DZ, toys.DA, units, "relu"),
    )


@pytest.mark.parametrize(
    ("step", "expected"), [(0, 0.0), (21, 0.0), (48, 0.5), (75, 1.0), (99, 1.0)]
)
def test_weights_grow_within_a_share_of_all_steps(step, expected):
    found = alignment.ramp(tf.constant(step, tf.int64), 100, 0.21, 0.75)
    assert float(found) == pytest.approx(expected, abs=1e-6)


def test_the_distance_is_that_of_two_gaussians():
    means, stddevs = toys.normal(2, 5, 3), np.exp(toys.normal(2, 5, 3, seed=1))
    expected = []
    for m1, m2, s1, s2 in zip(*means, *stddevs):
        first, second = np.diag(s1**2), np.diag(s2**2)
        root = scipy.linalg.sqrtm(first)
        cross = scipy.linalg.sqrtm(root @ second @ root).real
        square = np.sum((m1 - m2) ** 2)
        square += np.trace(first + second - 2.0 * cross)
        expected.append(np.sqrt(square))

    found = alignment.wasserstein(means, stddevs)

    np.testing.assert_allclose(found, expected, rtol=1e-6)
    nothing = alignment.wasserstein([means[0]] * 2, [stddevs[0]] * 2)
    np.testing.assert_allclose(nothing, 0.0, atol=2e-6)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("step", [0, 15, 40, 99])
def test_the_loss_is_the_sum_of_its_terms(step):
    networks = [toys.randomise(one) for one in parts_of()]
    generator = toys.generator()
    layer = alignment.Alignment(*networks, EMBEDDINGS, STEPS, 0.25, 2.0, 8.0)
    layer.attach(generator)
    features, noise = toys.normal(9, toys.DX), toys.normal(2, 9, toys.DZ)
    a = EMBEDDINGS[LABELS]
    mean, log_variance = map(np.array, networks[0](features))
    its_mean, its_stddev = map(np.array, generator.condition(a))
    z_x = mean + np.exp(0.5 * log_variance) * noise[0]
    z_a = its_mean + its_stddev * noise[1]
    fake = generator.decode(z_a)

    def away(first, second):
        return np.abs(first - np.array(second)).sum(axis=1).mean()

    def divergence(m, s):
        return 0.5 * np.sum(m**2 + s**2 - 1 - 2 * np.log(s), axis=1).mean()

    stddev = np.exp(0.5 * log_variance)
    terms = [
        away(features, generator.decode(z_x)) + away(a, networks[1](z_a)),
        divergence(mean, stddev) + divergence(its_mean, its_stddev),
        away(features, fake) + away(a, networks[1](z_x)),
        np.sqrt(
            np.sum((mean - its_mean) ** 2 + (stddev - its_stddev) ** 2, axis=1)
        ).mean(),
    ]
    share = step / STEPS
    weights = (
        1.0,
        0.25 * min(share / 0.93, 1.0),
        2.0 * np.clip((share - 0.21) / 0.54, 0.0, 1.0),
        8.0 * np.clip((share - 0.06) / 0.16, 0.0, 1.0),
    )
    samples = {
        "features": features,
        "labels": LABELS,
        "noise": noise[1],
        "code_noise": noise[0],
    }
    batch = {"step": tf.constant(step, tf.int64), "generator": samples}

    loss, parts = layer.loss(fake, None, batch, layer.targets(batch))

    np.testing.assert_allclose(list(parts.values()), terms, rtol=1e-6)
    assert float(loss) == pytest.approx(np.dot(weights, terms), rel=1e-6)
    assert not layer.own_variables
    # The generator's weights are not this layer's.
    assert len(layer.trainable_variables) == sum(
        len(one.trainable_variables) for one in networks
    )


def test_codes_of_a_class_come_together():
    """After training, the code of a feature is nearest to its own class's."""
    keras.utils.set_random_seed(1)
    embeddings = EMBEDDINGS.astype("f4")
    centres = 3.0 * toys.normal(toys.NUM_SEEN, toys.DX)
    generator = toys.generator(units=(16,), output="linear")
    layer = alignment.Alignment(
        *parts_of((16,)), embeddings, 200, 0.05, 1.0, 2.0
    )
    model = GMN(generator, None, [layer], embeddings, 0.0)
    model.compile(Adam(0.01), Adam(0.01), Adam(0.01))
    step = tf.function(model.train_step)
    rng = np.random.default_rng(0)
    labels = np.arange(32) % toys.NUM_SEEN
    for number in range(200):
        features = centres[labels] + 0.3 * rng.normal(size=(32, toys.DX))
        noise = rng.normal(size=(2, 32, toys.DZ)).astype("f4")
        step(
            {
                "step": tf.constant(number, tf.int64),
                "generator": {
                    "features": tf.constant(features, tf.float32),
                    "labels": tf.constant(labels),
                    "noise": tf.constant(noise[0]),
                    "code_noise": tf.constant(noise[1]),
                },
            }
        )
    codes = layer.representation(features.astype("f4")).numpy()
    of_classes = generator.condition(embeddings)[0].numpy()
    far = np.linalg.norm(codes[:, np.newaxis] - of_classes, axis=-1)
    assert np.mean(far.argmin(axis=1) == labels) > 0.9
    assert model.synthesiser.feature_dim == toys.DZ
