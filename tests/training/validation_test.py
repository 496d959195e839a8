"""Scores during training go to a table and to TensorBoard."""

import math

import numpy as np
from tensorboard.backend.event_processing.event_accumulator import (
    EventAccumulator,
)

from gmn_tf.method.metrics import Scores
from gmn_tf.training.validation import ValidationMonitor
from tests.training import monitoring_test


def test_scores_without_a_sample_are_left_out(tmp_path):
    unknown = Scores(math.nan, math.nan, 50.0, math.nan, np.zeros(3))
    tables = []
    monitor = ValidationMonitor(
        str(tmp_path),
        lambda generator: [unknown],
        every=2,
        write=lambda rows: tables.append([row["step"] for row in rows]),
    )
    monitor.set_model(monitoring_test.Toy())
    monitor.model.synthesiser = None

    monitor.on_train_batch_end(1)
    monitor.on_train_batch_end(2)
    monitor.on_train_end()

    assert tables == [[2], [2, 3]]
    assert monitor.rows[0]["u"] == {"mean": None, "std": None}
    events = EventAccumulator(str(tmp_path), size_guidance={"tensors": 0})
    events.Reload()
    assert events.Tags()["tensors"] == ["validation/s"]
