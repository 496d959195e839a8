"""Runs cells one after the other, or several at once, and resumes.

Each is a process of its own. Killed at any point, the next call leaves out what
is done: a cell's result is written last, and whole.
"""

import concurrent.futures
import contextlib
import itertools
import json
import os
import pathlib
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from gmn_tf.reproduction.plan import Cell
from gmn_tf.utils import files, locks
from gmn_tf.utils.errors import InputError

START = "from gmn_tf import commands; commands.{}()"
NOTES = "cells.json"
HOPELESS = 3  # cells that fail before any ends well: all would fail


class Notes:
    """What was run, and how long it took, by name of the cell, in a file."""

    def __init__(self, out: pathlib.Path):
        self.path = out / NOTES
        self.entries = {}
        with contextlib.suppress(OSError, ValueError):
            text = self.path.read_text(encoding="utf-8")
            self.entries = files.parse_json(text)

    def add(self, cell: Cell, seconds: float | None = None) -> None:
        """Notes a cell that begins, and its time when it has ended well."""
        self.entries[cell.name] = {
            "kind": cell.kind,
            "settings": _as_read(cell.settings),
            "seconds": seconds,
        }
        temporary = self.path.with_suffix(".tmp")
        text = json.dumps(self.entries, indent=2, sort_keys=True)
        temporary.write_text(text + "\n", encoding="utf-8")
        temporary.replace(self.path)

    def check_same_jobs(self, cells: Sequence[Cell]) -> None:
        """Raises InputError if results of other settings are there."""
        for cell in cells:
            old = self.entries.get(cell.name, {}).get("settings")
            new = _as_read(cell.settings)
            if not cell.done or old == new:
                continue
            if old is None:
                before, asked = f"unknown: {self.path} has none", "any"
            else:
                changed = [k for k in old | new if old.get(k) != new.get(k)]
                before, asked = (
                    ", ".join(f"{k}={one.get(k)!r}" for k in changed)
                    for one in (old, new)
                )
            raise InputError(
                f"{self.path.parent} holds results of other settings.",
                f"those of before: {before}",
                f"those asked for ({cell.name}): {asked}",
                "choose another --out, or give the flags of before",
            )

    def estimate(self, cells: Sequence[Cell]) -> float | None:
        """Seconds that cells will take, one after the other.

        Cells of a kind that was never timed count as the mean of all others;
        None if nothing was.
        """
        known = {}
        for entry in self.entries.values():
            if entry["seconds"] is None:
                continue
            known.setdefault(entry["kind"], []).append(entry["seconds"])
        if not known:
            return None
        medians = {
            kind: statistics.median(all_) for kind, all_ in known.items()
        }
        other = statistics.mean(medians.values())
        return sum(medians.get(cell.kind, other) for cell in cells)


def check_models_present(cells: Sequence[Cell]) -> None:
    """Raises InputError if a cell that is left needs what is there no more."""
    left = [cell for cell in cells if not cell.done]
    training = {c.result.parent for c in left if c.command[0] == "train"}
    for cell in left:
        for path in cell.needs:
            if not path.exists() and path.parent not in training:
                raise InputError(
                    f"{cell.name} needs a model that was not kept.",
                    str(path),
                    "a finished run without it",
                    f"remove {path.parent}, and it is trained again",
                )


def summary(cells: Sequence[Cell], notes: Notes, jobs: int) -> str:
    """What is done, what is left, and how long that may take."""
    left = [cell for cell in cells if not cell.done]
    text = f"{len(cells)} cells: {len(cells) - len(left)} done"
    if not left:
        return text + "."
    return f"{text}, {len(left)} left{_time_left(notes, left, jobs)}."


def run(
    cells: Sequence[Cell],
    out: pathlib.Path,
    jobs: int = 1,
    log: Callable[[str], object] = print,
    after_each: Callable[[], object] = lambda: None,
) -> list[Cell]:
    """Runs the cells that are not done.

    Args:
        cells: in the order in which they are begun; one that needs another's
            results comes after it.
        out: gets cells.json, and a log for each cell in logs/.
        jobs: how many at once; each gets its share of the cores.
        log: is told each line to print.
        after_each: called after each cell that ended well.

    Returns:
        Those that failed.

    Raises:
        InputError: if another process runs cells in this folder, it holds
            results of other settings, models that are needed are gone, or the
            first cells all failed.
    """
    failed, succeeded, running = [], 0, set()
    with locks.exclusive(out) as lock, _stopped_by_sigterm():
        notes = Notes(out)
        notes.check_same_jobs(cells)
        check_models_present(cells)
        # What evaluates comes after the training that it needs.
        for _, stage in itertools.groupby(cells, lambda cell: cell.command[0]):
            left = []
            for cell in stage:
                if cell.done:
                    continue
                if all(path.exists() for path in cell.needs):
                    notes.add(cell)
                    left.append(cell)
                else:
                    failed.append(cell)
                    log(f"LEFT OUT {cell.name}: a run that it needs failed")
            with _pool(jobs, running) as pool:
                futures = {
                    pool.submit(_run_one, cell, out, jobs, lock, running): cell
                    for cell in left
                }
                for future in concurrent.futures.as_completed(futures):
                    cell, seconds = futures[future], future.result()
                    if not cell.done:
                        failed.append(cell)
                        place = _log(out, cell)
                        log(f"FAILED {cell.name}: see {place}")
                        if not succeeded and len(failed) >= HOPELESS:
                            raise _hopeless(place)
                        continue
                    succeeded += 1
                    notes.add(cell, seconds)
                    after_each()
                    log(
                        f"{cell.name}: {seconds / 60.0:.1f} min. "
                        + summary(cells, notes, jobs)
                    )
    return failed


def _hopeless(log: pathlib.Path) -> InputError:
    """The error for cells that all fail, with the reason of the last."""
    lines = log.read_text(encoding="utf-8").splitlines() or ["nothing"]
    starts = [n for n, line in enumerate(lines) if line.startswith("Error:")]
    return InputError(
        f"The first {HOPELESS} cells all failed.",
        "runs that end well",
        "\n    ".join(lines[starts[-1] if starts else -1 :]),
        "correct the command, and give it again",
    )


def _as_read(settings: Mapping) -> dict:
    """Settings as a JSON file gives them back: tuples become lists."""
    return json.loads(json.dumps(settings))


@contextlib.contextmanager
def _pool(jobs: int, running: set) -> Iterator[concurrent.futures.Executor]:
    """Threads that begin nothing more once one was interrupted."""
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        try:
            yield pool
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in tuple(running):
                process.terminate()
            raise


@contextlib.contextmanager
def _stopped_by_sigterm() -> Iterator[None]:
    """Lets SIGTERM do what Ctrl-C does, so that no cell outlives this."""

    def stop(number, frame):
        raise KeyboardInterrupt

    try:
        before = signal.signal(signal.SIGTERM, stop)
    except ValueError:  # not in the main thread, which alone gets signals
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _run_one(
    cell: Cell, out: pathlib.Path, jobs: int, lock: int, running: set
) -> float:
    log = _log(out, cell)
    log.parent.mkdir(parents=True, exist_ok=True)
    environment = dict(os.environ)
    if jobs > 1:
        environment["TF_NUM_INTRAOP_THREADS"] = str(max(1, _cores() // jobs))
        # Or else the first would take all memory of a GPU.
        environment["TF_FORCE_GPU_ALLOW_GROWTH"] = "true"
    name, *arguments = cell.command
    begun = time.monotonic()
    with (
        log.open("w", encoding="utf-8") as file,
        subprocess.Popen(
            [sys.executable, "-c", START.format(name), *arguments],
            stdout=file,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env=environment,
            # Held as long as a cell runs, should this process be killed.
            pass_fds=[lock],
        ) as process,
    ):
        running.add(process)
        process.wait()
        running.discard(process)
    return time.monotonic() - begun


def _cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on every system
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _log(out: pathlib.Path, cell: Cell) -> pathlib.Path:
    return out / "logs" / f"{cell.name.replace(' ', '-')}.log"


def _time_left(notes: Notes, left: Sequence[Cell], jobs: int) -> str:
    seconds = notes.estimate(left)
    if seconds is None:
        return ", for an unknown time"
    minutes = seconds / 60.0 / jobs
    if minutes < 90.0:
        return f", about {minutes:.0f} min"
    return f", about {minutes / 60.0:.1f} hours"
