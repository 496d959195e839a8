"""bin/tune as a user meets it: killed, shared out, mistyped."""

import csv
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import time

import pytest

ROOT = pathlib.Path(__file__).parents[2]
SMALL = (
    "--dataset=synthetic",
    "--preset=cpu",
    "--steps=40",
    "--batch_size=8",
    "--critic_steps=1",
    "--checkpoint_every=5",
    "--classifier_epochs=1",
    "--classifier_decay=1",
    "--classifier_learning_rate=0.1",
    "--space=synthetic_per_class=[2,5]",
)


def start(data_dir, *flags, command="tune", **environment):
    return subprocess.Popen(
        [sys.executable, str(ROOT / "bin" / command), *flags],
        env={**os.environ, "TFDS_DATA_DIR": str(data_dir), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def ended(process, timeout=300):
    told = process.communicate(timeout=timeout)[0]
    assert process.returncode == 0, told
    return told


@pytest.fixture(scope="module")
def prepared_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tune")
    ended(start(folder, "--dataset=synthetic", command="prepare"))
    return folder


def table(folder):
    """trials.csv, less what another run need not repeat."""
    with open(folder / "trials.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        del row["seconds"]
    return rows


def test_killed_in_a_trial_it_goes_on(prepared_dir, tmp_path):
    def flags(name):
        workdir = f"--workdir={tmp_path / name}"
        return (*SMALL, "--tuner=random", "--max_trials=3", workdir)

    process = start(prepared_dir, *flags("killed"))
    for line in process.stdout:
        if line.startswith("Trial 2"):
            break
    checkpoints = tmp_path / "killed" / "trial_1" / "checkpoints"
    while not (checkpoints / "checkpoint").exists():
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    again = ended(start(prepared_dir, *flags("killed")))
    ended(start(prepared_dir, *flags("whole")))

    assert re.findall(r"^Trial (\d)", again, re.MULTILINE) == ["2", "3"]
    assert re.search(r"^It goes on after step \d+\.$", again, re.MULTILINE)
    assert table(tmp_path / "killed") == table(tmp_path / "whole")
    assert "The test splits were not touched" in again
    summary = ended(
        start(prepared_dir, f"--workdir={tmp_path / 'whole'}", "--summary")
    )
    assert (
        summary.strip().splitlines()[:4]
        == (
            again.replace("killed", "whole")
            .split("\n\n", 1)[1]
            .splitlines()[:4]
        )
    )
    trained = ended(
        start(
            prepared_dir,
            f"--config={tmp_path / 'whole' / 'best.json'}",
            "--nobaseline",
            f"--workdir={tmp_path / 'run'}",
            command="train",
        )
    )
    assert "test" in trained
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    best = json.loads((tmp_path / "whole" / "best.json").read_text())
    assert config["config"] == best


def test_a_chief_and_two_workers_share_the_trials(prepared_dir, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    flags = (
        *SMALL,
        "--tuner=random",
        "--max_trials=6",
        f"--workdir={tmp_path / 'shared'}",
    )
    processes = {
        name: start(
            prepared_dir,
            *flags,
            KERASTUNER_TUNER_ID=name,
            KERASTUNER_ORACLE_IP="127.0.0.1",
            KERASTUNER_ORACLE_PORT=port,
        )
        for name in ("chief", "worker0", "worker1")
    }
    told = {name: ended(process) for name, process in processes.items()}

    made = {
        name: re.findall(r"^Trial (\d) of 6", told[name], re.MULTILINE)
        for name in told
    }
    assert made["chief"] == []
    assert sorted(made["worker0"] + made["worker1"]) == list("123456")
    assert "best.json" in told["chief"]
    rows = table(tmp_path / "shared")
    assert {row["trial"] for row in rows} == {"preset", *"123456"}
    assert not list((tmp_path / "shared").rglob("checkpoints"))


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--tuner=grid", "--workdir=x"], "one of bayesian"),
        (["--objective=acc", "--workdir=x"], "one of h, t1, u, s"),
        (["--split=test", "--workdir=x"], "choose settings on them"),
        (["--space=noise_dim=64,128", "--workdir=x"], "is no JSON"),
        (["--space=nodim=[1,2]", "--workdir=x"], "id you mean 'noise_dim'"),
        (["--dataset=synthetic"], "Where shall the search be kept"),
        (["--summary", "--workdir=x"], "not the folder of a search"),
    ],
)
def test_mistakes_end_with_what_to_do(flags, told, tmp_path):
    process = subprocess.run(
        [sys.executable, str(ROOT / "bin" / "tune"), *flags],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert process.returncode == 1
    assert told in process.stderr
    assert "what to do" in process.stderr
    assert "Traceback" not in process.stderr
    assert not list(tmp_path.iterdir())
