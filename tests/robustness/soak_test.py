"""A training that is killed again and again; minutes long, so on demand.

GMN_TF_SOAK_KILLS=20 pytest -n0 -s tests/robustness/soak_test.py
"""

import os
import pathlib
import random
import subprocess
import sys
import time

import numpy as np
import pytest

from gmn_tf.method.generator import Generator
from gmn_tf.runs.workdir import Workdir

ROOT = pathlib.Path(__file__).parents[2]
KILLS = int(os.environ.get("GMN_TF_SOAK_KILLS", "0"))
FLAGS = (
    "--dataset=synthetic",
    "--variant=cwgan_gm",
    "--preset=cpu",
    "--steps=4000",
    "--checkpoint_every=23",
    "--log_every=10",
    "--theta_reset_steps=7",
    "--deterministic",
)


def start(data_dir, workdir):
    return subprocess.Popen(
        [sys.executable, ROOT / "bin" / "train", *FLAGS, "--workdir", workdir],
        env={**os.environ, "TFDS_DATA_DIR": str(data_dir)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def run_whole(data_dir, workdir):
    """Runs without a kill; seconds to the first checkpoint, and in all."""
    begun = time.monotonic()
    process = start(data_dir, workdir)
    wait_for_step(process, workdir, 1)
    start_up = time.monotonic() - begun
    process.communicate()
    return start_up, time.monotonic() - begun


def wait_for_step(process, workdir, step):
    """Waits for a checkpoint of that step, or a later one."""
    while last_step(workdir) < step:
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.02)


def last_step(workdir):
    """The step of the newest checkpoint."""
    names = (workdir / "checkpoints").glob("*.index")
    return max((int(name.stem.partition("-")[2]) for name in names), default=0)


def weights(workdir):
    return Workdir(workdir).load_model("generator", Generator).get_weights()


@pytest.mark.skipif(not KILLS, reason="set GMN_TF_SOAK_KILLS to run it")
def test_killed_at_random_moments_it_ends_the_same(tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    start_up, seconds = run_whole(tmp_path, whole)
    moments = random.Random(1)
    steps = []
    while len(steps) < KILLS:
        process = start(tmp_path, killed)
        # By turns while it starts, and after it has come further.
        if len(steps) % 2:
            wait_for_step(process, killed, steps[-1] + 1)
            time.sleep(moments.uniform(0.0, seconds / KILLS))
        else:
            time.sleep(moments.uniform(0.0, start_up))
        assert process.poll() is None, "it ended before enough kills"
        process.kill()
        process.communicate()
        steps.append(last_step(killed))
        print(f"kill {len(steps)}: saved up to step {steps[-1]}", flush=True)
    printed = start(tmp_path, killed).communicate()[0]

    assert "Continuing after step" in printed
    assert steps == sorted(steps)  # nothing saved was lost
    for name in ("metrics.json", "class_accuracy.csv"):
        assert (killed / name).read_bytes() == (whole / name).read_bytes()
    for mine, other in zip(weights(killed), weights(whole), strict=True):
        np.testing.assert_array_equal(mine, other)
