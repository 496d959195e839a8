import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from gmn_tf.commands import command_line
from gmn_tf.utils.errors import InputError

ROOT = pathlib.Path(__file__).resolve().parents[2]


def test_words_that_are_no_flags_are_refused():
    command_line.check_no_arguments([])
    with pytest.raises(InputError, match="did you mean --dataset=cub"):
        command_line.check_no_arguments(["dataset=cub"])


def test_a_reader_that_has_had_enough_is_no_error():
    code = (
        "import sys; from gmn_tf import command_line\n"
        "def command(values, arguments):\n"
        "    for number in range(10**5): print(number)\n"
        "sys.argv = ['command']; command_line.run(command, 'usage')"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline() == "0\n"
        process.stdout.close()
        assert process.wait(60) == command_line.BROKEN_PIPE
        assert process.stderr.read() == ""


def test_noise_is_left_out_and_warnings_are_not():
    code = """
import os
from gmn_tf import command_line
command_line.start_tensorflow()
with command_line._without_noise():
    os.write(2, b"I0000 noise\\nWARNING: real\\n")
import tensorflow as tf
tf.ones([])
"""
    told = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "1"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert told.stderr == "WARNING: real\n"


def test_what_is_held_back_survives_an_error(capfd):
    with pytest.raises(ImportError), command_line._without_noise():
        os.write(2, b"the reason\n")
        raise ImportError

    assert capfd.readouterr().err == "the reason\n"


@pytest.mark.parametrize(
    "name",
    sorted(
        path.name
        for path in (ROOT / "bin").iterdir()
        if not path.name.startswith("_")
    ),
)
def test_what_is_not_installed_is_told(name):
    told = subprocess.run(
        [sys.executable, "-S", ROOT / "bin" / name],  # no installed packages
        capture_output=True,
        text=True,
        check=False,
    )

    assert told.returncode == 1
    assert "pip install -e ." in told.stderr
    assert "Traceback" not in told.stderr


def test_ctrl_c_ends_in_one_line(tmp_path):
    process = subprocess.Popen(
        [
            *(sys.executable, ROOT / "bin" / "train", "--dataset=synthetic"),
            f"--workdir={tmp_path}/run",
            f"--data_dir={tmp_path}",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # What a shell runs in the background is told to ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    logs = tmp_path / "run" / "logs"
    deadline = time.monotonic() + 120.0
    while not logs.exists() and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)

    assert process.returncode == command_line.INTERRUPTED
    assert "The same command goes on" in told
    assert "Traceback" not in told
    assert not (tmp_path / "run" / "metrics.json").exists()
