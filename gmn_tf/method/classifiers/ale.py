"""Table 3: ALE (Akata et al., TPAMI 2016) as the final classifier.

    score of class k: x^T W a_k
    loss: beta(r) / r  sum over wrong classes of max(0, 1 + f_wrong - f_right)

r is the rank of the right class: how many wrong classes are within the margin.
beta(r) = 1 + 1/2 + ... + 1/r, so that mistakes at the top of the list matter
most. The rank is exact here; the paper estimates it by drawing classes until
one is within the margin.
"""

import functools

import tensorflow as tf

from gmn_tf.method.classifiers import devise, sgd

MARGIN = 1.0
Settings = sgd.SGD


def losses(class_scores, labels, settings: Settings):
    """The weighted sum of all violations: `[n, C]`, `[n]` -> `[n]`."""
    found = devise.violations(class_scores, labels, MARGIN)
    ranks = tf.math.count_nonzero(found, axis=1, dtype=tf.int32)
    return rank_weight(ranks, found.shape[1]) * tf.reduce_sum(found, axis=1)


def rank_weight(ranks, num_classes: int):
    """beta(r) / r of ranks `[n]`; 0 for the rank 0."""
    places = tf.range(1, num_classes + 1, dtype=tf.float32)
    weights = tf.cumsum(1.0 / places) / places
    return tf.gather(tf.concat([[0.0], weights], axis=0), ranks)


fit = functools.partial(sgd.fit_in_span, losses=losses, with_bias=False)
