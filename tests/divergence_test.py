"""Losses that are no numbers end a training at once."""

import keras
import numpy as np
import pytest

from gmn_tf import training
from gmn_tf.checkpoints import Checkpoints
from gmn_tf.divergence import LARGEST, ORDER, DivergenceMonitor
from gmn_tf.errors import InputError


def logs(**values):
    return {"critic_loss": 1.0, "generator_loss": 2.0, **values}


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 2 * LARGEST])
def test_it_names_the_first_loss(value):
    monitor = DivergenceMonitor(first_step=40)
    monitor.on_train_batch_end(1, logs(matching_loss=3.0))

    with pytest.raises(InputError) as told:
        monitor.on_train_batch_end(
            2, logs(generator_loss=np.nan, matching_loss=value)
        )
    assert "at step 43 matching_loss is" in str(told.value)
    with pytest.raises(InputError, match="--matching_weight"):
        monitor.on_train_batch_end(2, logs(matching_loss=value))
    with pytest.raises(InputError, match="--cycle_weight"):
        monitor.on_train_batch_end(2, logs(cycle_loss=value))


def test_logs_of_several_workers_are_arrays():
    monitor = DivergenceMonitor(first_step=0)
    monitor.on_train_batch_end(0, {"critic_loss": np.array([1.0])})
    with pytest.raises(InputError, match="critic_loss is nan"):
        monitor.on_train_batch_end(0, {"critic_loss": np.array([np.nan])})


def test_training_ends_at_once_and_keeps_what_came_before(
    tiny_config, tiny_data, tmp_path
):
    wild = tiny_config.replace({"steps": 60, "learning_rate": 1e30})
    strategy = training.make_strategy("one")
    with pytest.raises(InputError, match="at step 1 critic_"):
        training.train(
            wild, tiny_data, strategy, checkpoints=Checkpoints(tmp_path, 1)
        )

    assert not list(tmp_path.glob("*.index"))


def test_every_loss_is_watched(tiny_config, tiny_data):
    seen = set()
    for variant in ("cwgan_gm", "cwgan_cls_cycle"):
        config = tiny_config.replace(
            {"variant": variant, "matching_norm_weight": 0.1}
        )
        training.train(
            config,
            tiny_data,
            training.make_strategy("one"),
            lambda first: [
                keras.callbacks.LambdaCallback(
                    on_train_batch_end=lambda batch, logs: seen.update(logs)
                )
            ],
        )
    assert seen - {"loss"} == set(ORDER)
