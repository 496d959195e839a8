"""Letting one process at a time write to a folder."""

import contextlib
from collections.abc import Iterator

from etils import epath

try:
    import fcntl
except ImportError:  # Not on every system.
    fcntl = None


@contextlib.contextmanager
def only_one_process(folder: epath.Path) -> Iterator[None]:
    """Waits until no other process on this machine is in the same block.

    Does nothing where there are no locks: on Windows, in cloud storage.
    """
    if fcntl is None or "://" in str(folder):
        yield
        return
    with (folder / ".lock").open("w") as file:
        # Released by the system, even when the process is killed.
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
