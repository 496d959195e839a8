"""A progress bar on the terminal, with the time left; times as texts."""

import contextlib
import sys
from collections.abc import Callable, Iterator

import tqdm

SECONDS_IN_A_FILE = 30.0  # between two states of a bar
SHORTER = 3.0  # divides it for a bar that does not stay


class _Lines:
    """Writes states of a bar to stderr as lines, not over each other."""

    encoding = "ascii"  # what every file can hold

    def write(self, text: str) -> None:
        # What moves on a terminal is left out.
        if state := text.replace("\x1b[A", "").strip():
            print(state, file=sys.stderr)

    def flush(self) -> None:
        sys.stderr.flush()


@contextlib.contextmanager
def progress(
    what: str,
    total: int | None,
    quiet: bool,
    unit: str = "epoch",
    leave: bool = True,
    start: int = 0,
) -> Iterator[Callable[..., None]]:
    """A bar for a loop of `total` units; yields the call that moves it on.

    The call takes how many units have been done since the last one (1 unless
    it is given), and a text that stands beside the bar.

    Args:
        what: is done, as in `classifiers`.
        total: units in all, or about as many; None if unknown.
        quiet: whether to show nothing.
        unit: what is counted; `B` (bytes) are shown as kB, MB and so on.
        leave: whether the bar stays when the loop has ended. One that does
            not is only shown where the loop takes long.
        start: units that were done before this loop.
    """
    interval = SECONDS_IN_A_FILE / (1.0 if leave else SHORTER)
    file = _Lines()
    if sys.stderr.isatty():
        interval, file = 0.5, None
    with tqdm.tqdm(
        total=total,
        initial=start,
        desc=what,
        unit=unit,
        unit_scale=unit == "B",
        disable=quiet,
        mininterval=interval,
        maxinterval=interval,
        leave=leave,
        delay=0 if leave else interval,
        file=file,
    ) as bar:

        def advance(units: int = 1, beside: str = "") -> None:
            bar.set_postfix_str(beside, refresh=False)
            if bar.total is not None:  # which may have been a guess
                bar.total = max(bar.total, bar.n + units)
            bar.update(units)

        yield advance


def print_line(text: str) -> None:
    """Prints a line; bars that are shown move below it."""
    with tqdm.tqdm.external_write_mode():
        print(text, flush=True)


def logger(quiet: bool) -> Callable[[str], object]:
    """What prints a line on stderr, where the bars are; nothing if `quiet`."""

    def log(text: str) -> None:
        if not quiet:
            with tqdm.tqdm.external_write_mode(sys.stderr):
                print(text, file=sys.stderr, flush=True)

    return log


def duration(seconds: float) -> str:
    """A time as text: seconds below one minute, then minutes, then hours."""
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    minutes = seconds / 60.0
    return f"{minutes:.1f} min" if minutes < 90.0 else f"{minutes / 60:.1f} h"
