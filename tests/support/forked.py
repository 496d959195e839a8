"""Processes that have imported TensorFlow already: forks of a server.

Its import takes several seconds of a processor, more than most of what tests do
in processes of their own. Here one process per run of pytest imports it and
starts nothing, so that it has one thread alone, and each process of a test is a
fork of it: signals, exit statuses, output and devices are its own. That a
command starts from nothing too, is seen where `sys.executable` is called.
"""

import contextlib
import multiprocessing
import os
import pathlib
import runpy
import signal
import subprocess
import sys
import threading
from collections.abc import Callable

from tests.support import quick

BIN = pathlib.Path(__file__).parents[2] / "bin"
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(
    [
        "tensorflow",
        "tensorflow_datasets",
        "keras",
        "matplotlib.backends.backend_agg",
        "sklearn.decomposition",
        "tensorboard.plugins.hparams.api",
        "gmn_tf.api",
        "gmn_tf.search.tuner",
        "tests.support.quick",
    ]
)


class Forked:
    """A function in a forked process; what is used of `subprocess.Popen`.

    Args:
        function: of a module, as is what it takes.
        *arguments: what it takes.
        environment: variables that are added to those of this process.
        new_session: whether the process leads a session of its own.

    Attributes:
        stdout: what it prints, stderr too, as text.
        pid: its number.
        returncode: as of `Popen`; None while it runs.
    """

    def __init__(
        self,
        function: Callable,
        *arguments,
        environment: dict[str, str] | None = None,
        new_session: bool = False,
    ):
        reader, writer = CONTEXT.Pipe(duplex=False)
        self._process = CONTEXT.Process(
            target=_run,
            args=(
                function,
                arguments,
                {**os.environ, **(environment or {})},
                os.getcwd(),
                new_session,
                writer,
            ),
            daemon=True,  # none is left at the end of the tests
        )
        self._process.start()
        writer.close()
        self.stdout = os.fdopen(os.dup(reader.fileno()), encoding="utf-8")
        reader.close()
        self.pid = self._process.pid
        self.returncode = None

    def poll(self) -> int | None:
        """The exit status, or None while it runs."""
        self.returncode = self._process.exitcode
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Waits for the end; the exit status."""
        self._process.join(timeout)
        if self.poll() is None:
            raise subprocess.TimeoutExpired("a forked process", timeout)
        return self.returncode

    def communicate(self, timeout: float | None = None) -> tuple[str, None]:
        """Waits for the end; the rest of what it printed."""
        printed = []
        reader = threading.Thread(
            target=lambda: printed.append(self.stdout.read()), daemon=True
        )
        reader.start()
        reader.join(timeout)
        if reader.is_alive():
            raise subprocess.TimeoutExpired("a forked process", timeout)
        self.stdout.close()
        self.wait(timeout)
        return printed[0], None

    def send_signal(self, number: int) -> None:
        """Sends a signal, unless the process has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Ends it at once."""
        self.send_signal(signal.SIGKILL)


def start(name: str, *words: object, quick: bool = True, **options) -> Forked:
    """Starts `bin/NAME` with these words.

    Args:
        name: of the command.
        *words: what follows it on a terminal.
        quick: whether steps run without a graph; see `quick`.
        **options: of `Forked`.
    """
    return Forked(_command, name, list(map(str, words)), quick, **options)


def _command(name: str, words: list[str], quickly: bool) -> None:
    path = BIN / name
    sys.argv = [str(path), *words]
    sys.path.insert(0, str(path.parent))
    with quick.training() if quickly else contextlib.nullcontext():
        runpy.run_path(str(path), run_name="__main__")


def _run(function, arguments, environment, folder, new_session, output):
    if new_session:
        os.setsid()
    for descriptor in (1, 2):
        os.dup2(output.fileno(), descriptor)
    output.close()
    # As Python opens them; the server's may be of a file.
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(  # noqa: SIM115
        2, "w", 1, "utf-8", "backslashreplace", closefd=False
    )
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    function(*arguments)
