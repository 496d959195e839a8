"""Training whose inside is not the point of a test, at a fraction of the cost.

To trace the graph of a step takes as long as dozens of its steps, and a toy
takes a few: there a step runs operation by operation, with the same numbers.
Pictures that every run draws when it ends, which take longer than all else in
it, stay blank.
"""

import contextlib
from collections.abc import Iterator
from unittest import mock

import tensorflow as tf
from matplotlib.figure import Figure

from gmn_tf import commands
from gmn_tf.runs import mistake_plots, plots
from gmn_tf.training import figures
from tests.support import in_process

DRAWN = (
    (figures, "feature_projection"),
    (plots, "class_accuracy_bars"),
    (mistake_plots, "confusions"),
    (mistake_plots, "reject_curve"),
)


@contextlib.contextmanager
def training() -> Iterator[None]:
    """Runs the functions of TensorFlow, and so steps, without a graph.

    Also as a decorator of a test: `@quick.training()`.
    """
    before = tf.config.functions_run_eagerly()
    tf.config.run_functions_eagerly(True)
    try:
        with contextlib.ExitStack() as stack:
            for module, name in DRAWN:
                stack.enter_context(mock.patch.object(module, name, _blank))
            yield
    finally:
        tf.config.run_functions_eagerly(before)


def train(*words: object) -> str:
    """What `bin/train` prints, which ends well."""
    with training():
        return in_process.succeed(commands.train, *words)


def _blank(*given, **more) -> Figure:
    return Figure((0.2, 0.2))
