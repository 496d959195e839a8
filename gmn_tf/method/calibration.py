"""Beyond section 4: calibrated stacking (Chao et al., ECCV 2016).

A classifier learns seen classes from real samples and prefers them too often.
One constant, the penalty, is subtracted from the scores of all seen classes.
It is chosen on the tune splits, in the middle of those with which h is near its
largest: the largest of all is as high as it is partly by chance, and how far h
falls to either side says more of other classes.
"""

from collections.abc import Sequence

import numpy as np

from gmn_tf.data.zero_shot_data import ZeroShotData
from gmn_tf.method import metrics

POINTS = 200  # penalties that are tried
NEAR = 0.95  # of the largest h


def curve(models: Sequence, data: ZeroShotData) -> list[dict]:
    """Scores against the penalty of seen classes.

    Args:
        models: final classifiers, without a penalty.
        data: the tune splits.

    Returns:
        One entry per penalty, the smallest first: `penalty`, and mean and
        standard deviation over classifiers of each score, in percent.
    """
    best = [
        [
            metrics.Best.of(scores, data.num_seen)
            for scores in metrics.predict(model, data)
        ]
        for model in models
    ]
    margins = np.concatenate(
        [one.seen_scores - one.unseen_scores for both in best for one in both]
    )
    # Equally many predictions change between two of these.
    quantiles = np.quantile(margins, np.linspace(0.0, 1.0, POINTS))
    # Enough digits to tell penalties apart, few enough to give as a flag.
    penalties = np.unique([0.0, *(float(f"{q:.4g}") for q in quantiles)])
    rows = []
    for penalty in penalties:
        scores = [metrics.score_best(both, data, penalty) for both in best]
        rows.append({"penalty": float(penalty), **metrics.mean_and_std(scores)})
    return rows


def largest(rows: Sequence[dict]) -> dict:
    """The entry of `curve` with the largest mean of h."""
    return max(rows, key=lambda row: row["h"]["mean"])


def near(rows: Sequence[dict], share: float = NEAR) -> tuple[float, float]:
    """The least and the greatest penalty with this share of the largest h."""
    good = _good(rows, share)
    return good[0]["penalty"], good[-1]["penalty"]


def middle(rows: Sequence[dict], share: float = NEAR) -> dict:
    """The entry of `curve` whose penalty is in the middle of those `near`.

    Of few samples h may fall and rise again between them: the nearest to the
    middle is taken whose own h has this share of the largest.
    """
    centre = sum(near(rows, share)) / 2.0
    good = _good(rows, share)
    return min(good, key=lambda row: abs(row["penalty"] - centre))


def _good(rows: Sequence[dict], share: float) -> list[dict]:
    least = share * largest(rows)["h"]["mean"]
    return [row for row in rows if row["h"]["mean"] >= least]
