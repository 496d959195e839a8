"""Searches: what they find, leave, survive and cannot see."""

import csv
import json
import pathlib
import shutil

import keras_tuner
import numpy as np
import pytest

from gmn_tf.config import Config
from gmn_tf.data import zero_shot_data
from gmn_tf.method import metrics
from gmn_tf.method.metrics import SCORES
from gmn_tf.runs import experiment
from gmn_tf.search import (
    classifier_search,
    report,
    space_input,
    tuner,
)
from gmn_tf.search.folder import SearchFolder, ranked
from gmn_tf.search.search import HYPERBAND, TRIALS
from gmn_tf.training import final_classifiers, fit
from gmn_tf.utils.errors import InputError, LostDataError
from tests.support import full_disk
from tests.support.searches import run, runner_of, without_times


@pytest.fixture(scope="module")
def whole(search_for, tune_data, tmp_path_factory):
    """A small search that nothing has interrupted: folder, lines, search."""
    search, path = search_for(), tmp_path_factory.mktemp("whole")
    return *run(search, tune_data, path / "search"), search


def check_found(folder, logged, search):
    """What a search leaves and says, of as many trials as it may have."""
    results = folder.results()
    count = search.max_trials
    numbers = list(range(1, count + 1))
    assert [one["trial"] for one in results] == ["preset", *numbers]
    assert f"Trial {count} of {count}" in logged
    text = report.write(folder)
    with open(folder.path / "trials.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    best = ranked(results, "h")
    assert [row["trial"] for row in rows] == [str(b["trial"]) for b in best]
    assert float(rows[0]["h"]) == pytest.approx(best[0]["h"], abs=1e-3)
    assert (folder.path / "trials.png").stat().st_size > 10_000
    plain = results[0]["with_preset_classifier"]["h"]
    assert f"{best[0]['h'] - plain:.1f} above the initial settings" in text
    assert f". The best of {count + 1}:" in text
    assert ("Settings of the preset:" in text) == (best[0]["trial"] == "preset")
    assert "The test splits were not touched" in text
    run_folder = f"runs/{search.config.dataset}-tuned-{search.config.seed}"
    # It finds the data where the search has found it.
    assert text.endswith(f"best.json --workdir={run_folder} --data_dir=here")
    chosen = Config(**json.loads((folder.path / "best.json").read_text()))
    assert chosen == search.config.replace(
        {**best[0]["generator"], **best[0]["classifier"], "split": "test"}
    )
    for name in ("preset", "trial_0", f"trial_{count - 1}"):
        assert list((folder.path / name / "logs").rglob("*tfevents*"))


def test_a_random_search_finds_ranks_and_writes(whole):
    check_found(*whole)


def test_a_bayesian_search_finds_ranks_and_writes(
    search_for, tune_data, tmp_path
):
    search = search_for("bayesian", max_trials=4)  # three of them at random
    check_found(*run(search, tune_data, tmp_path / "search"), search)


def test_the_preset_is_scored_as_it_is(whole, tune_data):
    folder, _, search = whole
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
    tried = {"learning_rate": [1e-3, 1e30], "synthetic_per_class": [2, 5]}
    folder, logged = run(
        search_for(tried=tried, max_trials=9), tune_data, tmp_path / "search"
    )

    results = folder.results()[1:]
    assert len(results) == 2  # the space has no more
    (failed,) = [one for one in results if "reason" in one]
    assert failed["generator"] == {"learning_rate": 1e30}
    assert "diverged" in failed["reason"]
    assert "failed in" in logged
    text = report.write(folder)
    assert "failed: Training diverged" in text
    for words in (". The best of 2 (1 more failed):", "is the best of 2 (1 "):
        assert words in text
    assert ranked([failed], "h") == []


def test_a_search_of_failures_alone_says_why(search_for, tune_data, tmp_path):
    search = search_for(tried={"learning_rate": [1e29, 1e30]}, max_trials=2)
    made = runner_of(search, tune_data, tmp_path / "search")
    tuner.GeneratorTuner(made, lambda text: None).search()

    with pytest.raises(InputError, match=r"^Training diverged: ") as error:
        report.write(made.folder)
    assert "Try a smaller" in error.value.action
    assert "2 trials" in error.value.received


def test_an_interrupted_search_continues(
    search_for, tune_data, whole, tmp_path, monkeypatch
):
    search, calls = classifier_search.search, []

    def interrupted(*arguments, **options):
        calls.append(1)
        if len(calls) == 3:  # of the second trial, its generator trained
            raise KeyboardInterrupt
        return search(*arguments, **options)

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
    folder, logged = run(search_for(), tune_data, tmp_path / "search")

    assert without_times(folder) == without_times(whole[0])
    assert "Trial 1 of 3" not in logged
    assert len(calls) == 5
    assert len(trained) == 1  # the third trial's alone


def test_data_that_is_lost_ends_the_search(
    search_for, whole, tiny_name, tiny_dir, tmp_path, monkeypatch
):
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
    folder, logged = run(search_for(), on_disk, tmp_path / "search")

    # No trial was counted as one that failed.
    assert "Trial 1 of 3" not in logged
    assert without_times(folder) == without_times(whole[0])


def test_a_disk_that_is_full_ends_the_search(
    search_for, whole, tune_data, tmp_path
):
    made = runner_of(search_for(), tune_data, tmp_path / "search")
    with (
        full_disk.no_file_above(2000),
        pytest.raises(InputError, match="Cannot save a checkpoint"),
    ):
        tuner.run(made, lambda text: None)

    # No trial was counted as one that failed.
    assert made.folder.results() == []
    folder, _ = run(search_for(), tune_data, tmp_path / "search")
    assert without_times(folder) == without_times(whole[0])


def test_what_nobody_expects_ends_the_search(
    search_for, tune_data, tmp_path, monkeypatch
):
    def broken(*arguments, **options):
        raise ZeroDivisionError

    monkeypatch.setattr(classifier_search, "search", broken)
    made = runner_of(search_for(), tune_data, tmp_path / "search")
    with pytest.raises(keras_tuner.errors.FatalError):
        tuner.GeneratorTuner(made, lambda text: None).search()
    with pytest.raises(ZeroDivisionError):
        tuner.run(made, lambda text: None)
    assert made.folder.results() == []


def test_output_that_nobody_reads_ends_the_search(
    search_for, tune_data, tmp_path, quick_trials
):
    def closed(text):
        if text.startswith("Trial 2"):
            raise BrokenPipeError

    made = runner_of(search_for(), tune_data, tmp_path / "search")
    with pytest.raises(BrokenPipeError):
        tuner.run(made, closed)
    folder, logged = run(search_for(), tune_data, tmp_path / "search")

    assert "Trial 1 of" not in logged
    assert [one["trial"] for one in folder.results()] == ["preset", 1, 2, 3]


def test_a_trial_that_was_only_begun_is_made(
    search_for, tune_data, tmp_path, quick_trials
):
    """As if killed between KerasTuner's two files."""
    made = runner_of(search_for(), tune_data, tmp_path / "search")
    killed = tuner.GeneratorTuner(made, lambda text: None)
    before = (made.folder.path / "oracle.json").read_text()
    killed.oracle.create_trial("tuner0")
    (made.folder.path / "oracle.json").write_text(before)

    folder, logged = run(search_for(), tune_data, tmp_path / "search")

    assert logged.count("Trial 1 of 3") == 1
    assert [one["trial"] for one in folder.results()] == ["preset", 1, 2, 3]


def test_files_of_the_tuner_are_written_whole(tmp_path):
    path = tmp_path / "oracle.json"
    utils = keras_tuner.src.utils
    original = utils.save_json
    with tuner._writing_whole_files():
        assert utils.save_json(str(path), {"a": 1}) == '{"a": 1}'
        with pytest.raises(TypeError):
            utils.save_json(str(path), {"a": object()})

    assert json.loads(path.read_text()) == {"a": 1}
    assert list(tmp_path.iterdir()) == [path]
    assert utils.save_json is original


def test_importing_changes_nothing_in_keras_tuner():
    assert keras_tuner.src.utils.save_json.__module__.startswith("keras_tuner")


def test_guidance_by_a_classifier_makes_its_settings_costly(tiny_config):
    config = tiny_config.replace({"variant": "cwgan_cls"})
    space = space_input.make("cpu", config, (), {})

    assert set(space.classifier) == {"synthetic_per_class", "seen_penalty"}
    assert "classifier_learning_rate" in space.generator


def test_best_json_gives_the_score_of_its_trial(whole, tune_data):
    folder, _, _ = whole
    report.write(folder)
    chosen = Config(**json.loads((folder.path / "best.json").read_text()))
    chosen = chosen.replace({"split": "tune", "classifier_seeds": 1})

    strategy = fit.make_strategy("one")
    generator = fit.train(chosen, tune_data, strategy).generator
    (model,) = final_classifiers.fit(chosen, tune_data, generator)
    score = metrics.score(model, tune_data)

    best = ranked(folder.results(), "h")[0]
    assert score.h == pytest.approx(best["h"], abs=1e-9)


def test_hyperband_promotes_and_continues(search_for, tune_data, tmp_path):
    search = search_for("hyperband", max_trials=13, steps=9)
    folder, logged = run(search, tune_data, tmp_path / "search")

    results = folder.results()[1:]
    steps = [one["steps"] for one in results]
    assert sorted(steps) == [1] * 9 + [3] * 3 + [9]
    assert logged.count("It continues the steps of trial") == 4
    assert logged.count("It continues after step 1.") == 3
    assert logged.count("It continues after step 3.") == 1
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
    folder.remove_trial_checkpoints()
    assert not list(folder.path.rglob("checkpoints"))


def test_hyperband_promotes_in_spite_of_failures(
    search_for, tune_data, tmp_path, quick_trials
):
    tried = {"learning_rate": [1e-3, 1e30], "noise_dim": list(range(2, 9))}
    search = search_for("hyperband", max_trials=13, steps=9, tried=tried)
    folder, _ = run(search, tune_data, tmp_path / "search")

    results = folder.results()[1:]
    assert any("reason" in one for one in results)
    (last,) = [one for one in results if one["steps"] == 9]
    assert "reason" not in last


def test_hyperband_runs_once_through(search_for, tmp_path):
    oracle = search_for("hyperband", steps=9).oracle()
    oracle.max_trials, oracle.hyperband_iterations = None, 1
    oracle._set_project_dir(str(tmp_path), "search")
    random, made = np.random.default_rng(0), 0
    while (trial := oracle.create_trial("tuner0")).status == "RUNNING":
        oracle.update_trial(trial.trial_id, {"h": random.random()})
        trial.status = "COMPLETED"
        oracle.end_trial(trial)
        made += 1

    assert made == TRIALS[HYPERBAND]
    assert search_for("hyperband", steps=90).budgets == (10, 30, 90)
    with pytest.raises(InputError, match="so few steps"):
        search_for("hyperband", steps=8)


def test_test_records_can_be_missing(
    search_for, whole, tiny_dir, tiny_name, tmp_path
):
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

    blind = zero_shot_data.load(tiny_name, tmp_path / "blind", "tune")
    folder, _ = run(search_for(), blind, tmp_path / "search")
    report.write(folder)

    assert without_times(folder) == without_times(whole[0])


def test_a_folder_takes_one_search(search_for, tune_data, tmp_path):
    runner_of(search_for(), tune_data, tmp_path / "search")
    runner_of(search_for(max_trials=9), tune_data, tmp_path / "search")
    with pytest.raises(InputError, match="objective='u'"):
        runner_of(search_for(objective="u"), tune_data, tmp_path / "search")
    with pytest.raises(InputError, match="steps=5"):
        runner_of(search_for(steps=5), tune_data, tmp_path / "search")
    with pytest.raises(InputError, match="not the folder of a search"):
        report.write(SearchFolder(tmp_path))
