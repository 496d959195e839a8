#!/usr/bin/env python3
"""Times a training step against that of the authors' release, in turns.

    benchmarks/against_release.py --release=DIR --release_python=PYTHON

DIR is a checkout of https://github.com/mbsariyildiz/gmn-zsl, PYTHON one that
has what it imports: torch, numpy, scipy, scikit-learn, matplotlib and
tensorboardX. `release_steps.py` says how it is run. Sizes, settings and samples
are the same for both, the samples drawn at random; both draw their batches
within the step that is timed. All takes turns, round after round; a row is made
of medians over the rounds.

On a machine that does other work, even turns differ. With --cpu_time all have
one thread, and the CPU time that they use is taken instead of the time.
"""

import contextlib
import os
import pathlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from gmn_tf.commands import command_line

command_line.start_tensorflow()

import numpy as np
import operations
import tensorflow as tf
import train_step
from absl import app, flags

from gmn_tf import configs
from gmn_tf.config import Config
from gmn_tf.data.zero_shot_data import ZeroShotData
from gmn_tf.utils.errors import InputError, first_line

FLAGS = flags.FLAGS

# The release's settings for the data set of a preset; FLO has CUB's.
SETTINGS = {"cub": "CUB", "flo": "CUB", "sun": "SUN", "awa": "AWA1"}
STEPS = pathlib.Path(__file__).with_name("release_steps.py")
COLUMNS = (
    "shape",
    "precision",
    "GFLOP",
    "the release, ms",
    "nested tapes, ms",
    "gmn_tf, ms",
    "release / gmn_tf",
    "nested tapes / gmn_tf",
    "best product, GFLOP/s",
    "share",
)


class Release(NamedTuple):
    """The release, which runs beside this.

    Attributes:
        step: takes one step of it.
        cpu_seconds: what it has used, and this process.
    """

    step: Callable[[], tuple]
    cpu_seconds: Callable[[], float]


@contextlib.contextmanager
def started(
    checkout: str,
    python: str,
    settings: str,
    data: ZeroShotData,
    threads: int | None = None,
) -> Iterator[Release]:
    """Starts the release, and ends it afterwards.

    Args:
        checkout: folder of the release.
        python: the program that runs it.
        settings: the data set in the names of the release's scripts.
        data: what it learns from.
        threads: how many it has; None: as many as there are cores.

    Raises:
        InputError: if the release cannot be run.
    """
    with (
        tempfile.TemporaryDirectory() as folder,
        tempfile.TemporaryFile("w+") as log,
    ):
        path = pathlib.Path(folder, "data.npz")
        np.savez(path, **arrays(data))
        words = python, str(STEPS), checkout, settings, str(path)
        limit = {} if threads is None else {"OMP_NUM_THREADS": str(threads)}
        try:
            process = subprocess.Popen(
                words,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=os.environ | limit,
            )
        except OSError as error:
            problem = f"{first_line(error)}: {python}"
            raise _not_run(checkout, problem) from error

        used = 0.0

        def wait():
            nonlocal used
            answer = process.stdout.readline()
            if not answer:
                process.wait()
                log.seek(0)
                lines = log.read().strip().splitlines() or ["no message"]
                raise _not_run(checkout, lines[-1])
            used = float(answer)
            return ()  # no tensor to wait for

        def step():
            with contextlib.suppress(BrokenPipeError):  # `wait` says why
                process.stdin.write("\n")
                process.stdin.flush()
            return wait()

        with process:
            wait()  # the first step is taken without being asked for
            yield Release(step, lambda: used + time.process_time())


def _not_run(checkout: str, message: str) -> InputError:
    return InputError(
        f"Cannot take a step of the release in {checkout}.",
        "a checkout of the release, and a Python that has what it imports",
        message,
        "Correct --release or --release_python.",
    )


def arrays(data: ZeroShotData) -> dict[str, np.ndarray]:
    """The data in the names of the release.

    It has to have samples for testing of each class, and looks at them when it
    starts and every 1000 steps.
    """
    splits = {"s_tr": data.train, "s_te": data.train, "u_te": data.unseen}
    return {
        "Sall": data.embeddings,
        **{f"X_{name}": split.features for name, split in splits.items()},
        **{
            f"Y_{name}": split.labels.astype(np.int64)
            for name, split in splits.items()
        },
    }


def rows(
    shape: str,
    configs: list[Config],
    data: ZeroShotData,
    release: Callable,
    turns: tuple[int, int],
    clock: Callable[[], float] = time.perf_counter,
) -> list[tuple]:
    """The rows of a shape, one for each precision of `configs`.

    Args:
        shape: its name.
        configs: the settings, the same but for their precision.
        data: of this shape.
        release: takes a step of the release.
        turns: numbers of rounds and of steps in each.
        clock: gives seconds.
    """
    forms = {("release", ""): release}
    for config in configs:
        for name, form in train_step.forms(config, data).items():
            if name != "step":
                forms[name, config.precision] = form
    fed = [name for name in forms if name[0] == "fed"]
    every = train_step.take_turns(forms, *turns, fed, clock)
    theirs = every["release", ""]
    result = []
    for config in configs:
        seconds = {
            name: time
            for (name, precision), time in every.items()
            if precision == config.precision
        }
        count = operations.step_operations(config, data)
        peak = train_step.fastest_product(seconds)
        ours, plain = seconds["fed"], seconds["plain"]
        result.append(
            (
                *(shape, config.precision, f"{count / 1e9:.0f}"),
                *(f"{1000 * time:.0f}" for time in (theirs, plain, ours)),
                *(f"{time / ours:.2f}" for time in (theirs, plain)),
                *(f"{peak:.0f}", f"{count / ours / 1e9 / peak:.0%}"),
            )
        )
    return result


def line(cells) -> str:
    """A row of a table in Markdown."""
    return f"| {' | '.join(cells)} |"


def main(_):
    tf.get_logger().setLevel("ERROR")  # warns that forms are traced again
    threads = 1 if FLAGS.cpu_time else None
    if threads:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
    print(line(COLUMNS))
    print(line(["---"] * len(COLUMNS)))
    for shape in FLAGS.shapes:
        dataset, *sizes = train_step.SHAPES[shape]
        preset = Config().replace(configs.preset(dataset))
        each = [preset.replace({"precision": p}) for p in FLAGS.precision]
        data = train_step.random_data(*sizes)
        try:
            with started(
                *(FLAGS.release, FLAGS.release_python, SETTINGS[dataset]),
                *(data, threads),
            ) as release:
                clock = release.cpu_seconds if threads else time.perf_counter
                turns = FLAGS.rounds, FLAGS.steps
                for row in rows(shape, each, data, release.step, turns, clock):
                    print(line(row), flush=True)
        except InputError as error:
            sys.exit(str(error))


if __name__ == "__main__":
    flags.DEFINE_string("release", None, "The checkout.", required=True)
    flags.DEFINE_string("release_python", None, "Its Python.", required=True)
    train_step.define_names(
        "shapes", ["flo", "cub_att_sent", "sun"], list(train_step.SHAPES)
    )
    train_step.define_names(
        "precision", train_step.PRECISIONS, train_step.PRECISIONS
    )
    flags.DEFINE_boolean("cpu_time", False, "For a machine with other work.")
    train_step.define_turns()
    app.run(main)
