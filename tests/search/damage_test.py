"""Files of a search that were cut short: it goes on, or says what to remove."""

import functools
import itertools
import json
import shutil

import pytest

from gmn_tf.search import report, tuner
from gmn_tf.search.folder import SearchFolder
from gmn_tf.utils.errors import InputError
from tests.support.searches import run, runner_of, without_times

CUTS = (0, 1, 0.5, -2)  # bytes that are kept; a share; all but so many
TRIALS = {"random": 4, "bayesian": 5, "hyperband": 13}


def cut(path, kept):
    """Shortens a file."""
    content = path.read_bytes()
    size = int(kept * len(content)) if kept == 0.5 else kept
    path.write_bytes(content[:size])


@pytest.fixture(scope="module")
def stopped(search_for, tune_data, tmp_path_factory):
    """By kind: a search that stopped at its last trial, and all results."""

    @functools.cache
    def make(kind):
        search = search_for(kind, max_trials=TRIALS[kind], steps=9)
        path = tmp_path_factory.mktemp("stopped") / "search"

        def stop(text):
            if text.startswith(f"Trial {TRIALS[kind]} of"):
                raise BrokenPipeError

        with pytest.raises(BrokenPipeError):
            tuner.run(runner_of(search, tune_data, path), stop)
        shutil.copytree(path, path.parent / "whole")
        whole, _ = run(search, tune_data, path.parent / "whole")
        return search, path, without_times(whole)

    return make


@pytest.fixture
def begun(stopped, tmp_path, quick_trials):
    """A copy of `stopped` in a folder of the test."""

    def make(kind="random"):
        search, path, expected = stopped(kind)
        shutil.copytree(path, tmp_path / "search")
        return search, SearchFolder(tmp_path / "search"), expected

    return make


# The Gaussian process takes its time: one cut of each file.
@pytest.mark.parametrize(
    ("kind", "kept"),
    [*itertools.product(("random", "hyperband"), CUTS), ("bayesian", 0.5)],
)
@pytest.mark.parametrize(
    "name", ["oracle.json", "trial_{}/trial.json", "trial_{}/result.json"]
)
def test_cut_short_it_goes_on(kind, kept, name, begun, tune_data):
    search, folder, expected = begun(kind)
    path = folder.path / name.format("1".zfill(len(str(TRIALS[kind]))))
    cut(path, kept)

    _, logged = run(search, tune_data, folder.path)

    assert "damaged" in logged
    assert without_times(folder) == expected
    # Only the last one is new, and the one whose result was lost.
    again = 2 if path.name == "result.json" else 1
    assert logged.count(f" of {TRIALS[kind]}: ") == again


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "oracle.json").unlink(),
        lambda folder: (folder / "oracle.json").write_text("{}"),
        lambda folder: (folder / "oracle.json").write_text("[null]"),
        lambda folder: (folder / "trial_0" / "trial.json").unlink(),
        lambda folder: (folder / "trial_0" / "trial.json").write_text("{}"),
        lambda folder: shutil.rmtree(folder / "trial_1"),
    ],
)
def test_what_is_gone_or_empty_is_made_again(change, begun, tune_data):
    search, folder, expected = begun()
    change(folder.path)

    run(search, tune_data, folder.path)

    assert without_times(folder) == expected


def test_results_of_other_settings_are_kept(begun, tune_data):
    """As workers leave them, which end in another order than one process."""
    search, folder, _ = begun()
    path = folder.path / "trial_1" / "result.json"
    result = json.loads(path.read_text())
    result["generator"]["learning_rate"] = 0.00777
    path.write_text(json.dumps(result))
    (folder.path / "oracle.json").write_text("")

    run(search, tune_data, folder.path)

    found = folder.results()[2]["generator"]
    assert found["learning_rate"] == 0.00777
    memory = json.loads((folder.path / "trial_1" / "trial.json").read_text())
    assert memory["hyperparameters"]["values"]["learning_rate"] == 0.00777


@pytest.mark.parametrize("name", ["search.json", "config.json"])
@pytest.mark.parametrize("kept", CUTS[:3])
def test_what_names_the_search_is_to_be_removed(name, kept, begun, tune_data):
    search, folder, expected = begun()
    cut(folder.path / name, kept)

    with pytest.raises(InputError, match="Remove this file") as caught:
        run(search, tune_data, folder.path)
    assert str(folder.path / name) in str(caught.value)
    (folder.path / name).unlink()
    run(search, tune_data, folder.path)

    assert without_times(folder) == expected


@pytest.mark.parametrize("name", ["trials.csv", "best.json", "trials.png"])
def test_what_it_only_writes_is_written_anew(name, begun, tune_data):
    search, folder, _ = begun()
    run(search, tune_data, folder.path)
    report.write(folder)
    content = (folder.path / name).read_bytes()
    cut(folder.path / name, 0.5)
    run(search, tune_data, folder.path)
    report.write(folder)

    assert (folder.path / name).read_bytes() == content


def test_a_table_of_a_damaged_result_says_what_to_remove(begun):
    _, folder, _ = begun()
    cut(folder.path / "trial_0" / "result.json", 0.5)

    with pytest.raises(InputError, match="Remove this file"):
        report.write(SearchFolder(folder.path))


@pytest.mark.parametrize("kind", ["random", "bayesian"])
def test_a_small_space_ends_the_search(
    kind, search_for, tune_data, tmp_path, quick_trials
):
    search = search_for(kind, max_trials=9, tried={"noise_dim": [2, 3]})
    folder, logged = run(search, tune_data, tmp_path / "search")

    assert "has 2 combinations of values, fewer than --max_trials=9" in logged
    assert "Trial 2 of 2" in logged
    assert [one["trial"] for one in folder.results()] == ["preset", 1, 2]


def test_combinations_are_counted(search_for):
    tried = {"noise_dim": {"min": 2, "max": 4}, "beta_1": [0.0, 0.5]}
    assert search_for(tried=tried, max_trials=7).total == 6
    assert not search_for(tried=tried, max_trials=6).note_on_size()
    assert (
        search_for("hyperband", tried=tried, steps=9, max_trials=7).total == 7
    )
    assert search_for(max_trials=10**6).total == 10**6


def test_a_copy_of_a_trial_is_left_alone(tmp_path):
    lines = []
    for name in ("trial_0", "copy_of_trial_0"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "result.json").write_text("{")

    assert SearchFolder(tmp_path).discard_damaged(lines.append)
    assert len(lines) == 1
    assert [p.parent.name for p in tmp_path.glob("*/result.json")] == [
        "copy_of_trial_0"
    ]
