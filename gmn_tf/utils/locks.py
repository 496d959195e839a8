"""Letting one process at a time work in a folder."""

import contextlib
import math
import os
import time
from collections.abc import Callable, Iterator
from typing import IO

from etils import epath

from gmn_tf.utils import waiting
from gmn_tf.utils.errors import InputError

try:
    import fcntl
except ImportError:  # not on every system
    fcntl = None


@contextlib.contextmanager
def exclusive(
    folder: str | os.PathLike, log: Callable[[str], object] | None = None
) -> Iterator[int | None]:
    """Keeps other processes on this machine out of a folder, which is made.

    Does nothing where there are no locks: on Windows, in cloud storage.

    Args:
        folder: where to work.
        log: gets lines for the user while this process waits for another one
            to leave the folder, however long that takes; without it, it does
            not wait.

    Yields:
        The lock's file. The system releases it with the last process that has
        it open, even when that is killed. None in cloud storage.

    Raises:
        InputError: if another process works there, unless there is a `log`.
    """
    folder = epath.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    if "://" in str(folder):
        yield None
        return
    with (folder / ".lock").open("w") as file:
        away = waiting.Waiting(math.inf, log, "")
        while not _is_locked_by_this_process(file):
            if log is None:
                raise InputError(
                    f"Another process works in {folder}.",
                    "a folder that no other process works in",
                    "a lock that another process holds",
                    "Wait until that process ends, or stop it.",
                )
            away.note({str(folder): "another process works there"})
            time.sleep(waiting.POLL_SECONDS)
        yield file.fileno()


def _is_locked_by_this_process(file: IO) -> bool:
    """Locks a file, unless another process has done so."""
    try:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
