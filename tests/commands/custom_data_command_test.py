"""From a folder of one's own to scores, with no unseen class to score."""

import csv
import dataclasses
import json
import pathlib
import shutil

import numpy as np
import pytest

from gmn_tf import commands
from gmn_tf.data.zero_shot_data import Samples
from gmn_tf.method import metrics
from gmn_tf.method.metrics import SCORES
from gmn_tf.runs import experiment, finished, over_seeds, report
from gmn_tf.runs.finished import FinishedRun
from gmn_tf.runs.workdir import Workdir
from gmn_tf.training import fit
from gmn_tf.utils.errors import InputError
from tests.support import quick
from tests.support.in_process import fail, succeed

DX, DA = 7, 3
SEEN, UNSEEN, EACH = 6, 2, 4
UNKNOWN = {"mean": None, "std": None}


def source_folder(folder, unseen_samples: int) -> pathlib.Path:
    """Six seen classes and two unseen ones, these with a sample each or not."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    names = [f"kind {letter}" for letter in "abcdefgh"]
    lines = ["class,seen,red,round,large"]
    for number, name in enumerate(names):
        numbers = ",".join(f"{v:.3f}" for v in rng.uniform(size=DA))
        lines.append(f"{name},{'yes' if number < SEEN else 'no'},{numbers}")
    (folder / "classes.csv").write_text("\n".join(lines))
    counts = [EACH] * SEEN + [unseen_samples] * UNSEEN
    labels = np.repeat(names, counts)
    features = rng.uniform(size=(len(labels), DX))
    np.savez(folder / "features.npz", features=features, labels=labels)
    return folder


QUICK = (
    "--dataset=kinds",
    "--preset=cpu",
    "--steps=2",
    "--classifier_epochs=1",
    "--classifier_seeds=1",
    "--matching_classes=2",
)


@pytest.fixture(scope="module", name="folder")
def _folder(tmp_path_factory):
    """A folder in which data without unseen samples were prepared."""
    folder = tmp_path_factory.mktemp("own")
    source = source_folder(folder / "kinds", unseen_samples=0)
    printed = succeed(
        commands.prepare_data,
        f"--source={source}",
        "--dataset=kinds",
        f"--data_dir={folder / 'data'}",
    )
    assert "8: 6 seen, 2 unseen (2 of them without a sample)" in printed
    assert "Next: bin/train --dataset=kinds" in printed
    return folder


def test_prepared_data_are_trained_on_by_name(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    printed = quick.train(*QUICK, f"--data_dir={folder / 'data'}")
    assert "--split=tune estimates" in printed
    run = tmp_path / "runs" / "kinds-cwgan_gm-1"
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["t1"] == metrics["u"] == metrics["h"] == UNKNOWN
    assert metrics["s"]["mean"] >= 0.0

    printed = succeed(commands.evaluate, f"--workdir={run}")
    assert "The same as recorded" in printed


def test_the_tune_splits_score_all(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data_dir = f"--data_dir={folder / 'data'}"
    printed = quick.train(*QUICK, data_dir, "--split=tune", "--kernel_width=4")
    assert "Note: --kernel_width has no effect on cwgan_gm" in printed
    metrics = tmp_path / "runs" / "kinds-tune-cwgan_gm-1" / "metrics.json"
    scores = json.loads(metrics.read_text())
    assert all(0.0 <= scores[name]["mean"] <= 100.0 for name in SCORES)


def test_other_content_is_replaced_on_request_alone(tmp_path):
    def prepare(name, unseen_samples, *flags, ends=succeed):
        source = tmp_path / name
        if not source.exists():
            source_folder(source, unseen_samples)
        return ends(
            commands.prepare_data,
            f"--source={source}",
            "--dataset=birds",
            f"--data_dir={tmp_path / 'data'}",
            *flags,
        )

    mats = tmp_path / "mats"
    printed = prepare("first", 2, f"--write_mat={mats}")
    assert (
        f"Written: {mats / 'res101.mat'}, {mats / 'att_splits.mat'}" in printed
    )
    again = f"--data_dir={tmp_path / 'data'}", f"--write_mat={mats}"
    message = fail(commands.prepare, "--dataset=birds", *again)
    assert "has res101.mat and att_splits.mat already" in message
    assert "--replace" in prepare("other", 1, ends=fail)
    printed = prepare("other", 1, "--replace")
    assert "Removed: the older preparation birds-custom-data-att-" in printed


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ((), "Give --source and --dataset;"),
        (("--source=kinds",), "--dataset is missing."),
        (("--source=kinds", "--dataset=cub"), "known data set"),
        (("--source=nowhere", "--dataset=kinds"), "no such folder"),
    ],
)
def test_bad_calls_end_in_a_hint(folder, words, hint, monkeypatch):
    monkeypatch.chdir(folder)

    assert hint in fail(commands.prepare_data, *words)


@pytest.fixture(scope="module", name="run")
def _run(tiny_config, tiny_data, tmp_path_factory):
    """A finished run on data whose unseen classes have no sample."""
    unseen = Samples(
        np.empty((0, tiny_data.feature_dim), np.float32), np.empty(0, np.int32)
    )
    data = dataclasses.replace(tiny_data, unseen=unseen)
    workdir = Workdir(tmp_path_factory.mktemp("unscored") / "run")
    source = {"name": "tiny", "data_dir": "here", "split_fingerprint": "f"}
    workdir.start(tiny_config, source)
    strategy = fit.make_strategy("one")
    monitoring_options = experiment.MonitoringOptions(
        quiet=True, log_every=1, picture_every=2
    )
    with quick.training():
        experiment.run(tiny_config, data, workdir, strategy, monitoring_options)
    return FinishedRun(workdir, tiny_config, data)


def test_scores_that_are_not_known_are_dashes(run):
    metrics = finished.evaluate(run)

    assert metrics == run.workdir.read_json("metrics.json")
    assert metrics["h"] == metrics["baseline"]["t1"] == UNKNOWN
    table = report.scores_table(metrics)
    (line,) = (one for one in table.splitlines() if one.startswith("cwgan_gm "))
    assert line.split()[1:3] == ["-", "-"] and line.endswith("-")
    assert report.UNSCORED in table and "With this seed" not in table


def test_curves_have_the_one_score_there_is(run):
    rows = finished.synthetic_count_curve(run, [2, 3], quiet=True)

    assert [row["u"] for row in rows] == [UNKNOWN] * 2
    lines = (run.workdir.path / "curve.csv").read_text().splitlines()
    written = report.read_curve(csv.DictReader(lines), "n")
    assert np.isnan([row["h"]["mean"] for row in written]).all()
    np.testing.assert_allclose(
        [row["s"]["mean"] for row in written],
        [row["s"]["mean"] for row in rows],
        atol=1e-4,
    )
    assert (run.workdir.path / "curve.png").exists()


def test_a_summary_has_dashes_and_empty_cells(run, tmp_path):
    rows = over_seeds.table([str(run.workdir.path)])

    line = over_seeds.markdown(rows).splitlines()[2].split(" | ")
    assert line[-4:-2] == ["-", "-"] and line[-1] == "- |"
    over_seeds.write(rows, str(tmp_path / "out"))
    text = (tmp_path / "out.csv").read_text()
    assert "nan" not in text
    assert text.splitlines()[1].endswith(",,")


def test_unlabelled_features_cannot_be_missing(run):
    config = run.config.replace({"variant": "wgan_gm_transductive"})

    with pytest.raises(InputError, match="needs features of unseen classes"):
        fit.check_feasible(config, run.data, fit.make_strategy("one"))


def test_a_damaged_record_of_scores_is_still_refused(run, tmp_path):
    workdir = Workdir(shutil.copytree(run.workdir.path, tmp_path / "run"))
    metrics = workdir.read_json("metrics.json")
    workdir.write_json("metrics.json", {**metrics, "s": UNKNOWN})

    with pytest.raises(InputError, match="no finished run"):
        over_seeds.table([str(workdir.path)])


def test_the_mean_leaves_no_warning(recwarn, run):
    scores = metrics.score(run.load_classifiers()[0], run.data)

    assert np.isnan([scores.t1, scores.u, scores.h]).all()
    assert scores.s == pytest.approx(
        100.0 * np.nanmean(scores.class_accuracies)
    )
    assert not [one for one in recwarn if one.category is RuntimeWarning]
