"""Searches: what they find, leave, survive and cannot see."""

import csv
import json
import pathlib
import shutil

import keras_tuner
import numpy as np
import pytest

from gmn_tf import commands
from gmn_tf.config import Config
from gmn_tf.data import zero_shot_data
from gmn_tf.method import metrics
from gmn_tf.method.metrics import SCORES
from gmn_tf.runs import experiment
from gmn_tf.search import (
    classifier_search,
    search_report,
    search_space,
    search_space_input,
    trials,
)
from gmn_tf.search import tuner as tuning
from gmn_tf.search.search_folder import SearchFolder, ranked
from gmn_tf.training import fit
from gmn_tf.utils.errors import InputError, LostDataError

WATCHING = experiment.MonitoringOptions(quiet=True, checkpoint_every=2)
SOURCE = {"name": "tiny", "data_dir": "here", "split_fingerprint": "f"}
SPACE = {
    "noise_dim": [2, 3, 4, 5],
    "learning_rate": {"min": 1e-4, "max": 1e-2, "log": True},
    "synthetic_per_class": [2, 5],
    "seen_penalty": search_space.CALIBRATED,
}


@pytest.fixture(scope="module")
def tune_data(tiny_name, tiny_dir):
    return zero_shot_data.load(tiny_name, tiny_dir, "tune")


@pytest.fixture
def search_for(tiny_config):
    """Makes a search from what differs from a small random one."""

    def make(tuner="random", objective="h", max_trials=3, space=SPACE, steps=4):
        config = tiny_config.replace({"split": "tune", "steps": steps})
        own = (*search_space.GENERATOR, *search_space.CLASSIFIER)
        fixed = [name for name in own if name not in space]
        made = search_space_input.make("cpu", config, fixed, space)
        return tuning.Search(config, made, tuner, objective, max_trials)

    return make


def laboratory(search, tune_data, path):
    folder = SearchFolder(path)
    folder.start(search.config, SOURCE, search.to_dict())
    return trials.TrialRunner(
        search,
        tune_data,
        folder,
        fit.make_strategy("one"),
        fit.DEFAULT_EXECUTION,
        WATCHING,
    )


def run(search, tune_data, path):
    """Runs a search; its results, and what it said."""
    told = []
    made = laboratory(search, tune_data, path)
    tuning.run(made, told.append)
    return made.folder, "\n".join(told)


@pytest.fixture
def quick_trials(monkeypatch):
    """Trials that train nothing; those of a high rate fail."""

    def run_quickly(self, name, settings, steps):
        result = {"steps": steps, "generator": settings, "seconds": 1.0}
        if settings.get("learning_rate", 0.0) > 1.0:
            result["reason"] = "it diverged"
        else:
            score = 10.0 + settings.get("noise_dim", 0)
            result["classifier"] = {"seen_penalty": 0.5}
            result |= dict.fromkeys(SCORES, score)
        workdir = self.folder.trial(name)
        workdir.path.mkdir(exist_ok=True)
        workdir.write_json("result.json", result)
        return result

    monkeypatch.setattr(trials.TrialRunner, "run", run_quickly)


def without_times(folder):
    return [
        {name: value for name, value in one.items() if name != "seconds"}
        for one in folder.results()
    ]


@pytest.mark.parametrize("tuner", ["random", "bayesian"])
def test_a_search_finds_ranks_and_writes(
    tuner, search_for, tune_data, tmp_path
):
    search = search_for(tuner, max_trials=4)
    folder, told = run(search, tune_data, tmp_path / "search")

    results = folder.results()
    assert [one["trial"] for one in results] == ["preset", 1, 2, 3, 4]
    assert "Trial 4 of 4" in told
    text = search_report.write(folder)
    with open(folder.path / "trials.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    best = ranked(results, "h")
    assert [row["trial"] for row in rows] == [str(b["trial"]) for b in best]
    assert float(rows[0]["h"]) == pytest.approx(best[0]["h"], abs=1e-3)
    assert (folder.path / "trials.png").stat().st_size > 10_000
    plain = results[0]["with_preset_classifier"]["h"]
    assert f"{best[0]['h'] - plain:.1f} above the settings begun with" in text
    assert "The test splits were not touched" in text
    chosen = Config(**json.loads((folder.path / "best.json").read_text()))
    assert chosen == search.config.replace(
        {**best[0]["generator"], **best[0]["classifier"], "split": "test"}
    )
    for name in ("preset", "trial_0", "trial_3"):
        assert list((folder.path / name / "logs").rglob("*tfevents*"))


def test_the_preset_is_scored_as_it_is(search_for, tune_data, tmp_path):
    search = search_for(max_trials=1)
    folder, _ = run(search, tune_data, tmp_path / "search")

    config = search.config.replace({"classifier_seeds": 1})
    strategy = fit.make_strategy("one")
    generator = fit.train(config, tune_data, strategy).generator
    rows = classifier_search.search(
        config, tune_data, generator, search.space.classifier, "h"
    )
    (plain,) = [row for row in rows if row.get("preset")]
    preset = folder.results()[0]
    assert preset["h"] == rows[0]["h"]
    assert preset["with_preset_classifier"] == {
        name: plain[name] for name in SCORES
    }


def test_trials_that_diverge_are_recorded_and_passed_over(
    search_for, tune_data, tmp_path
):
    space = {"learning_rate": [1e-3, 1e30], "synthetic_per_class": [2, 5]}
    folder, told = run(
        search_for(space=space, max_trials=9), tune_data, tmp_path / "search"
    )

    results = folder.results()[1:]
    assert len(results) == 2  # the space has no more
    (failed,) = [one for one in results if "reason" in one]
    assert failed["generator"] == {"learning_rate": 1e30}
    assert "diverged" in failed["reason"]
    assert "failed in" in told
    assert "failed: Training diverged" in search_report.write(folder)
    assert ranked([failed], "h") == []


def test_a_search_of_failures_alone_says_why(search_for, tune_data, tmp_path):
    search = search_for(space={"learning_rate": [1e29, 1e30]}, max_trials=2)
    made = laboratory(search, tune_data, tmp_path / "search")
    tuning.GeneratorTuner(made, lambda text: None).search()

    with pytest.raises(InputError, match="No trial has ended well"):
        search_report.write(made.folder)


def test_an_interrupted_search_goes_on(
    search_for, tune_data, tmp_path, monkeypatch
):
    expected, _ = run(search_for(), tune_data, tmp_path / "whole")
    search, calls = classifier_search.search, []

    def interrupted(*arguments):
        calls.append(1)
        if len(calls) == 3:  # of the second trial, its generator trained
            raise KeyboardInterrupt
        return search(*arguments)

    monkeypatch.setattr(classifier_search, "search", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(search_for(), tune_data, tmp_path / "search")
    trained = []
    step = fit.CheckpointMonitor.on_train_begin
    monkeypatch.setattr(
        fit.CheckpointMonitor,
        "on_train_begin",
        lambda self, logs=None: (trained.append(1), step(self, logs))[1],
    )
    folder, told = run(search_for(), tune_data, tmp_path / "search")

    assert without_times(folder) == without_times(expected)
    assert "Trial 1 of 3" not in told
    assert len(calls) == 5
    assert len(trained) == 1  # the third trial's alone


def test_data_that_is_lost_ends_the_search(
    search_for, tune_data, tiny_name, tiny_dir, tmp_path, monkeypatch
):
    expected, _ = run(search_for(), tune_data, tmp_path / "whole")
    shutil.copytree(tiny_dir, tmp_path / "data")
    on_disk = zero_shot_data.load(
        tiny_name, tmp_path / "data", "tune", memory=0
    )
    (path,) = (tmp_path / "data").rglob("*-tune_train.tfrecord*")
    content, callbacks, calls = path.read_bytes(), experiment._callbacks, []

    def cut(*given):
        calls.append(1)
        if len(calls) == 3:  # of the second trial, before its first step
            path.write_bytes(content[:100])
        return callbacks(*given)

    monkeypatch.setattr(experiment, "_callbacks", cut)
    with pytest.raises(LostDataError, match="has changed since") as caught:
        run(search_for(), on_disk, tmp_path / "search")
    assert str(path) in str(caught.value)
    path.write_bytes(content)
    on_disk = zero_shot_data.load(
        tiny_name, tmp_path / "data", "tune", memory=0
    )
    folder, told = run(search_for(), on_disk, tmp_path / "search")

    # No trial was counted as one that failed.
    assert "Trial 1 of 3" not in told
    assert without_times(folder) == without_times(expected)


def test_what_nobody_expects_ends_the_search(
    search_for, tune_data, tmp_path, monkeypatch
):
    def broken(*arguments):
        raise ZeroDivisionError

    monkeypatch.setattr(classifier_search, "search", broken)
    made = laboratory(search_for(), tune_data, tmp_path / "search")
    with pytest.raises(keras_tuner.errors.FatalError):
        tuning.GeneratorTuner(made, lambda text: None).search()
    with pytest.raises(ZeroDivisionError):
        tuning.run(made, lambda text: None)
    assert made.folder.results() == []


def test_output_that_nobody_reads_ends_the_search(
    search_for, tune_data, tmp_path, quick_trials
):
    def closed(text):
        if text.startswith("Trial 2"):
            raise BrokenPipeError

    made = laboratory(search_for(), tune_data, tmp_path / "search")
    with pytest.raises(BrokenPipeError):
        tuning.run(made, closed)
    folder, told = run(search_for(), tune_data, tmp_path / "search")

    assert "Trial 1 of" not in told
    assert [one["trial"] for one in folder.results()] == ["preset", 1, 2, 3]


def test_a_trial_that_was_only_begun_is_made(
    search_for, tune_data, tmp_path, quick_trials
):
    """As if killed between KerasTuner's two files."""
    made = laboratory(search_for(), tune_data, tmp_path / "search")
    tuner = tuning.GeneratorTuner(made, lambda text: None)
    before = (made.folder.path / "oracle.json").read_text()
    tuner.oracle.create_trial("tuner0")
    (made.folder.path / "oracle.json").write_text(before)

    folder, told = run(search_for(), tune_data, tmp_path / "search")

    assert told.count("Trial 1 of 3") == 1
    assert [one["trial"] for one in folder.results()] == ["preset", 1, 2, 3]


def test_files_of_the_tuner_are_written_whole(tmp_path, monkeypatch):
    path = tmp_path / "oracle.json"
    tuning._write_whole(str(path), {"a": 1})

    class Broken:
        pass

    with pytest.raises(TypeError):
        tuning._write_whole(str(path), {"a": Broken()})
    assert json.loads(path.read_text()) == {"a": 1}
    assert keras_tuner.src.utils.save_json is tuning._write_whole
    assert list(tmp_path.iterdir()) == [path]


def test_guidance_by_a_classifier_makes_its_settings_costly(tiny_config):
    config = tiny_config.replace({"variant": "cwgan_cls"})
    space = search_space_input.make("cpu", config, (), {})

    assert set(space.classifier) == {"synthetic_per_class", "seen_penalty"}
    assert "classifier_learning_rate" in space.generator


def test_best_json_gives_the_score_of_its_trial(
    search_for, tune_data, tmp_path
):
    folder, _ = run(search_for(max_trials=2), tune_data, tmp_path / "search")
    search_report.write(folder)
    chosen = Config(**json.loads((folder.path / "best.json").read_text()))
    chosen = chosen.replace({"split": "tune", "classifier_seeds": 1})

    strategy = fit.make_strategy("one")
    generator = fit.train(chosen, tune_data, strategy).generator
    (model,) = experiment.fit_classifiers(chosen, tune_data, generator)
    score = metrics.score(model, tune_data)

    best = ranked(folder.results(), "h")[0]
    assert score.h == pytest.approx(best["h"], abs=1e-9)


def test_hyperband_promotes_and_goes_on(search_for, tune_data, tmp_path):
    search = search_for("hyperband", max_trials=13, steps=9)
    folder, told = run(search, tune_data, tmp_path / "search")

    results = folder.results()[1:]
    steps = [one["steps"] for one in results]
    assert sorted(steps) == [1] * 9 + [3] * 3 + [9]
    assert told.count("The steps of trial") == 4
    assert told.count("It goes on after step 1.") == 3
    assert told.count("It goes on after step 3.") == 1
    (last,) = [one for one in results if one["steps"] == 9]
    config = search.config.replace({**last["generator"], "steps": 9})
    strategy = fit.make_strategy("one")
    generator = fit.train(config, tune_data, strategy).generator
    rows = classifier_search.search(
        config, tune_data, generator, search.space.classifier, "h"
    )
    assert {name: last[name] for name in SCORES} == {
        name: rows[0][name] for name in SCORES
    }
    folder.remove_checkpoints()
    assert not list(folder.path.rglob("checkpoints"))


def test_hyperband_promotes_in_spite_of_failures(
    search_for, tune_data, tmp_path, quick_trials
):
    space = {"learning_rate": [1e-3, 1e30], "noise_dim": list(range(2, 9))}
    search = search_for("hyperband", max_trials=13, steps=9, space=space)
    folder, _ = run(search, tune_data, tmp_path / "search")

    results = folder.results()[1:]
    assert any("reason" in one for one in results)
    (last,) = [one for one in results if one["steps"] == 9]
    assert "reason" not in last


def test_hyperband_runs_once_through(search_for, tmp_path):
    oracle = search_for("hyperband", max_trials=None, steps=9).oracle()
    oracle._set_project_dir(str(tmp_path), "search")
    random, made = np.random.default_rng(0), 0
    while (trial := oracle.create_trial("tuner0")).status == "RUNNING":
        oracle.update_trial(trial.trial_id, {"h": random.random()})
        trial.status = "COMPLETED"
        oracle.end_trial(trial)
        made += 1

    assert made == tuning.HYPERBAND_TRIALS
    assert search_for("hyperband", steps=90).budgets == (10, 30, 90)
    with pytest.raises(InputError, match="so few steps"):
        search_for("hyperband", steps=8)


def test_test_records_can_be_missing(search_for, tiny_dir, tiny_name, tmp_path):
    """A search gives the same without any record of a test split."""
    shutil.copytree(
        pathlib.Path(tiny_dir) / tiny_name, tmp_path / "blind" / tiny_name
    )
    gone = [
        path
        for path in (tmp_path / "blind").rglob("*tfrecord*")
        if "-test_" in path.name
    ]
    for path in gone:
        path.unlink()
    assert len(gone) == 2
    with pytest.raises(InputError):
        zero_shot_data.load(tiny_name, tmp_path / "blind", "test")

    found = []
    for place in (tiny_dir, tmp_path / "blind"):
        loaded = zero_shot_data.load(tiny_name, place, "tune")
        folder, _ = run(search_for(), loaded, tmp_path / f"search{len(found)}")
        search_report.write(folder)
        found.append(without_times(folder))

    assert found[0] == found[1]


def test_a_folder_takes_one_search(search_for, tune_data, tmp_path):
    laboratory(search_for(), tune_data, tmp_path / "search")
    laboratory(search_for(max_trials=9), tune_data, tmp_path / "search")
    with pytest.raises(InputError, match='objective="u"'):
        laboratory(search_for(objective="u"), tune_data, tmp_path / "search")
    with pytest.raises(InputError, match="steps=5"):
        laboratory(search_for(steps=5), tune_data, tmp_path / "search")
    with pytest.raises(InputError, match="not the folder of a search"):
        search_report.write(SearchFolder(tmp_path))


def test_half_a_cluster_is_refused(monkeypatch):
    tuning.check_cluster_complete()
    monkeypatch.setenv("KERASTUNER_TUNER_ID", "worker0")
    with pytest.raises(InputError, match="KERASTUNER_ORACLE_PORT"):
        tuning.check_cluster_complete()
    assert tuning.is_worker()
    monkeypatch.setenv("KERASTUNER_TUNER_ID", "chief")
    assert tuning.is_chief()


def test_the_command_knows_the_names():
    assert commands._tune.TUNERS == tuning.TUNERS
    assert set(commands._tune.OBJECTIVES) == set(SCORES)
