"""Calibrated stacking: seen classes lowered by what is best on tune splits."""

import csv
import itertools

import numpy as np
import pytest

from gmn_tf.data import zero_shot_data
from gmn_tf.method import calibration
from gmn_tf.method import metrics as evaluation
from gmn_tf.runs import experiment, finished, plots, report
from gmn_tf.runs.finished import FinishedRun
from gmn_tf.runs.workdir import Workdir
from gmn_tf.training import fit
from gmn_tf.utils.errors import InputError
from tests.method.metrics_test import (
    SEEN_LABELS,
    SEEN_SCORES,
    UNSEEN_LABELS,
    UNSEEN_SCORES,
    data_of,
    looking_up,
)

SOURCE = {"name": "tiny", "data_dir": "here", "split_fingerprint": "f"}


def test_scores_against_the_penalty():
    held_back = data_of(SEEN_LABELS, UNSEEN_LABELS)
    model = looking_up(SEEN_SCORES, UNSEEN_SCORES)

    rows = calibration.curve([model, model], held_back)

    penalties = [row["penalty"] for row in rows]
    assert penalties == sorted(set(penalties)) and 0.0 in penalties
    # The least and the largest margin of seen over unseen classes.
    assert penalties[0] == -4.0 and penalties[-1] == 3.0
    (plain,) = [row for row in rows if row["penalty"] == 0.0]
    scores = evaluation.score(model, held_back)
    for name in evaluation.SCORES:
        assert plain[name] == {"mean": getattr(scores, name), "std": 0.0}
    for before, after in itertools.pairwise(rows):
        assert after["u"]["mean"] >= before["u"]["mean"]
        assert after["s"]["mean"] <= before["s"]["mean"]
        assert after["t1"] == before["t1"]
    # With -4 an unseen class wins nowhere: an equal score goes to the first.
    assert rows[0]["u"]["mean"] == 0.0
    # By hand: with 2.5 all unseen samples are among unseen classes (u = T-1),
    # and the seen ones that were right still are.
    later = min(rows, key=lambda row: abs(row["penalty"] - 2.5))
    assert later["u"] == plain["t1"] and later["s"] == plain["s"]
    best = calibration.best(rows)
    assert best["h"]["mean"] == later["h"]["mean"] > plain["h"]["mean"]


def test_the_best_penalty_is_told_and_drawn():
    rows = calibration.curve(
        [looking_up(SEEN_SCORES, UNSEEN_SCORES)],
        data_of(SEEN_LABELS, UNSEEN_LABELS),
    )
    best = calibration.best(rows)

    text = report.calibration_table(rows[0], best)
    assert text.splitlines()[1].startswith("-4 ")
    assert text.endswith(f"--seen_penalty={best['penalty']:g}")
    axes = plots.calibration_curve(rows, best["penalty"], "toy").axes[0]
    assert list(axes.lines[-1].get_xdata()) == [best["penalty"]] * 2
    np.testing.assert_array_equal(
        axes.lines[0].get_xdata(), [row["penalty"] for row in rows]
    )


def test_what_is_found_is_what_a_run_with_it_gives(
    tiny_config, tiny_name, tiny_dir, tmp_path
):
    config = tiny_config.replace({"split": "tune", "classifier_epochs": 9})
    held_back = zero_shot_data.load(tiny_name, tiny_dir, "tune")

    def run(config, name):
        workdir = Workdir(tmp_path / name)
        workdir.start(config, SOURCE)
        return workdir, experiment.run(
            config,
            held_back,
            workdir,
            fit.make_strategy("one"),
            experiment.MonitoringOptions(quiet=True),
        )

    workdir, plain = run(config, "plain")
    rows = finished.calibrate([FinishedRun(workdir, config, held_back)])
    best = calibration.best(rows)
    lowered = config.replace({"seen_penalty": best["penalty"]})
    again, metrics = run(lowered, "lowered")

    assert best["penalty"] != 0.0
    assert metrics["h"]["mean"] > plain["h"]["mean"]
    for name in evaluation.SCORES:
        assert metrics[name]["mean"] == pytest.approx(best[name]["mean"])
    assert metrics["baseline"] == plain["baseline"]
    # The saved classifier has it inside, and it is not counted twice.
    assert finished.evaluate(FinishedRun(again, lowered, held_back)) == metrics
    assert finished.calibrate([FinishedRun(again, lowered, held_back)]) == rows
    with (workdir.path / "calibration.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert [float(line["penalty"]) for line in lines] == [
        row["penalty"] for row in rows
    ]
    assert np.isclose(float(lines[0]["h_mean"]), rows[0]["h"]["mean"])
    assert (workdir.path / "calibration.png").stat().st_size


def test_several_seeds_have_one_penalty(
    tiny_config, tiny_name, tiny_dir, tmp_path
):
    held_back = zero_shot_data.load(tiny_name, tiny_dir, "tune")
    runs = []
    for name, changes in (
        ("one", {"seed": 1}),
        ("two", {"seed": 2}),
        ("other", {"seed": 1, "steps": 2}),
    ):
        config = tiny_config.replace({"split": "tune", **changes})
        workdir = Workdir(tmp_path / name)
        workdir.start(config, SOURCE)
        experiment.run(
            config,
            held_back,
            workdir,
            fit.make_strategy("one"),
            experiment.MonitoringOptions(quiet=True),
        )
        runs.append(FinishedRun(workdir, config, held_back))

    rows = finished.calibrate(runs[:2])

    classifiers = [m for run in runs[:2] for m in run.load_classifiers()]
    assert rows == calibration.curve(classifiers, held_back)
    first, second = (
        (run.workdir.path / "calibration.csv").read_text() for run in runs[:2]
    )
    assert first == second
    with pytest.raises(InputError, match="steps="):
        finished.calibrate(runs)


def test_nothing_is_chosen_on_test_samples(tiny_config, tiny_data, tmp_path):
    with pytest.raises(InputError, match="on test samples"):
        finished.calibrate(
            [FinishedRun(Workdir(tmp_path), tiny_config, tiny_data)]
        )
