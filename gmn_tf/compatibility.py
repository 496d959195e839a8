"""Eq. 6: the compatibility f(x, a) = (W^T x + b)^T a, and its alternative.

theta = (W, b) is a pair of tensors. With embeddings A `[C, da]`, W is
`[dx, da]` and b `[da]` (*bilinear*); without, W is `[dx, C]` and b `[C]`: one
weight vector per class (*linear*), which is the bilinear form with A = I.
"""

import tensorflow as tf

INITIAL_STDDEV = 0.02


def initial_theta(feature_dim: int, unit_dim: int, seed):
    """theta_0 ~ N(0, 0.02^2).

    Args:
        feature_dim: d_x.
        unit_dim: d_a, or the number of classes for the linear form.
        seed: `[2]` integers.

    Returns:
        W `[dx, units]` and b `[units]`.
    """
    values = tf.random.stateless_normal(
        [feature_dim + 1, unit_dim], seed, stddev=INITIAL_STDDEV
    )
    return values[:-1], values[-1]


def scores(features, theta, embeddings):
    """f(x, a) of every sample with every class.

    Args:
        features: `[..., dx]`.
        theta: W and b.
        embeddings: `[C, da]`, or None for the linear form.

    Returns:
        `[..., C]` scores.
    """
    weights, bias = theta
    if embeddings is None:
        return tf.matmul(features, weights) + bias
    if embeddings.shape[0] < embeddings.shape[1]:
        # Few classes: W A^T first, one weight vector per class.
        class_weights = tf.matmul(weights, embeddings, transpose_b=True)
        class_bias = tf.linalg.matvec(embeddings, bias)
        return tf.matmul(features, class_weights) + class_bias
    projection = tf.matmul(features, weights) + bias
    return tf.matmul(projection, embeddings, transpose_b=True)


def cross_entropy(class_scores, labels):
    """-log softmax of the true class: `[..., C]`, `[...]` -> `[...]`."""
    return tf.nn.sparse_softmax_cross_entropy_with_logits(
        labels=labels, logits=class_scores
    )
