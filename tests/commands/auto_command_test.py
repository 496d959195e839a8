"""--preset=auto as a user meets it: train, again, tabulate, mistype."""

import json

import pytest

from gmn_tf import commands
from gmn_tf.commands import shared
from gmn_tf.config import Config
from gmn_tf.runs.workdir import as_begun
from gmn_tf.search import auto, space, stages
from gmn_tf.training import unused_settings
from tests.commands.custom_data_command_test import source_folder
from tests.support.in_process import fail, succeed

FIXED = (
    "--dataset=kinds",
    "--steps=2",
    "--critic_steps=1",
    "--batch_size=8",
    "--generator_units=8",
    "--critic_units=8",
    "--prototype_units=8",
    "--prototype_epochs=1",
    "--classifier_epochs=1",
    "--classifier_seeds=1",
)


@pytest.fixture(scope="module", autouse=True)
def _two_values_of_two_settings(quick_training):
    with pytest.MonkeyPatch.context() as patch:
        short = []
        for one in stages.STAGES:
            tried = [(n, v[:2]) for n, v in one.space.items() if len(v) > 1]
            penalty = {space.PENALTY: one.space[space.PENALTY]}
            short.append(one._replace(space={**dict(tried[:2]), **penalty}))
        patch.setattr(stages, "STAGES", tuple(short))
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where data were prepared, and a first run is."""
    folder = tmp_path_factory.mktemp("auto")
    source = source_folder(folder / "kinds", unseen_samples=2)
    data_dir = f"--data_dir={folder / 'data'}"
    printed = succeed(
        commands.prepare_data,
        *(f"--source={source}", "--dataset=kinds", data_dir),
    )
    (line,) = [one for one in printed.splitlines() if one.startswith("Next:")]
    assert line == f"Next: bin/train --dataset=kinds --preset=auto {data_dir}"
    return folder


@pytest.fixture(scope="module")
def words(folder):
    return *FIXED, "--preset=auto", f"--data_dir={folder / 'data'}"


@pytest.fixture(scope="module")
def run(folder, words):
    """A run with chosen settings, and what was printed."""
    path = folder / "run"
    printed = succeed(
        commands.train,
        *(*words, "--nobaseline", "--nolimits", f"--workdir={path}"),
    )
    return path, printed


def read(path):
    return json.loads(path.read_text())


def test_it_chooses_and_trains(run, words):
    path, printed = run

    assert "No test record is read." in printed
    choices, _, scores = printed.partition("Chosen: ")
    assert choices.count(" instead of ") == 8
    assert "joint protocol, test split" in scores
    best = read(path / "search" / "best.json")
    begun = read(path / "config.json")["config"]
    assert begun == as_begun(best, begun)
    assert best["precision"] == "auto"
    assert best["steps"] == 2
    flags = [flag.strip("-").partition("=")[0] for flag in FIXED]
    given = [name for name in Config().to_dict() if name in flags]
    note = unused_settings.note(Config().replace(best), given)
    assert note and f"Note: {note}\n" in scores
    for name in ("choices.csv", "choices.png", "trials.csv"):
        assert (path / "search" / name).exists()

    again = succeed(commands.train, *words, f"--workdir={path}")
    assert "already contains this search" in again
    assert "already contains this run" in again
    (line,) = [
        one
        for one in scores.splitlines()
        if one.startswith((best["variant"] + " ",))
    ]
    assert line in again


def test_the_file_of_settings_gives_the_same_run(run, folder, tmp_path):
    path, _ = run
    succeed(
        commands.train,
        f"--config={path / 'search' / 'best.json'}",
        *(f"--data_dir={folder / 'data'}", f"--workdir={tmp_path / 'same'}"),
        *("--nobaseline", "--nolimits"),
    )

    metrics = [read(one / "metrics.json") for one in (path, tmp_path / "same")]
    assert metrics[0] == metrics[1]


def test_its_folders_are_tabulated(run):
    path, _ = run

    assert "kinds" in succeed(commands.summary, path)
    message = fail(commands.summary, path / "search")
    assert "not a run of bin/train" in message
    shown = succeed(commands.tune, f"--workdir={path / 'search'}", "--summary")
    assert "best.json: h" in shown


def test_bin_tune_makes_the_same_search(run, words, tmp_path):
    path, _ = run
    flags = (*FIXED, words[-1], "--tuner=auto", "--minutes=5")
    printed = succeed(commands.tune, *flags, f"--workdir={tmp_path / 'tune'}")

    assert f"bin/train --config={tmp_path / 'tune' / 'best.json'}" in printed
    files = [
        {one.relative_to(place) for one in place.rglob("*") if one.is_file()}
        for place in (path / "search", tmp_path / "tune")
    ]
    left, right = (
        {one for one in found if "tfevents" not in one.name} for found in files
    )
    assert left == right
    for name in ("best.json", "choices.csv", "search.json"):
        texts = [
            (place / name).read_text()
            for place in (path / "search", tmp_path / "tune")
        ]
        assert texts[0] == texts[1]
    space = succeed(commands.tune, *flags, "--show_space")
    assert set(json.loads(space)) > {"variant", "embedding_norm"}


def test_the_default_folder_does_not_name_a_variant(
    words, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    quick = (*words, "--minutes=0", "--nobaseline", "--nolimits")

    assert succeed(commands.train, *quick, "--split=tune", "--quiet") == ""
    config = read(tmp_path / "runs" / "kinds-tune-auto-1" / "config.json")
    assert config["config"]["split"] == "tune"
    best = "--preset=best", "--variant=real_only"
    printed = succeed(commands.train, *quick, *best)
    assert f"no settings for kinds with {best[1]}: it searches" in printed
    found = tmp_path / "runs" / "kinds-real_only-1"
    assert read(found / "config.json")["config"]["variant"] == "real_only"


def test_the_preset_begins_other_searches():
    flags = "--dataset=kinds", "--preset=auto", "--show_space"
    space = succeed(commands.tune, *flags)

    # The networks are those for a CPU.
    assert [2048, 2048] not in json.loads(space)["generator_units"]
    assert [512] in json.loads(space)["generator_units"]


@pytest.mark.parametrize(
    ("command", "flags", "part"),
    [
        (commands.train, ["--preset=cpu", "--minutes=3"], "--preset=auto"),
        (commands.train, ["--minutes=-1"], "minutes"),
        (commands.tune, ["--minutes=3", "--workdir=x"], "--tuner=auto"),
        (commands.tune, ["--tuner=auto", "--workdir=x", "--max_trials=3"], "h"),
        (
            commands.tune,
            ["--tuner=auto", "--workdir=x", "--objective=u"],
            "maximises h",
        ),
    ],
)
def test_mistakes_end_with_what_to_do(
    command, flags, part, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)

    assert part in fail(command, "--dataset=kinds", *flags)
    assert not list(tmp_path.iterdir())


def test_the_folder_of_another_run_is_refused(run, words, folder, tmp_path):
    other = tmp_path / "other"
    succeed(
        commands.train,
        *(*FIXED, words[-1], "--preset=cpu", "--variant=real_only"),
        *("--nobaseline", "--nolimits", f"--workdir={other}"),
    )

    message = fail(commands.train, *words, f"--workdir={other}")

    assert "whose settings no search has chosen" in message
    assert not (other / "search").exists()
    message = fail(
        commands.train, *words, "--noise_dim=9", f"--workdir={run[0]}"
    )
    assert "noise_dim=9" in message
    everything = f"--config={run[0] / 'search' / 'best.json'}"
    message = fail(
        commands.train, *words, everything, f"--workdir={tmp_path / 'new'}"
    )
    assert "nothing left to choose" in message
    assert not (tmp_path / "new").exists()


def test_processes_cannot_share_it(words, tmp_path, monkeypatch):
    for name, value in (
        ("TUNER_ID", "worker0"),
        ("ORACLE_IP", "127.0.0.1"),
        ("ORACLE_PORT", "8000"),
    ):
        monkeypatch.setenv(f"KERASTUNER_{name}", value)

    message = fail(
        commands.tune, *words, "--tuner=auto", f"--workdir={tmp_path / 'x'}"
    )

    assert "Several processes" in message
    assert not (tmp_path / "x").exists()


def test_the_help_names_the_default_of_minutes():
    assert f"(default: {auto.MINUTES:g})" in str(shared.MINUTES.keywords) + str(
        shared.MINUTES.args
    )
