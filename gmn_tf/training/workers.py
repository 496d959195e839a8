"""Several processes that train together: who writes, and who is missing."""

import contextlib
import signal
from collections.abc import Callable, Iterator

import tensorflow as tf

from gmn_tf.training import cluster
from gmn_tf.utils.errors import InputError, first_line

CONNECT_SECONDS = 120  # for processes that have all started


def connect(
    minutes: float, log: Callable[[str], object]
) -> tf.distribute.MultiWorkerMirroredStrategy:
    """The strategy of the processes in TF_CONFIG, once all have started.

    Args:
        minutes: how long to wait for others.
        log: gets lines on those that are missing.

    Raises:
        InputError: for a TF_CONFIG that cannot be used, or if another process
            does not come.
    """
    found = cluster.read()
    cluster.meet(found, minutes, log)
    with _interruptible():
        try:
            return tf.distribute.MultiWorkerMirroredStrategy()
        except (tf.errors.OpError, ValueError) as error:
            raise InputError(
                "TensorFlow cannot connect the processes.",
                f"connections between {', '.join(map(str, found.members))}",
                first_line(error),
                "Read the last messages of the others, and start all again.",
            ) from error


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Around TensorFlow's connecting, which lets no Python code run.

    The system ends the process at Ctrl-C, and after `CONNECT_SECONDS`, should
    another process have ended since they met. SIGTERM, which TensorFlow
    catches from then on, is given back.
    """
    handlers = {}
    for number in (signal.SIGINT, signal.SIGALRM, signal.SIGTERM):
        with contextlib.suppress(ValueError):  # only the main thread may
            handlers[number] = signal.signal(number, signal.SIG_DFL)
    if handlers:
        signal.alarm(CONNECT_SECONDS)
    try:
        yield
    finally:
        if handlers:
            signal.alarm(0)
        for number, handler in handlers.items():
            signal.signal(number, handler)


def several(strategy: tf.distribute.Strategy) -> bool:
    """Whether several processes train together."""
    return isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Whether this process, of several that train together, writes results."""
    return strategy.extended.should_checkpoint


@contextlib.contextmanager
def reporting_lost_workers(strategy: tf.distribute.Strategy) -> Iterator[None]:
    """Turns TensorFlow's errors about a lost worker into a clear one.

    A worker that ends is missed at once, and one that hangs, or whose machine
    does not answer, within two minutes.

    Raises:
        InputError: if another worker has stopped.
    """
    try:
        yield
    except tf.errors.OpError as error:
        if not several(strategy):
            raise
        # Of TensorFlow's many lines, the one that says what has happened.
        lines = error.message.strip().splitlines() or [""]
        reasons = [line for line in lines if "aborted by" in line] or lines
        raise InputError(
            "Another worker has ended or does not answer.",
            f"all {strategy.num_replicas_in_sync} devices until the end",
            reasons[-1].strip()[:200],
            "Read that worker's last messages and start all workers again: "
            "they continue from the last checkpoint.",
        ) from error


def check_same_step(strategy: tf.distribute.Strategy, first_step: int) -> None:
    """Raises InputError unless all workers continue from the same step."""
    if not several(strategy):
        return
    steps = strategy.reduce(
        tf.distribute.ReduceOp.SUM,
        strategy.run(lambda: tf.constant(first_step, tf.int64)),
        axis=None,
    )
    mean = int(steps) / strategy.num_replicas_in_sync
    if mean != first_step:
        raise InputError(
            "The workers have different checkpoints.",
            "one --workdir, in a file system that all of them share",
            f"step {first_step} here, {mean:g} on average",
            "Share the folder, or copy the first worker's to all others.",
        )
