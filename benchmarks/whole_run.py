#!/usr/bin/env python3
"""Shows how fast bin/train starts, and where the time of a whole run goes.

    benchmarks/whole_run.py --steps=100
    benchmarks/whole_run.py --dataset=flo --manual_dir=DIR --steps=100

Takes the flags of bin/train. By default, the data set is `synthetic`, and
results go to a folder that is removed at the end. Every moment counts for one
phase only, the innermost: the time to draw figures for TensorBoard is not part
of the training. `finding the data` includes the preparation, if it has not been
prepared before.

Before that, bin/train is started in processes of its own, and watched as a user
would: until it has answered, or until a line is there. CPU seconds, which are
those of user and system on all cores together, depend less on what else the
machine does.
"""

import contextlib
import functools
import os
import pathlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator

from gmn_tf import commands
from gmn_tf.commands import shared

FIRST_STEP = "tracing, first step"
TRAIN = pathlib.Path(__file__).parents[1] / "bin" / "train"
ANSWERS = ("--help", "--stps=3", "--dataset=cubb", "--variant=cwgan_g")
ANSWERED = 3  # times each; the fastest counts


class Started:
    """A process of bin/train, from its start on; both streams are one.

    Args:
        words: its flags.
    """

    def __init__(self, words: list[str]):
        self._begun = time.perf_counter()
        self._process = subprocess.Popen(
            [sys.executable, str(TRAIN), *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def until(self, beginning: str | None) -> tuple[float, float]:
        """Seconds, and CPU seconds, until a line begins so; None: its end."""
        for line in self._process.stdout:
            if beginning is not None and line.startswith(beginning):
                break
        else:
            if beginning is not None:
                raise SystemExit(f"bin/train printed no line {beginning}...")
        # Its end is seen before it is waited for, so that it still has times.
        path = pathlib.Path(f"/proc/{self._process.pid}/stat")
        fields = path.read_text().rpartition(")")[2].split()
        ticks = int(fields[11]) + int(fields[12])
        seconds = time.perf_counter() - self._begun
        return seconds, ticks / os.sysconf("SC_CLK_TCK")

    def stop(self) -> None:
        self._process.kill()
        self._process.communicate()


def print_starts(words: list[str]) -> None:
    """Prints how long bin/train takes to answer, and to begin this run."""
    print(f"{'until':36}{'seconds':>9}{'CPU s':>9}")

    def show(what, seconds):
        print("{:36}{:9.2f}{:9.2f}".format(what, *seconds), flush=True)

    for word in ANSWERS:
        times = []
        for _ in range(ANSWERED):
            started = Started([word])
            times.append(started.until(None))
            started.stop()
        show(f"the answer to {word}", min(times))
    with tempfile.TemporaryDirectory() as folder:
        defaults = ["--dataset=synthetic", f"--workdir={folder}/run"]
        started = Started([*defaults, *words])
        try:
            show("the first line of the run", started.until("A run of "))
            show("the line of its first step", started.until("step "))
        finally:
            started.stop()


class Clock:
    """Seconds of each phase, in the order in which they first began."""

    def __init__(self, phase: str):
        self.seconds = {phase: 0.0}
        self._phase, self._since = phase, time.perf_counter()

    def turn(self, phase: str) -> str:
        """Begins another phase; returns the one that ended."""
        ended, now = self._phase, time.perf_counter()
        self.seconds[ended] += now - self._since
        self.seconds.setdefault(phase, 0.0)
        self._phase, self._since = phase, now
        return ended

    @contextlib.contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """A phase inside the current one, which continues afterwards."""
        around = self.turn(name)
        yield
        self.turn(around)

    def watch(self, owner, name: str, phase: str | Callable) -> None:
        """Makes a phase of each call of `owner.name`.

        Args:
            owner: a module or class.
            name: of a function in it.
            phase: the phase's name, or a function that returns it for the
                arguments of a call.
        """
        function = getattr(owner, name)

        @functools.wraps(function)
        def watched(*arguments, **kwargs):
            inner = phase if isinstance(phase, str) else phase(*arguments)
            with self.phase(inner):
                return function(*arguments, **kwargs)

        setattr(owner, name, watched)


def watch_package(clock: Clock) -> None:
    """Makes phases of the functions that a run is made of."""
    from gmn_tf.data import zero_shot_data
    from gmn_tf.method import metrics, synthesis
    from gmn_tf.runs import workdir
    from gmn_tf.training import final_classifiers, monitoring, parts
    from gmn_tf_datasets.zero_shot import prepare

    def classifiers(config, data, generator, *_):
        return "classifiers" if generator else "classifiers, real_only"

    monitor = monitoring.TrainingMonitor
    for owner, name, phase in (
        (prepare, "prepare", "finding the data"),
        (zero_shot_data, "load", "reading the data"),
        (parts, "build_model", "building the model"),
        (parts, "make_batches", "building the batches"),
        (monitor, "on_train_batch_end", "losses and pictures"),
        (monitor, "on_train_end", "losses and pictures"),
        (final_classifiers, "fit", classifiers),
        (synthesis, "synthesise", "synthesis"),
        (workdir.Workdir, "save_model", "saving models"),
        (metrics, "score", "scoring"),
        (workdir.Workdir, "save_picture", "writing scores"),
        (monitoring, "write_result", "writing scores"),
    ):
        clock.watch(owner, name, phase)


def watch_steps(clock: Clock) -> None:
    """Separates the first training step, which is traced, from the others."""
    import keras

    from gmn_tf.method import gmn

    def fit(model, *arguments, callbacks, **kwargs):
        after_a_step = keras.callbacks.LambdaCallback(
            on_train_batch_end=lambda batch, logs: clock.turn("training steps")
        )
        with clock.phase(FIRST_STEP):
            return original(
                model,
                *arguments,
                callbacks=[after_a_step, *callbacks],
                **kwargs,
            )

    original, gmn.GMN.fit = gmn.GMN.fit, fit


def watch_imports(clock: Clock) -> None:
    """Ends the phase of imports when they are done, and watches the rest."""

    def start_tensorflow(*arguments):
        original(*arguments)
        watch_package(clock)
        watch_steps(clock)
        clock.turn("everything else")

    original = shared.start_tensorflow
    shared.start_tensorflow = start_tensorflow


def print_table(seconds: dict[str, float]) -> None:
    """Prints the seconds of each phase, and its share of them all."""
    total = sum(seconds.values())
    print(f"\n{'':24}{'seconds':>9}{'percent':>9}")
    for phase, own in [*seconds.items(), ("all", total)]:
        print(f"{phase:24}{own:9.2f}{100.0 * own / total:9.1f}")


def main() -> None:
    if {"--help", "-h"} & set(sys.argv[1:]):
        print(__doc__)
        return
    print_starts(sys.argv[1:])
    clock = Clock("importing")
    watch_imports(clock)
    with tempfile.TemporaryDirectory() as folder:
        defaults = ["--dataset=synthetic", f"--workdir={folder}/run"]
        commands.train([*defaults, *sys.argv[1:]])
    clock.turn("everything else")
    print_table(clock.seconds)


if __name__ == "__main__":
    main()
