"""Training stops when a loss becomes NaN, infinite or very large."""

import keras
import numpy as np
import pytest

from gmn_tf.training import fit
from gmn_tf.training.callbacks import LARGEST, TAGS, DivergenceMonitor
from gmn_tf.training.checkpoints import Checkpoints
from gmn_tf.utils.errors import InputError
from tests.support import quick


def logs(**values):
    return {"critic_loss": 1.0, "generator_loss": 2.0, **values}


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 2 * LARGEST])
def test_it_names_the_first_loss(value):
    monitor = DivergenceMonitor(first_step=40)
    monitor.on_train_batch_end(1, logs(matching_loss=3.0))

    with pytest.raises(InputError) as caught:
        monitor.on_train_batch_end(
            2, logs(generator_loss=np.nan, matching_loss=value)
        )
    assert "at step 43 matching_loss is" in str(caught.value)
    with pytest.raises(InputError, match="--matching_weight"):
        monitor.on_train_batch_end(2, logs(matching_loss=value))
    with pytest.raises(InputError, match="--cycle_weight"):
        monitor.on_train_batch_end(2, logs(cycle_loss=value))


def test_logs_of_several_workers_are_arrays():
    monitor = DivergenceMonitor(first_step=0)
    monitor.on_train_batch_end(0, {"critic_loss": np.array([1.0])})
    with pytest.raises(InputError, match="critic_loss is nan"):
        monitor.on_train_batch_end(0, {"critic_loss": np.array([np.nan])})


@quick.training()
def test_training_ends_at_once_and_keeps_what_came_before(
    tiny_config, tiny_data, tmp_path
):
    wild = tiny_config.replace({"steps": 60, "learning_rate": 1e30})
    strategy = fit.make_strategy("one")
    with pytest.raises(InputError, match="at step 1 critic_"):
        fit.train(
            wild, tiny_data, strategy, checkpoints=Checkpoints(tmp_path, 1)
        )

    assert not list(tmp_path.glob("*.index"))


class Spoil(keras.callbacks.Callback):
    """Lets the critic's weights be what they should not, from a step on."""

    def __init__(self, step: int, value: float):
        super().__init__()
        self.step, self.value = step, value

    def on_train_batch_begin(self, batch, logs=None):
        if batch + 1 == self.step:
            for weight in self.model.critic.trainable_variables:
                weight.assign(weight * self.value)


@pytest.fixture(scope="module")
def train(tiny_config, tiny_data):
    """Trains for 7 steps; gives the generator's weights."""
    config = tiny_config.replace({"variant": "cwgan", "steps": 7})

    def run(folder=None, callbacks=lambda first: []):
        with quick.training():
            return fit.train(
                config,
                tiny_data,
                fit.make_strategy("one"),
                callbacks,
                checkpoints=folder and Checkpoints(folder, 1),
            ).generator.get_weights()

    return run


@pytest.fixture(scope="module")
def uninterrupted(train):
    return train()


@pytest.mark.parametrize("value", [np.nan, 1e9])
def test_earlier_checkpoints_are_kept_and_continued_from(
    value, train, uninterrupted, tmp_path
):
    with pytest.raises(InputError, match="at step 5 critic_real_score is"):
        train(tmp_path / "run", lambda first: [Spoil(5, value)])
    kept = {path.stem for path in (tmp_path / "run").glob("*.index")}
    assert kept == {"ckpt-3", "ckpt-4"}
    firsts = []
    weights = train(tmp_path / "run", lambda first: firsts.append(first) or [])
    assert firsts == [4]
    for one, other in zip(weights, uninterrupted, strict=True):
        np.testing.assert_array_equal(one, other)


@quick.training()
def test_every_loss_is_watched(tiny_config, tiny_data):
    seen = set()
    weights = ("matching_norm_weight", "vae_prior_weight", "vae_code_weight")
    for variant in ("cwgan_gm", "cwgan_cls_cycle", "gmmn", "cvae", "cadavae"):
        config = tiny_config.replace(
            {"variant": variant, "steps": 1, **dict.fromkeys(weights, 0.1)}
        )
        fit.train(
            config,
            tiny_data,
            fit.make_strategy("one"),
            lambda first: [
                keras.callbacks.LambdaCallback(
                    on_train_batch_end=lambda batch, logs: seen.update(logs)
                )
            ],
        )
    assert seen - {"loss"} == set(TAGS)
