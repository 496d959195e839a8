"""Beyond 3.4: the weighted sum of several classifiers' scores.

    scores = level  sum over parts of  w_i / sum(w)  s_i / sd_i

sd_i is the standard deviation of the scores s_i over the classes of a training
row (the root of its mean square over rows), so that weights are comparable.
The level, the weighted mean of the sd_i, gives the sum the scale of its parts:
of twins of one classifier the combination is that classifier. It changes no
decision, only probabilities and the unit of a penalty.
"""

from collections.abc import Sequence

import numpy as np

from gmn_tf.data import row_blocks
from gmn_tf.method.classifiers import base


def deviation(model: base.Classifier, features) -> float:
    """Standard deviation of a row's scores, for features `[n, dx]`."""
    total, rows = 0.0, features.shape[0]
    for block in row_blocks.blocks(rows, model.sizes["num_classes"]):
        scores = model(features[block])
        total += np.var(scores, axis=1, dtype=np.float64).sum()
    return float(np.sqrt(total / max(rows, 1)))


def combine(
    models: Sequence[base.Classifier], weights: Sequence[float], features
) -> base.Classifier:
    """One classifier whose scores are the weighted sum of those of several.

    Args:
        models: over the same classes, without penalties.
        weights: of each; one that is 0 leaves its model out.
        features: `[n, dx]` real training features, by which scores are scaled.
    """
    chosen = [(m, w) for m, w in zip(models, weights, strict=True) if w]
    # Scores that are all the same have no scale, and matter to nothing.
    deviations = [deviation(model, features) or 1.0 for model, _ in chosen]
    shares = np.array([w for _, w in chosen]) / sum(w for _, w in chosen)
    level = shares @ deviations
    terms, embedders = [], []
    for (model, _), share, one in zip(chosen, shares, deviations):
        factor = float(level * share / one)
        terms += [
            base.Term(unit, factor * kernel, factor * bias)
            for unit, kernel, bias in model.terms
        ]
        embedders += [part.scaled(factor) for part in model.embedders]
    describing = all(model.embedders for model, _ in chosen)
    return base.assemble(terms, embedders if describing else ())
