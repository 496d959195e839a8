"""The plain step and gmn_tf's do the same."""

import keras
import numpy as np
import plain_step
import pytest
import tensorflow as tf
import toys

from gmn_tf import training
from gmn_tf.config import Config
from gmn_tf.variants import VARIANTS

STEPS = 20
TINY = {
    "noise_dim": toys.DZ,
    "generator_units": (11,),
    "critic_units": (10,),
    "critic_steps": 2,
    "batch_size": 8,
    "learning_rate": 0.001,
    "matching_classes": 2,
    "matching_real": 4,
    "matching_fake": 9,
    "matching_weight": 5.0,
    "classifier_epochs": 2,
}
OPTIONS = [
    {"variant": name} for name, v in VARIANTS.items() if v.has_generator
] + [
    {"noise": "concat"},
    {"noise_mean": "tanh", "noise_covariance": "identity"},
    {"generator_units": (11, 9), "critic_units": (10, 8)},
    {"compatibility": "linear"},
    {"matching_distance": "global"},
    {"matching_norm_weight": 0.5},
    {"theta_reset_steps": 3},
    {"sampling": "uniform"},
    {"activation": "relu", "generator_output": "linear"},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_twenty_steps_agree(options):
    config = Config(**{**TINY, **options})
    data = toys.zero_shot_data()
    keras.utils.set_random_seed(1)
    model, other = (training.build_model(config, data) for _ in range(2))
    for mine, its in networks(model, other):
        its.set_weights(mine.get_weights())
    before = model.generator.get_weights()
    forms = model, plain_step.plain(other)
    steps = [tf.function(form.train_step) for form in forms]
    batches = training.make_batches(config, data, training.make_strategy("one"))
    for batch in batches.take(STEPS):
        losses = [float(step(batch)["generator_loss"]) for step in steps]
        assert losses[0] == pytest.approx(losses[1], rel=2e-3, abs=2e-3)

    for mine, its in networks(*forms):
        for weights, expected in zip(mine.get_weights(), its.get_weights()):
            np.testing.assert_allclose(weights, expected, atol=2e-4)
    for weights, old in zip(model.generator.get_weights(), before):
        assert np.abs(weights - old).max() > 5e-3


def networks(first, second):
    pairs = [(first.generator, second.generator)]
    if first.critic is not None:
        pairs.append((first.critic, second.critic))
    return pairs
