"""Calibrated stacking: seen classes lowered by what is best on tune splits."""

import csv
import itertools

import numpy as np
import pytest
from evaluation_test import (
    SEEN_LABELS,
    SEEN_SCORES,
    UNSEEN_LABELS,
    UNSEEN_SCORES,
    data_of,
    looking_up,
)

from gmn_tf import calibration, data, evaluation, experiment, training
from gmn_tf.errors import InputError
from gmn_tf.workdir import Workdir

SOURCE = {"name": "tiny", "data_dir": "here", "split_fingerprint": "f"}


def test_the_curve_goes_from_all_seen_to_all_unseen():
    held_back = data_of(SEEN_LABELS, UNSEEN_LABELS)
    model = looking_up(SEEN_SCORES, UNSEEN_SCORES)

    rows = calibration.curve([model, model], held_back)

    penalties = [row["penalty"] for row in rows]
    assert penalties == sorted(set(penalties)) and 0.0 in penalties
    # The least margin is that of an unseen sample taken for an unseen class.
    assert penalties[0] == -4.0 and penalties[-1] == 3.0
    (plain,) = [row for row in rows if row["penalty"] == 0.0]
    scores = evaluation.score(model, held_back)
    for name in evaluation.SCORES:
        assert plain[name] == {"mean": getattr(scores, name), "std": 0.0}
    for before, after in itertools.pairwise(rows):
        assert after["u"]["mean"] >= before["u"]["mean"]
        assert after["s"]["mean"] <= before["s"]["mean"]
        assert after["t1"] == before["t1"]
    assert rows[0]["u"]["mean"] == 0.0
    # Seen samples whose margin is 3 are lost only beyond the last penalty.
    assert calibration.best(rows)["h"]["mean"] > plain["h"]["mean"]


def test_what_is_found_is_what_a_run_with_it_gives(
    tiny_config, tiny_name, tiny_dir, tmp_path
):
    config = tiny_config.replace({"split": "tune", "classifier_epochs": 9})
    held_back = data.load(tiny_name, tiny_dir, "tune")

    def run(config, name):
        workdir = Workdir(tmp_path / name)
        workdir.start(config, SOURCE)
        return workdir, experiment.run(
            config,
            held_back,
            workdir,
            training.make_strategy("one"),
            experiment.Watching(quiet=True),
        )

    workdir, plain = run(config, "plain")
    rows = experiment.calibrate(config, held_back, workdir)
    best = calibration.best(rows)
    lowered = config.replace({"seen_penalty": best["penalty"]})
    again, metrics = run(lowered, "lowered")

    assert best["penalty"] != 0.0
    assert metrics["h"]["mean"] > plain["h"]["mean"]
    for name in evaluation.SCORES:
        assert metrics[name]["mean"] == pytest.approx(best[name]["mean"])
    assert metrics["baseline"] == plain["baseline"]
    # The saved classifier has it inside, and it is not counted twice.
    assert experiment.evaluate(lowered, held_back, again) == metrics
    assert experiment.calibrate(lowered, held_back, again) == rows
    with (workdir.path / "calibration.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert [float(line["penalty"]) for line in lines] == [
        row["penalty"] for row in rows
    ]
    assert np.isclose(float(lines[0]["h_mean"]), rows[0]["h"]["mean"])
    assert (workdir.path / "calibration.png").stat().st_size


def test_nothing_is_chosen_on_test_samples(tiny_config, tiny_data, tmp_path):
    with pytest.raises(InputError, match="on test samples"):
        experiment.calibrate(tiny_config, tiny_data, Workdir(tmp_path))
