"""L_cycle (Felix et al.): a regressor that reads the embedding off a feature.

R(x) = W^T x + b is fitted on real samples of seen classes, by ridge regression
in closed form:

    min  E || R(x) - a ||^2 + ridge v || W ||^2

with v the mean variance of a feature, so that `ridge` means the same whatever
the scale of features.
"""

import numpy as np

from gmn_tf.data.zero_shot_data import Samples

BLOCK = 1024  # samples looked at in one go


def fit(
    samples: Samples, embeddings: np.ndarray, ridge: float
) -> tuple[np.ndarray, np.ndarray]:
    """Fits R on samples and the embeddings of their classes.

    Args:
        samples: `[n, dx]` features and labels, rows of `embeddings`.
        embeddings: `[S, da]`.
        ridge: > 0; the more, the smaller W.

    Returns:
        W `[dx, da]` and b `[da]`, of the type of the embeddings.
    """
    count, dx = len(samples), samples.features.shape[1]
    totals, second, cross = np.zeros(dx), 0.0, 0.0
    for start in range(0, count, BLOCK):
        block = slice(start, start + BLOCK)
        features = samples.features[block].astype(np.float64)
        totals += features.sum(axis=0)
        second += features.T @ features
        cross += features.T @ embeddings[samples.labels[block]]
    mean = totals / count
    counts = np.bincount(samples.labels, minlength=len(embeddings))
    mean_embedding = counts @ embeddings / count
    covariance = second / count - np.outer(mean, mean)
    penalty = ridge * np.trace(covariance) / dx * np.eye(dx)
    weights = np.linalg.solve(
        covariance + penalty, cross / count - np.outer(mean, mean_embedding)
    )
    bias = mean_embedding - mean @ weights
    return weights.astype(embeddings.dtype), bias.astype(embeddings.dtype)
