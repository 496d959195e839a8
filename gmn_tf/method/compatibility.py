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


def scores(features, theta, embeddings=None, dtype=None):
    """f(x, a) of every sample with every class.

    Args:
        features: `[..., dx]`.
        theta: W and b.
        embeddings: `[C, da]`, or None for the linear form.
        dtype: in which x^T W is multiplied; None: that of W.

    Returns:
        `[..., C]` scores.
    """
    weights, bias = theta
    projection = product(features, weights, dtype) + bias
    if embeddings is None:
        return projection
    return tf.tensordot(projection, embeddings, [[-1], [1]])


def product(features, weights, dtype=None):
    """x^T W `[..., units]`, multiplied in `dtype`, in the type of W.

    So W keeps all its digits where products have fewer, as in bfloat16.

    Args:
        features: `[..., dx]`.
        weights: W, `[dx, units]`.
        dtype: of the product; None: that of W.
    """
    dtype = dtype or weights.dtype
    found = tf.tensordot(tf.cast(features, dtype), tf.cast(weights, dtype), 1)
    return tf.cast(found, weights.dtype)


def times(theta, matrix):
    """theta on other axes: W M^T `[dx, m]` and M b `[m]`.

    With M = A `[C, da]` it is the theta of the linear form that gives the same
    scores: a theta that is no longer trained is folded once, not for every
    sample. With M = Q `[da, r]` it is the theta outside of the span.

    Args:
        theta: W `[dx, units]` and b `[units]`.
        matrix: M, `[m, units]`.
    """
    weights, bias = theta
    return (
        tf.matmul(weights, matrix, transpose_b=True),
        tf.linalg.matvec(matrix, bias),
    )


def cross_entropy(class_scores, labels):
    """-log softmax of the true class: `[..., C]`, `[...]` -> `[...]`."""
    return tf.nn.sparse_softmax_cross_entropy_with_logits(
        labels=labels, logits=class_scores
    )
