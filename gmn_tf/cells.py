"""Runs cells one after the other, or several at once, and resumes.

Each is a process of its own. Killed at any point, the next call leaves out what
is done: a cell's result is written last, and whole.
"""

import concurrent.futures
import contextlib
import fcntl
import itertools
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence

from gmn_tf.errors import InputError
from gmn_tf.reproduction import Cell

START = "from gmn_tf import commands; commands.{}()"
TIMES = "times.json"


class Times:
    """How long cells took, by name, kept in a file."""

    def __init__(self, out: pathlib.Path):
        self.path = out / TIMES
        self.entries = {}
        with contextlib.suppress(OSError, ValueError):
            self.entries = json.loads(self.path.read_text(encoding="utf-8"))

    def add(self, cell: Cell, seconds: float) -> None:
        """Notes the time of a finished cell."""
        self.entries[cell.name] = {"kind": cell.kind, "seconds": seconds}
        temporary = self.path.with_suffix(".tmp")
        text = json.dumps(self.entries, indent=2, sort_keys=True)
        temporary.write_text(text + "\n", encoding="utf-8")
        temporary.replace(self.path)

    def estimate(self, cells: Sequence[Cell]) -> float | None:
        """Seconds that cells will take, one after the other.

        Cells of a kind that was never timed count as the mean of all others;
        None if nothing was.
        """
        known = {}
        for entry in self.entries.values():
            known.setdefault(entry["kind"], []).append(entry["seconds"])
        if not known:
            return None
        medians = {
            kind: statistics.median(all_) for kind, all_ in known.items()
        }
        other = statistics.mean(medians.values())
        return sum(medians.get(cell.kind, other) for cell in cells)


def summary(cells: Sequence[Cell], times: Times, jobs: int) -> str:
    """What is done, what is left, and how long that may take."""
    left = [cell for cell in cells if not cell.done]
    text = f"{len(cells)} cells: {len(cells) - len(left)} done"
    if not left:
        return text + "."
    return f"{text}, {len(left)} left{_time_left(times, left, jobs)}."


def run(
    cells: Sequence[Cell],
    out: pathlib.Path,
    jobs: int = 1,
    say: Callable[[str], object] = print,
    after_each: Callable[[], object] = lambda: None,
) -> list[Cell]:
    """Runs the cells that are not done.

    Args:
        cells: in the order in which they are begun; one that needs another's
            results comes after it.
        out: gets times.json, and a log for each cell in logs/.
        jobs: how many at once; each gets its share of the cores.
        say: is told each line to print.
        after_each: called after each cell that ended well.

    Returns:
        Those that failed.

    Raises:
        InputError: if another process runs cells in this folder.
    """
    times, failed = Times(out), []
    with _alone(out) as lock:
        # What evaluates comes after the training that it needs.
        for _, stage in itertools.groupby(cells, lambda cell: cell.command[0]):
            left = [cell for cell in stage if not cell.done]
            with _pool(jobs) as pool:
                futures = {
                    pool.submit(_run_one, cell, out, jobs, lock): cell
                    for cell in left
                }
                for future in concurrent.futures.as_completed(futures):
                    cell, seconds = futures[future], future.result()
                    if not cell.done:
                        failed.append(cell)
                        say(f"FAILED {cell.name}: see {_log(out, cell)}")
                        continue
                    times.add(cell, seconds)
                    after_each()
                    say(
                        f"{cell.name}: {seconds / 60.0:.1f} min. "
                        + summary(cells, times, jobs)
                    )
    return failed


@contextlib.contextmanager
def _pool(jobs: int) -> Iterator[concurrent.futures.Executor]:
    """Threads that begin nothing more once one was interrupted."""
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        try:
            yield pool
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _run_one(cell: Cell, out: pathlib.Path, jobs: int, lock: int) -> float:
    log = _log(out, cell)
    log.parent.mkdir(parents=True, exist_ok=True)
    threads = max(1, len(os.sched_getaffinity(0)) // jobs)
    environment = dict(os.environ)
    if jobs > 1:
        environment["TF_NUM_INTRAOP_THREADS"] = str(threads)
    name, *arguments = cell.command
    begun = time.monotonic()
    with log.open("w", encoding="utf-8") as file:
        subprocess.run(
            [sys.executable, "-c", START.format(name), *arguments],
            stdout=file,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env=environment,
            # Held as long as a cell runs, should this process be killed.
            pass_fds=[lock],
            check=False,
        )
    return time.monotonic() - begun


def _log(out: pathlib.Path, cell: Cell) -> pathlib.Path:
    return out / "logs" / f"{cell.name.replace(' ', '-')}.log"


def _time_left(times: Times, left: Sequence[Cell], jobs: int) -> str:
    seconds = times.estimate(left)
    if seconds is None:
        return ", for an unknown time"
    minutes = seconds / 60.0 / jobs
    if minutes < 90.0:
        return f", about {minutes:.0f} min"
    return f", about {minutes / 60.0:.1f} hours"


@contextlib.contextmanager
def _alone(out: pathlib.Path) -> Iterator[int]:
    """Refuses a second process in the same folder; gives the lock's file."""
    out.mkdir(parents=True, exist_ok=True)
    with (out / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise InputError(
                f"Another process works in {out}.",
                "one process at a time",
                "its lock is held",
                "wait for its end, or stop it and the run it has begun",
            ) from error
        yield file.fileno()
