"""Calibrated stacking: seen classes lowered by what is best on tune splits."""

import csv
import itertools

import numpy as np
import pytest

from gmn_tf.data import zero_shot_data
from gmn_tf.method import calibration
from gmn_tf.method import metrics as evaluation
from gmn_tf.runs import finished, plots, report
from gmn_tf.runs.finished import FinishedRun
from gmn_tf.runs.workdir import Workdir
from gmn_tf.utils.errors import InputError
from tests.method.metrics_test import (
    SEEN_LABELS,
    SEEN_SCORES,
    UNSEEN_LABELS,
    UNSEEN_SCORES,
    data_of,
    looking_up,
)
from tests.support.runs import SOURCE, finished_run

pytestmark = pytest.mark.usefixtures("quick_training")


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
    best = calibration.largest(rows)
    assert best["h"]["mean"] == later["h"]["mean"] > plain["h"]["mean"]


def rows_of(**scores):
    """Entries of a curve: h of penalties 0, 1, 2, ..."""
    return [
        {"penalty": float(penalty), "h": {"mean": h}}
        for penalty, h in enumerate(scores["h"])
    ]


def test_the_middle_of_good_penalties_is_chosen():
    # The largest by chance, at the edge of the good ones.
    rows = rows_of(h=[10.0, 41.0, 40.0, 39.5, 40.5, 39.0, 20.0])

    assert calibration.largest(rows)["penalty"] == 1.0
    assert calibration.near(rows) == (1.0, 5.0)
    assert calibration.middle(rows) is rows[3]
    # Of a classifier that knows little, too: points are no measure of it.
    low = rows_of(h=[0.0, 1.0, 1.1, 1.09, 0.9])
    assert calibration.near(low) == (2.0, 3.0)
    assert calibration.middle(rows_of(h=[0.0, 0.0, 0.0]))["penalty"] == 1.0
    assert calibration.middle(rows[:1]) is rows[0]
    # Of few samples h may fall between them: the middle is no such penalty.
    dip = rows_of(h=[40.0, 39.0, 10.0, 10.0, 40.0])
    assert calibration.near(dip) == (0.0, 4.0)
    assert calibration.middle(dip) is dip[1]


def test_the_penalty_is_named_and_drawn():
    rows = calibration.curve(
        [looking_up(SEEN_SCORES, UNSEEN_SCORES)],
        data_of(SEEN_LABELS, UNSEEN_LABELS),
    )
    chosen = calibration.middle(rows)

    text = report.calibration_table(rows[0], chosen, 10, 2)
    assert text.splitlines()[1].startswith("-4 ")
    assert "mean ± standard deviation over 10 classifiers of 2 runs." in text
    assert text.endswith(f"--seen_penalty={chosen['penalty']:g}")
    axes = plots.calibration_curve(rows, "toy").axes[0]
    assert list(axes.lines[-1].get_xdata()) == [chosen["penalty"]] * 2
    (around,) = axes.patches
    assert around.get_x() == calibration.near(rows)[0]
    np.testing.assert_array_equal(
        axes.lines[0].get_xdata(), [row["penalty"] for row in rows]
    )


@pytest.fixture(scope="module")
def make_run(tiny_config, tiny_name, tiny_dir, tmp_path_factory):
    """Makes a run on the tune splits, with some settings changed."""
    held_back = zero_shot_data.load(tiny_name, tiny_dir, "tune")
    tuned = tiny_config.replace({"split": "tune", "classifier_epochs": 9})

    def make(**changes):
        config = tuned.replace(changes)
        folder = tmp_path_factory.mktemp("runs") / "run"
        return finished_run(config, held_back, folder)

    return make


@pytest.fixture(scope="module")
def plain_run(make_run):
    """A run without a penalty of seen classes."""
    return make_run()


def test_what_is_found_is_what_a_run_with_it_gives(plain_run, make_run):
    rows = finished.calibrate([plain_run])
    best = calibration.middle(rows)
    again = make_run(seen_penalty=best["penalty"])
    scores, plain = again.scores, plain_run.scores

    assert best["penalty"] != 0.0
    assert scores["h"]["mean"] > plain["h"]["mean"]
    for name in evaluation.SCORES:
        assert scores[name]["mean"] == pytest.approx(best[name]["mean"])
    assert scores["baseline"] == plain["baseline"]
    # The saved classifier has it inside, and it is not counted twice.
    assert finished.evaluate(again) == scores
    assert finished.calibrate([again]) == rows
    with (plain_run.workdir.path / "calibration.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert [float(line["penalty"]) for line in lines] == [
        row["penalty"] for row in rows
    ]
    assert np.isclose(float(lines[0]["h_mean"]), rows[0]["h"]["mean"])
    assert (plain_run.workdir.path / "calibration.png").stat().st_size


def test_several_seeds_have_one_penalty(plain_run, make_run, tmp_path):
    runs = [plain_run, make_run(seed=2)]
    rows = finished.calibrate(runs)

    classifiers = [m for run in runs for m in run.load_classifiers()]
    for model in classifiers:  # which the runs have calibrated
        model.temperature = 1.0
    assert rows == calibration.curve(classifiers, plain_run.data)
    first, second = (
        (run.workdir.path / "calibration.csv").read_text() for run in runs
    )
    assert first == second
    title = finished.common_title(runs)
    assert title.endswith(", tune split, seeds 1 and 2")
    assert finished.common_title(runs[:1]) == plain_run.title
    other = Workdir(tmp_path / "other")
    config = plain_run.config.replace({"steps": 2})
    other.start(config, SOURCE)
    with pytest.raises(InputError, match="steps="):
        finished.calibrate([*runs, FinishedRun(other, config, plain_run.data)])
    # It would count twice.
    with pytest.raises(InputError, match="the same seed"):
        finished.calibrate([plain_run, *runs])


def test_nothing_is_chosen_on_test_samples(tiny_config, tiny_data, tmp_path):
    with pytest.raises(InputError, match="on test samples"):
        finished.calibrate(
            [FinishedRun(Workdir(tmp_path), tiny_config, tiny_data)]
        )
