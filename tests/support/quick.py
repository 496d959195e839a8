"""Training whose inside is not the point of a test, at a fraction of the cost.

To trace the graph of a step takes as long as dozens of its steps, and a toy
takes a few: there a step runs operation by operation, with the same numbers.
Projections of features, drawn when a training ends, stay blank.
"""

import contextlib
from collections.abc import Iterator
from unittest import mock

import tensorflow as tf
from matplotlib.figure import Figure

from gmn_tf.training import figures


@contextlib.contextmanager
def training() -> Iterator[None]:
    """Runs the functions of TensorFlow, and so steps, without a graph."""
    before = tf.config.functions_run_eagerly()
    tf.config.run_functions_eagerly(True)
    try:
        with mock.patch.object(
            figures, "feature_projection", lambda *given: Figure((0.2, 0.2))
        ):
            yield
    finally:
        tf.config.run_functions_eagerly(before)
