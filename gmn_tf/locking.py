"""Keeping a second process out of a folder."""

import contextlib
import pathlib
from collections.abc import Iterator

from gmn_tf.errors import InputError

try:
    import fcntl
except ImportError:  # not on every system
    fcntl = None


@contextlib.contextmanager
def alone(folder: pathlib.Path) -> Iterator[int]:
    """Refuses a second process in the same folder, which is made.

    Yields:
        The lock's file. The system releases it with the last process that has
        it open, even when that is killed.

    Raises:
        InputError: if another process works there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as file:
        try:
            if fcntl is not None:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InputError(
                f"Another process works in {folder}.",
                "one process at a time",
                "its lock is held",
                "wait for its end, or stop it and the run it has begun",
            ) from error
        yield file.fileno()
