"""Table 3: DeViSE (Frome et al., NIPS 2013) as the final classifier.

score of class k: x^T W a_k
loss: sum over wrong classes of max(0, margin + f_wrong - f_right)
"""

import functools
from typing import NamedTuple

import tensorflow as tf

from gmn_tf.method.classifiers import sgd


class Settings(NamedTuple):
    """The fields of `sgd.SGD`, and the margin."""

    learning_rate: float
    decay: float
    momentum: float
    weight_decay: float
    batch_size: int
    epochs: int
    margin: float


def losses(class_scores, labels, settings: Settings):
    """The sum of all violations: `[n, C]`, `[n]` -> `[n]`."""
    return tf.reduce_sum(
        violations(class_scores, labels, settings.margin), axis=1
    )


def violations(class_scores, labels, margin: float):
    """max(0, margin + f_wrong - f_right) of each wrong class.

    Args:
        class_scores: `[n, C]`.
        labels: `[n]`.
        margin: by which the right class should win.

    Returns:
        `[n, C]`; 0 for the right class.
    """
    right = tf.gather(class_scores, labels, axis=1, batch_dims=1)
    found = tf.nn.relu(margin + class_scores - right[:, tf.newaxis])
    is_wrong = tf.one_hot(labels, tf.shape(found)[1], 0.0, 1.0)
    return found * is_wrong


fit = functools.partial(sgd.fit_in_span, losses=losses, with_bias=False)
