"""Commands of bin/, called in the process of the tests."""

import contextlib
import io
from collections.abc import Callable
from typing import NamedTuple


class Outcome(NamedTuple):
    """What a process would have left: its exit status, and what it printed."""

    status: int
    stdout: str
    stderr: str


def call(command: Callable, *words: object) -> Outcome:
    """Calls `commands.NAME` with the words that follow NAME on a terminal."""
    stdout, stderr = io.StringIO(), io.StringIO()
    status = 0
    with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
        try:
            command([str(word) for word in words])
        except SystemExit as end:
            status = end.code or 0
            if isinstance(status, str):  # as Python ends: a text has status 1
                print(status, file=stderr)
                status = 1
    return Outcome(status, stdout.getvalue(), stderr.getvalue())


def succeed(command: Callable, *words: object) -> str:
    """What a command prints, which ends well."""
    outcome = call(command, *words)
    assert outcome.status == 0, outcome.stdout + outcome.stderr
    return outcome.stdout


def fail(command: Callable, *words: object) -> str:
    """The message of a command that has to refuse what it is given."""
    outcome = call(command, *words)
    assert outcome.status == 1, outcome.stdout + outcome.stderr
    assert "what to do:" in outcome.stderr
    return outcome.stderr
