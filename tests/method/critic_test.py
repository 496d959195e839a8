"""Section 3.2: the critic."""

import keras
import numpy as np
import pytest

from gmn_tf.method import layers
from gmn_tf.method.critic import Critic
from tests.support import reference, toys


def mlp_layers(model):
    """The layers of the MLP on [x, a] (or x) that the critic is."""
    kernel = model.feature_layer.kernel
    if model.conditional:
        kernel = np.concatenate([kernel, model.embedding_layer.kernel])
    later = [*model.hidden_layers, model.output_layer]
    return [
        (np.asarray(kernel), np.asarray(model.feature_layer.bias)),
        *(layer.get_weights() for layer in later),
    ]


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("units", [(11,), (11, 10)])
@pytest.mark.parametrize("activation", ["leaky_relu", "relu"])
@pytest.mark.parametrize("conditional", [True, False])
def test_critic_by_hand(units, activation, conditional):
    model = toys.critic(units, activation, conditional)
    features, embeddings = toys.normal(9, toys.DX), toys.normal(9, toys.DA)
    inputs = features
    if conditional:
        inputs = np.concatenate([features, embeddings], axis=1)
    names = [*[activation] * len(units), "linear"]
    expected = [reference.mlp(x, mlp_layers(model), names)[0] for x in inputs]

    scores = model(features, embeddings)

    assert scores.shape == (9,)
    np.testing.assert_allclose(scores, expected, rtol=1e-11)


def test_an_unconditional_critic_ignores_embeddings():
    model = toys.critic(conditional=False)
    features = toys.normal(9, toys.DX)

    np.testing.assert_array_equal(
        model(features, toys.normal(9, toys.DA)),
        model(features, toys.normal(9, toys.DA, seed=1)),
    )


def test_real_and_fake_share_the_part_of_their_embeddings():
    model = toys.critic((11, 10))
    features, embeddings = toys.normal(2, 9, toys.DX), toys.normal(9, toys.DA)

    np.testing.assert_allclose(
        model(features, embeddings),
        [model(part, embeddings) for part in features],
        rtol=1e-5,
    )


def test_the_first_layer_is_initialised_as_one_on_the_concatenation():
    model = Critic((300,), "leaky_relu", conditional=True)
    model.build((None, 200), (None, 150))
    expected = layers.initial_stddev(350, 300)

    for layer in (model.feature_layer, model.embedding_layer):
        assert np.std(layer.kernel) == pytest.approx(expected, rel=0.02)
    assert np.std(
        np.asarray(model.feature_layer.kernel)[:150]
        - np.asarray(model.embedding_layer.kernel)
    ) == pytest.approx(np.sqrt(2.0) * expected, rel=0.02)  # not the same draw


def test_a_saved_critic_is_the_same(tmp_path):
    model = toys.critic((11, 10))
    features, embeddings = toys.normal(9, toys.DX), toys.normal(9, toys.DA)
    model.save(tmp_path / "critic.keras")

    loaded = keras.models.load_model(tmp_path / "critic.keras")

    np.testing.assert_array_equal(
        loaded(features, embeddings), model(features, embeddings)
    )
