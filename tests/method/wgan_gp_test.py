"""Eq. 1, 7-9: the Wasserstein losses with gradient penalty."""

import numpy as np
import pytest
import tensorflow as tf

from gmn_tf.method import wgan_gp
from tests.support import reference, toys

pytestmark = pytest.mark.usefixtures("float64")


def inputs(feature_dim=toys.DX):
    """Real, fake, embeddings, mix."""
    shape = (toys.BATCH, feature_dim)
    return [
        tf.constant(array)
        for array in (
            toys.normal(*shape),
            toys.normal(*shape, seed=1),
            toys.normal(toys.BATCH, toys.DA),
            toys.uniform(toys.BATCH),
        )
    ]


def critic_loss(critic, real, fake, embeddings, mix, penalty_weight):
    condition = critic.condition(embeddings)
    return wgan_gp.critic_loss(
        critic, real, fake, condition, mix, penalty_weight
    )


def gradients_of(loss_function, model):
    with tf.GradientTape() as tape:
        loss = loss_function()
    return loss, tape.gradient(loss, model.trainable_variables)


def slope_four_critic():
    """D(x) = 2 (x_1 + x_2 + x_3 + x_4) wherever that is positive."""
    model = toys.critic((3,), "relu", conditional=False, feature_dim=4)
    feature_kernel, output_kernel = np.zeros((4, 3)), np.zeros((3, 1))
    feature_kernel[:, 1] = 2.0
    output_kernel[1] = 1.0
    model.set_weights([feature_kernel, np.zeros(3), output_kernel, np.zeros(1)])
    return model


def test_a_slope_of_four_costs_nine():
    real, fake, embeddings, mix = inputs(4)
    real, fake = tf.abs(real), tf.abs(fake)

    loss, parts = critic_loss(
        slope_four_critic(), real, fake, embeddings, mix, 10.0
    )

    real_score = 2.0 * np.mean(np.sum(real, axis=1))
    fake_score = 2.0 * np.mean(np.sum(fake, axis=1))
    expected = {
        "critic_loss": fake_score - real_score + 90.0,
        "critic_real_score": real_score,
        "critic_fake_score": fake_score,
        "gradient_penalty": 9.0,
        "gradient_norm": 4.0,
    }
    assert parts.keys() == expected.keys()
    assert loss == parts["critic_loss"]
    for name, value in expected.items():
        assert float(parts[name]) == pytest.approx(value, rel=1e-9)


def test_losses_have_the_signs_of_eq_7_and_8():
    real, fake = tf.constant([3.0, 5.0]), tf.constant([-1.0, 0.0, 4.0])

    assert float(wgan_gp.wasserstein_loss(real, fake)) == -3.0
    assert float(wgan_gp.generator_loss(fake)) == -1.0


def test_interpolation_weighs_real_by_mix():
    real, fake = tf.ones([3, 2]), 5.0 * tf.ones([3, 2])
    mixed = wgan_gp.interpolate(real, fake, tf.constant([1.0, 0.75, 0.0]))

    np.testing.assert_array_equal(mixed, [[1.0, 1.0], [2.0, 2.0], [5.0, 5.0]])


def test_penalty_from_gradients():
    gradients = tf.constant([[3.0, 4.0], [0.0, 0.0], [1.0, 0.0]])
    norms = wgan_gp.gradient_norms(gradients)

    np.testing.assert_allclose(norms, [5.0, 0.0, 1.0], atol=2e-6)
    assert float(wgan_gp.gradient_penalty(norms)) == pytest.approx(
        17.0 / 3.0, rel=1e-6
    )


@pytest.mark.parametrize("units", [(11,), (11, 10)])
@pytest.mark.parametrize("conditional", [True, False])
@pytest.mark.parametrize("activation", ["leaky_relu", "relu"])
def test_critic_loss_and_its_gradients_are_those_of_nested_tapes(
    units, conditional, activation
):
    model = toys.critic(units, activation, conditional)
    arguments = inputs()

    loss, gradients = gradients_of(
        lambda: critic_loss(model, *arguments, 10.0)[0], model
    )

    expected_loss, expected = gradients_of(
        lambda: reference.critic_loss(model, *arguments, 10.0), model
    )
    assert float(loss) == pytest.approx(float(expected_loss), rel=1e-9)
    for variable, gradient, value in zip(
        model.trainable_variables, gradients, expected
    ):
        np.testing.assert_allclose(
            gradient, value, rtol=1e-8, atol=1e-10, err_msg=variable.path
        )


@pytest.mark.parametrize("noise", ["latent", "concat"])
@pytest.mark.parametrize("units", [(11,), (11, 10)])
@pytest.mark.parametrize("conditional", [True, False])
def test_generator_loss_gradients_are_those_of_single_samples(
    noise, units, conditional
):
    generator = toys.generator(noise, units=units, output="linear")
    critic = toys.critic(units, conditional=conditional)
    eps = toys.normal(toys.BATCH, toys.DZ)
    embeddings = toys.normal(toys.BATCH, toys.DA)

    def loss():
        fake = generator(eps, embeddings)
        return wgan_gp.generator_loss(critic(fake, embeddings))

    def one_by_one():
        rows = [slice(i, i + 1) for i in range(toys.BATCH)]
        scores = [
            critic(generator(eps[row], embeddings[row]), embeddings[row])[0]
            for row in rows
        ]
        return -sum(scores) / len(scores)

    _, gradients = gradients_of(loss, generator)
    _, expected = gradients_of(one_by_one, generator)
    for gradient, value in zip(gradients, expected):
        np.testing.assert_allclose(gradient, value, rtol=1e-9, atol=1e-12)


def test_a_flat_critic_gives_no_nan():
    model = toys.critic((11, 10))
    model.set_weights([np.zeros(w.shape) for w in model.get_weights()])

    loss, gradients = gradients_of(
        lambda: critic_loss(model, *inputs(), 10.0)[0], model
    )

    assert float(loss) == pytest.approx(10.0, rel=1e-5)
    assert all(np.isfinite(gradient).all() for gradient in gradients)
