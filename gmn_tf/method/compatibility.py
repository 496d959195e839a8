"""Eq. 6: the compatibility f(x, a) = (W^T x + b)^T a, and its alternative.

theta = (W, b) is a pair of tensors. With embeddings A `[C, da]`, W is
`[dx, da]` and b `[da]` (*bilinear*); without, W is `[dx, C]` and b `[C]`: one
weight vector per class (*linear*), which is the bilinear form with A = I.

Scores know theta through W A^T and b^T A^T alone, so only its part in the span
of the rows of A matters. With an orthonormal basis Q `[da, r]` of that span,
theta = (W Q, Q^T b) with embeddings A Q gives the same scores, is drawn from
the same distribution and takes the same steps of SGD. With fewer classes than
embedding dimensions that is several times less to draw, store and multiply.
"""

import numpy as np
import tensorflow as tf

from gmn_tf.method.random_numbers import standard_normal

INITIAL_STDDEV = 0.02


def initial_theta(feature_dim: int, unit_dim: int, seed, dtype="float32"):
    """theta_0 ~ N(0, 0.02^2).

    Args:
        feature_dim: d_x.
        unit_dim: d_a (r in the span), or C for the linear form.
        seed: `[2]` integers.
        dtype: of theta.

    Returns:
        W `[dx, units]` and b `[units]`.
    """
    values = INITIAL_STDDEV * standard_normal(
        [feature_dim + 1, unit_dim], seed, dtype
    )
    return values[:-1], values[-1]


def span_basis(embeddings: np.ndarray) -> np.ndarray:
    """Q: an orthonormal basis `[da, r]` of the rows' span, r = min(C, da)."""
    if embeddings.shape[0] >= embeddings.shape[1]:
        return np.eye(embeddings.shape[1], dtype=embeddings.dtype)
    basis, _ = np.linalg.qr(embeddings.T.astype(np.float64))
    return basis.astype(embeddings.dtype)


def out_of_span(theta, basis):
    """theta `[dx, da]`, `[da]` from its part in a span, and Q `[da, r]`."""
    weights, bias = theta
    return (
        tf.matmul(weights, basis, transpose_b=True),
        tf.linalg.matvec(basis, bias),
    )


def scores(features, theta, embeddings=None):
    """f(x, a) of every sample with every class.

    Args:
        features: `[..., dx]`.
        theta: W and b.
        embeddings: `[C, da]`, or None for the linear form.

    Returns:
        `[..., C]` scores.
    """
    weights, bias = theta
    projection = tf.tensordot(features, weights, 1) + bias
    if embeddings is None:
        return projection
    return tf.tensordot(projection, embeddings, [[-1], [1]])


def per_class(theta, embeddings):
    """theta of the linear form with the same scores: W A^T and A b.

    A theta that is no longer trained is folded once, not for every sample.

    Args:
        theta: W `[dx, da]` and b `[da]`.
        embeddings: `[C, da]`.

    Returns:
        One weight vector for each class, `[dx, C]`, and one bias, `[C]`.
    """
    weights, bias = theta
    return (
        tf.matmul(weights, embeddings, transpose_b=True),
        tf.linalg.matvec(embeddings, bias),
    )


def cross_entropy(class_scores, labels):
    """-log softmax of the true class: `[..., C]`, `[...]` -> `[...]`."""
    return tf.nn.sparse_softmax_cross_entropy_with_logits(
        labels=labels, logits=class_scores
    )
