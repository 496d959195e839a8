"""One process at a time in a folder: who waits, says so."""

import contextlib
import os
import signal
import threading

import pytest

from gmn_tf.utils import locks, waiting
from gmn_tf.utils.errors import InputError


def test_who_waits_says_for_what(tmp_path, monkeypatch):
    monkeypatch.setattr(waiting, "SILENT_SECONDS", 0.0)
    lines = []
    with contextlib.ExitStack() as other:
        other.enter_context(locks.exclusive(tmp_path))
        with (
            pytest.raises(InputError, match="Another process works in"),
            locks.exclusive(tmp_path),
        ):
            pass

        def log(line):
            lines.append(line)
            other.close()

        with locks.exclusive(tmp_path, log):
            pass
    (line,) = lines
    assert line.startswith(f"Waiting for {tmp_path} since ")
    assert line.endswith(" (another process works there).")
    assert "minutes" not in line  # It does not give up.


@pytest.fixture
def ctrl_c():
    """As on a terminal; what a shell starts with nohup ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_ends_the_waiting(tmp_path, ctrl_c):
    timer = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT))
    with locks.exclusive(tmp_path), pytest.raises(KeyboardInterrupt):
        timer.start()
        with locks.exclusive(tmp_path, print):
            pass
