"""bin/tune as a user meets it: killed, distributed, mistyped."""

import csv
import json
import re
import signal
import socket
import time

import pytest

from gmn_tf import commands
from tests.support import forked
from tests.support.in_process import fail, succeed

SMALL = (
    "--dataset=synthetic",
    "--preset=cpu",
    "--variant=cwgan",  # quick to trace
    "--steps=20",
    "--batch_size=8",
    "--critic_steps=1",
    "--checkpoint_every=5",
    "--classifier_epochs=1",
    "--classifier_decay=1",
    "--classifier_learning_rate=0.1",
    "--space=synthetic_per_class=[2,5]",
)
pytestmark = pytest.mark.usefixtures("quick_training")


def start(*words, **environment):
    return forked.start("tune", *words, environment=environment)


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    """The flag of a folder in which the synthetic set is prepared."""
    flag = f"--data_dir={tmp_path_factory.mktemp('tune')}"
    succeed(commands.prepare, "--dataset=synthetic", flag)
    return flag


def table(folder):
    """trials.csv, less what another run need not repeat."""
    with open(folder / "trials.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        del row["seconds"]
    return rows


def test_killed_in_a_trial_it_continues(data_dir, tmp_path):
    def words(name):
        workdir = f"--workdir={tmp_path / name}"
        return (*SMALL, data_dir, "--tuner=random", "--max_trials=2", workdir)

    process = start(*words("killed"))
    for line in process.stdout:
        if line.startswith("Trial 2"):
            break
    checkpoints = tmp_path / "killed" / "trial_1" / "checkpoints"
    while not (checkpoints / "checkpoint").exists():
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    again = succeed(commands.tune, *words("killed"))
    succeed(commands.tune, *words("whole"))

    assert re.findall(r"^Trial (\d)", again, re.MULTILINE) == ["2"]
    assert re.search(r"^It continues after step \d+\.$", again, re.MULTILINE)
    assert table(tmp_path / "killed") == table(tmp_path / "whole")
    assert "The test splits were not touched" in again
    workdir = f"--workdir={tmp_path / 'whole'}"
    summary = succeed(commands.tune, workdir, "--summary").splitlines()
    shown = again.replace("killed", "whole").split("\n\n", 1)[1].splitlines()
    assert summary[:4] == shown[:4]
    trained = succeed(
        commands.train,
        f"--config={tmp_path / 'whole' / 'best.json'}",
        *("--nobaseline", data_dir, f"--workdir={tmp_path / 'run'}"),
    )
    assert "test" in trained
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    best = json.loads((tmp_path / "whole" / "best.json").read_text())
    # What the machine of a run decides, that of another need not.
    assert {**config["config"], "precision": "auto"} == best


def test_a_chief_and_two_workers_share_the_trials(data_dir, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    flags = (
        *SMALL,
        data_dir,
        "--tuner=random",
        "--max_trials=4",
        f"--workdir={tmp_path / 'shared'}",
    )
    processes = {
        name: start(
            *flags,
            KERASTUNER_TUNER_ID=name,
            KERASTUNER_ORACLE_IP="127.0.0.1",
            KERASTUNER_ORACLE_PORT=port,
        )
        for name in ("chief", "worker0", "worker1")
    }
    printed = {}
    try:
        for name in ("worker0", "worker1", "chief"):
            printed[name] = processes[name].communicate(timeout=300)[0]
            assert processes[name].returncode == 0, printed[name]
    finally:
        for process in processes.values():
            process.kill()
    made = {
        name: re.findall(r"^Trial (\d) of 4", text, re.MULTILINE)
        for name, text in printed.items()
    }
    assert made["chief"] == []
    assert sorted(made["worker0"] + made["worker1"]) == list("1234")
    assert "best.json" in printed["chief"]
    rows = table(tmp_path / "shared")
    assert {row["trial"] for row in rows} == {"preset", *"1234"}
    assert not list((tmp_path / "shared").rglob("checkpoints"))


@pytest.mark.parametrize("tried", ["[2,46]", '{"min": 2, "max": 46}'])
def test_more_classes_than_the_data_has_are_refused(tried, data_dir, tmp_path):
    message = fail(
        commands.tune,
        *(*SMALL, data_dir, f"--workdir={tmp_path / 'search'}"),
        "--variant=cwgan_gm",
        f"--space=matching_classes={tried}",
    )
    assert "--matching_classes is larger" in message
    assert "received: 46" in message
    assert not (tmp_path / "search").exists()


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["--tuner=grid", "--workdir=x"], "one of bayesian"),
        (["--objective=acc", "--workdir=x"], "one of h, t1, u, s"),
        (["--split=test", "--workdir=x"], "choose settings on the test"),
        (["--space=noise_dim=64,128", "--workdir=x"], "are not JSON"),
        (["--space=nodim=[1,2]", "--workdir=x"], "Did you mean 'noise_dim'"),
        (["--dataset=synthetic"], "--workdir is missing."),
        (["--summary", "--workdir=x"], "not the folder of a search"),
    ],
)
def test_mistakes_end_with_what_to_do(words, part, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert part in fail(commands.tune, *words)
    assert not list(tmp_path.iterdir())
