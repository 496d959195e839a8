"""A disk that is full, without filling one."""

import contextlib
import resource


@contextlib.contextmanager
def no_file_above(size: int):
    """Lets writes fail as on a full disk: no file grows above so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
