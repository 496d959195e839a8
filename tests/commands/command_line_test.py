"""How commands start and end, in a process of their own where that counts."""

import os
import pathlib
import re
import signal
import subprocess
import sys
import time

import pytest

from gmn_tf import commands
from gmn_tf.commands import _tune, command_line, define, shared
from gmn_tf.commands.command_line import command
from gmn_tf.method.metrics import SCORES
from gmn_tf.search import search
from gmn_tf.training import fit
from tests.support.in_process import call, fail, succeed

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOURCES = ("gmn_tf", "datasets")

NUMBER = define.integer("number", 3, "A number.", 1)
NAMES = sorted(
    path.name
    for path in (ROOT / "bin").iterdir()
    if not path.name.startswith("_")
)


@command(
    NUMBER,
    define.string("here", None, "A place."),
    define.string("there", None, "Another place."),
    define.strings("again", None, "Places."),
    define.enum("colour", "red", ["red", "green"], "A colour."),
    define.exclusive(["here", "there"]),
)
def show(values) -> None:
    """Prints its number.

    bin/show --number=7
    """
    print(values.number, values.colour)


@command(define.string("here", None, "A place."), NUMBER)
def only_here(values) -> None:
    """Prints nothing."""


def test_paths_in_printed_commands_are_quoted():
    # Text of a command, and a value in braces that shlex has not seen.
    unquoted = re.compile(
        r"\bf\"[^\"\n]*(?:\bbin/\w+|tensorboard|pip) [^\"{\n]*\{(?!shlex)"
    )
    assert unquoted.search('f"Run bin/train --workdir={workdir}"')
    sources = [p for f in SOURCES for p in (ROOT / f).rglob("*.py")]
    assert len(sources) > 50
    assert not [p for p in sources if unquoted.search(p.read_text("utf-8"))]


def test_calls_in_one_process_share_no_flags():
    assert succeed(show, "--number=7") == "7 red\n"
    assert succeed(show, "--here=x") == "3 red\n"
    assert "Unknown flag --there" in fail(only_here, "--there=x")


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (
            ["--nubmer=7"],
            ["Unknown flag --nubmer.", "--nubmer=7", "Did you mean --number?"],
        ),
        (
            ["--colour=geen"],
            ["Unknown value for --colour.", "one of red, green", "'green'"],
        ),
        (["--number=0"], ["value for --number", "a positive integer", "'0'"]),
        (["--number=a:b"], ["value for --number", "received: 'a:b'"]),
        (
            ["--here=1", "--there=2"],
            ["Give at most one of --here and --there.", "bin/show --number=7"],
        ),
        (["--here="], ["--here has an empty value."]),
        (["--again=x", "--again="], ["--again has an empty value."]),
        (["number=7"], ["Unexpected argument", "Did you mean --number=7"]),
        (["nubmer=7"], ["Did you mean --number=7?"]),
        (["green"], ["Did you mean --colour=green?"]),
        (["--here", "x", "runs/x"], ["argument: runs/x", "as in --name=value"]),
        (["--number"], ["Missing value for flag --number"]),
    ],
)
def test_bad_flags_are_explained(words, parts):
    message = fail(show, *words)

    assert all(part in message for part in parts), message


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("predict", "--workdir is missing."),
        ("predict", "Give exactly one of --features and --images."),
        ("export", "Give --workdir and --out;"),
        ("extract_features", "--images is missing. --out is missing."),
        ("prepare_data", "bin/prepare_data --source=mybirds"),
        ("tune", "--workdir is missing."),
        ("evaluate", "Name one folder"),
    ],
)
def test_required_flags_are_asked_for(name, message):
    assert message in fail(getattr(commands, name))


def test_choices_of_flags_are_those_of_the_package():
    values = command_line.define_flags(commands.tune.definitions)

    assert tuple(values["strategy"].parser.enum_values) == fit.STRATEGIES
    assert tuple(values["jit"].parser.enum_values) == fit.JIT
    assert (*search.TRIALS, search.AUTO) == _tune.TUNERS
    assert set(_tune.OBJECTIVES) == set(SCORES)
    assert set(shared.SETTINGS) < set(values)


def test_words_that_are_no_flags_are_refused():
    assert "Did you mean --dataset=cub" in fail(commands.train, "dataset=cub")


@pytest.mark.parametrize("name", NAMES)
def test_help_lists_every_flag(name):
    function = getattr(commands, name)
    outcome = call(function, "--help")

    assert outcome.status == 0
    assert f"bin/{name} " in outcome.stdout
    for each in command_line.define_flags(function.definitions):
        assert f"--{each}:" in outcome.stdout.replace("[no]", "")


def test_defaults_in_the_help():
    text = call(commands.train, "--help").stdout
    assert "(default: cub)" in " ".join(text.split())
    for default in ("false", "true", "50", "0.5", "0", "'release'"):
        assert f"(default: {default})\n" in text
    assert re.search(r"default: '[\d.tf]", text) is None
    assert "default: )" not in text


def test_help_needs_no_tensorflow():
    code = (
        "import sys; from gmn_tf import commands\n"
        f"for name in {NAMES}:\n"
        "    getattr(commands, name)(['--help'])\n"
        "    assert 'tensorflow' not in sys.modules\n"
        "print('all')"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert shown.stdout.endswith("all\n")


def test_a_reader_that_has_had_enough_is_no_error():
    code = (
        "from gmn_tf.commands import command_line\n"
        "@command_line.command()\n"
        "def count(values):\n"
        "    'usage'\n"
        "    for number in range(10**5): print(number)\n"
        "count()"
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
from gmn_tf.commands import command_line
command_line.start_tensorflow()
with command_line.without_noise():
    os.write(2, b"I0000 noise\\nWARNING: real\\n")
import tensorflow as tf
tf.ones([])
"""
    result = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "1"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert result.stderr == "WARNING: real\n"


def test_what_is_held_back_survives_an_error(capfd):
    with pytest.raises(ImportError), command_line.without_noise():
        os.write(2, b"the reason\n")
        raise ImportError

    assert capfd.readouterr().err == "the reason\n"


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_installation_is_explained(name):
    result = subprocess.run(
        [sys.executable, "-S", ROOT / "bin" / name],  # no installed packages
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 1
    assert "pip install -e ." in result.stderr
    assert "Traceback" not in result.stderr


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
        # What a shell runs in the background ignores Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    logs = tmp_path / "run" / "logs"
    deadline = time.monotonic() + 120.0
    while not logs.exists() and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)

    assert process.returncode == command_line.INTERRUPTED
    assert "The same command continues" in stderr
    assert "Traceback" not in stderr
    assert not (tmp_path / "run" / "metrics.json").exists()
