"""Letting one process at a time work in a folder."""

import contextlib
import os
from collections.abc import Iterator

from etils import epath

from gmn_tf.utils.errors import InputError

try:
    import fcntl
except ImportError:  # not on every system
    fcntl = None


@contextlib.contextmanager
def exclusive(
    folder: str | os.PathLike, wait: bool = False
) -> Iterator[int | None]:
    """Keeps other processes on this machine out of a folder, which is made.

    Does nothing where there are no locks: on Windows, in cloud storage.

    Args:
        folder: where to work.
        wait: whether to wait for another process to leave it.

    Yields:
        The lock's file. The system releases it with the last process that has
        it open, even when that is killed. None in cloud storage.

    Raises:
        InputError: if another process works there, unless `wait`.
    """
    folder = epath.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    if "://" in str(folder):
        yield None
        return
    with (folder / ".lock").open("w") as file:
        try:
            if fcntl is not None:
                how = fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB)
                fcntl.flock(file, how)
        except BlockingIOError as error:
            raise InputError(
                f"Another process works in {folder}.",
                "a folder that no other process works in",
                "a lock that another process holds",
                "Wait until that process ends, or stop it.",
            ) from error
        yield file.fileno()
