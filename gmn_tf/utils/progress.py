"""A progress bar on the terminal, with the time left."""

import contextlib
import sys
from collections.abc import Callable, Iterator

import tqdm

SECONDS_IN_A_FILE = 30.0  # between two states of a bar


@contextlib.contextmanager
def progress(
    what: str, total: int, quiet: bool, unit: str = "epoch"
) -> Iterator[Callable[..., object]]:
    """A bar for a loop of `total` units; gives the call that moves it on."""
    interval = 0.5 if sys.stderr.isatty() else SECONDS_IN_A_FILE
    with tqdm.tqdm(
        total=total,
        desc=what,
        unit=unit,
        disable=quiet,
        mininterval=interval,
        maxinterval=interval,
    ) as bar:
        yield bar.update
