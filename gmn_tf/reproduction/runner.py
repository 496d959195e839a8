"""Runs jobs one after the other, or several at once, and resumes.

Each is a process. If this one is killed at any point, the next call leaves out
finished jobs: the result of a job is written last and atomically.
"""

import concurrent.futures
import contextlib
import itertools
import os
import pathlib
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence

from gmn_tf.reproduction.plan import Job
from gmn_tf.reproduction.results import Results
from gmn_tf.utils import files, locks, progress
from gmn_tf.utils.errors import InputError, counted

START = "from gmn_tf import commands; commands.{}()"
JOURNAL = "journal.json"
HOPELESS = 3  # failed jobs without a finished one: all would fail


class Journal:
    """How long jobs took, by their name, in a file."""

    def __init__(self, out: pathlib.Path):
        self.path = out / JOURNAL
        self.entries = {}
        with contextlib.suppress(InputError):  # then no time is known
            self.entries = files.read_json(self.path, "", "")

    def add(self, job: Job, seconds: float) -> None:
        """Notes the time of a finished job."""
        entry = {"kind": job.kind, "seconds": round(seconds, 1)}
        self.entries[job.name] = entry
        files.write_json(self.path, dict(sorted(self.entries.items())))

    def estimate(self, jobs: Sequence[Job]) -> float | None:
        """Seconds that jobs will take, one after the other.

        Jobs of a kind that was never timed count as the mean of all others;
        None if nothing was.
        """
        known = {}
        for entry in self.entries.values():
            known.setdefault(entry["kind"], []).append(entry["seconds"])
        if not known:
            return None
        medians = dict(zip(known, map(statistics.median, known.values())))
        other = statistics.mean(medians.values())
        return sum(medians.get(job.kind, other) for job in jobs)

    def summary(
        self, jobs: Sequence[Job], results: Results, at_once: int
    ) -> str:
        """What is done, what is left, and how long that may take."""
        left = [job for job in jobs if not results.has(job)]
        text = f"{counted(len(jobs), 'job')}: {len(jobs) - len(left)} done"
        if not left:
            return text + "."
        seconds = self.estimate(left)
        if seconds is None:
            return (
                f"{text}, {len(left)} left; time unknown until the first job "
                "has finished."
            )
        about = progress.duration(seconds / at_once)
        return f"{text}, {len(left)} left, about {about}."


def check_models_present(jobs: Sequence[Job], results: Results) -> None:
    """Raises InputError if a job that is left needs a model that is gone."""
    left = [job for job in jobs if not results.has(job)]
    training = {job.result.parent for job in left if job.command[0] == "train"}
    for job in left:
        for path in job.needs:
            if not path.exists() and path.parent not in training:
                raise InputError(
                    f"{job.name} needs a model that was not kept.",
                    str(path),
                    "a finished run without it",
                    f"Remove the rows of {path.parent.name} in "
                    f"{results.out / 'runs.csv'} and the folder "
                    f"{path.parent}, if it is there: then it is trained again. "
                    "Or choose another --out.",
                )


def run(
    jobs: Sequence[Job],
    results: Results,
    at_once: int = 1,
    log: Callable[[str], object] = print,
    after_each: Callable[[], object] = lambda: None,
) -> list[Job]:
    """Runs the jobs that are not done.

    Args:
        jobs: in the order in which they start; a job comes after those whose
            results it needs.
        results: what is done; its folder gets the journal, and a log for each
            job in logs/.
        at_once: number of jobs at a time, which share the cores.
        log: gets each line to print.
        after_each: called after each finished job.

    Returns:
        Those that failed.

    Raises:
        InputError: if another process runs jobs in this folder, it holds
            results of other settings, models that are needed are gone, or the
            first jobs all failed.
    """
    out = results.out
    failed, succeeded, running = [], 0, set()
    with locks.exclusive(out) as lock, contextlib.ExitStack() as stack:
        with contextlib.suppress(ValueError):  # not in the main thread
            # SIGTERM acts like Ctrl-C, so that no job keeps running.
            before = signal.signal(signal.SIGTERM, signal.default_int_handler)
            stack.callback(signal.signal, signal.SIGTERM, before)
        journal = Journal(out)
        results.collect(jobs)
        results.check_same_settings(jobs)
        check_models_present(jobs, results)
        # What evaluates comes after the training that it needs.
        for _, stage in itertools.groupby(
            jobs, lambda job: (job.command[0], job.stage)
        ):
            left = []
            for job in stage:
                if results.has(job):
                    continue
                if all(path.exists() for path in job.needs):
                    left.append(job)
                else:
                    failed.append(job)
                    log(f"LEFT OUT {job.name}: a run that it needs failed.")
            with _pool(at_once, running) as pool:
                futures = {
                    pool.submit(_run_one, job, out, at_once, lock, running): job
                    for job in left
                }
                for future in concurrent.futures.as_completed(futures):
                    job, seconds = futures[future], future.result()
                    if not results.has(job):
                        failed.append(job)
                        place = log_file(out, job.name)
                        log(f"FAILED {job.name}: see {place}.")
                        if not succeeded and len(failed) >= HOPELESS:
                            raise _hopeless(place)
                        continue
                    succeeded += 1
                    journal.add(job, seconds)
                    after_each()
                    log(
                        f"{job.name}: {progress.duration(seconds)}. "
                        + journal.summary(jobs, results, at_once)
                    )
    return failed


def _hopeless(log: pathlib.Path) -> InputError:
    """The error if all jobs fail, with the reason of the last."""
    lines = log.read_text(encoding="utf-8").splitlines() or ["nothing"]
    starts = [n for n, line in enumerate(lines) if line.startswith("Error:")]
    return InputError(
        f"The first {HOPELESS} jobs all failed.",
        "jobs that end well",
        "\n    ".join(lines[starts[-1] if starts else -1 :]),
        "Correct the command, and give it again.",
    )


@contextlib.contextmanager
def _pool(at_once: int, running: set) -> Iterator[concurrent.futures.Executor]:
    """Threads that start no further jobs after an interruption."""
    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        try:
            yield pool
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in tuple(running):
                process.terminate()
            raise


def _run_one(
    job: Job, out: pathlib.Path, at_once: int, lock: int, running: set
) -> float:
    log = log_file(out, job.name)
    log.parent.mkdir(parents=True, exist_ok=True)
    environment = dict(os.environ)
    if at_once > 1:
        cores = os.cpu_count() or 1
        if hasattr(os, "sched_getaffinity"):  # not on every system
            cores = len(os.sched_getaffinity(0))
        environment["TF_NUM_INTRAOP_THREADS"] = str(max(1, cores // at_once))
        # Or else the first would take all memory of a GPU.
        environment["TF_FORCE_GPU_ALLOW_GROWTH"] = "true"
    name, *arguments = job.command
    begun = time.monotonic()
    with (
        log.open("w", encoding="utf-8") as file,
        subprocess.Popen(
            [sys.executable, "-c", START.format(name), *arguments],
            stdout=file,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env=environment,
            # Held as long as a job runs, should this process be killed.
            pass_fds=[lock],
        ) as process,
    ):
        running.add(process)
        process.wait()
        running.discard(process)
    return time.monotonic() - begun


def log_file(out: pathlib.Path, name: str) -> pathlib.Path:
    """Where the job of this name writes what it prints."""
    return out / "logs" / f"{name.replace(' ', '-')}.log"
