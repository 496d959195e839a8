"""Section 4: T-1, u, s and their harmonic mean h, by the joint protocol.

Joint (Table 3): one classifier over all classes gives all four scores.
"""

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from gmn_tf.data.zero_shot_data import ZeroShotData

JOINT, SEPARATE = "joint", "separate"
SCORES = {"t1": "T-1", "u": "u", "s": "s", "h": "h"}  # and how they are shown
BASELINE = "real_only"  # the variant every other is compared with
ROWS_AT_ONCE = 4096


@dataclasses.dataclass(frozen=True)
class Scores:
    """The scores of one classifier, in percent.

    T-1, u and h are NaN where no unseen class has a sample to score.

    Attributes:
        t1: T-1, accuracy on unseen samples with unseen candidates only.
        u: accuracy on unseen samples, all classes being candidates.
        s: accuracy on seen samples, all classes being candidates.
        h: harmonic mean of u and s.
        class_accuracies: `[C]`, all classes being candidates; NaN for a class
            without a sample to score.
        seen_alone: accuracy on seen samples with seen candidates only: what T-1
            is for unseen classes. NaN if it was not measured.
    """

    t1: float
    u: float
    s: float
    h: float
    class_accuracies: np.ndarray
    seen_alone: float = float("nan")


def class_accuracies(
    labels: np.ndarray, predictions: np.ndarray, num_classes: int
) -> np.ndarray:
    """Accuracy of each class, `[C]`; NaN for one without a sample."""
    total = np.bincount(labels, minlength=num_classes)
    right = np.bincount(labels[labels == predictions], minlength=num_classes)
    with np.errstate(invalid="ignore"):
        return right / np.where(total == 0, np.nan, total)


def confusions(
    labels: np.ndarray, predictions: np.ndarray, num_classes: int
) -> np.ndarray:
    """Shares of each class that are taken for each, `[C, C]`.

    Row k adds up to 1: of the samples of class k. NaN for one without any.
    """
    counts = np.zeros((num_classes, num_classes))
    np.add.at(counts, (labels, predictions), 1.0)
    total = counts.sum(axis=1, keepdims=True)
    return counts / np.where(total == 0.0, np.nan, total)


def harmonic_mean(u: float, s: float) -> float:
    """h = 2us / (u + s), 0 if both are."""
    return 2.0 * u * s / (u + s) if u + s else 0.0


class Predictions(NamedTuple):
    """A classifier's scores of the samples held back, `[n, C]`.

    Attributes:
        seen: of samples of seen classes.
        unseen: of samples of unseen classes.
    """

    seen: np.ndarray
    unseen: np.ndarray


def score(classifier, data: ZeroShotData) -> Scores:
    """Scores a classifier on the seen and unseen samples held back.

    Every accuracy is a mean over classes, so that a class with many samples
    counts no more than one with few.
    """
    return score_predictions(predict(classifier, data), data)


def predict(classifier, data: ZeroShotData) -> Predictions:
    """Scores of all classes for all samples held back."""
    return Predictions(
        in_blocks(classifier, data.seen.features),
        in_blocks(classifier, data.unseen.features),
    )


def in_blocks(scores: Callable, features) -> np.ndarray:
    """What `scores` returns for features `[n, dx]`, in blocks of rows."""
    starts = range(0, max(features.shape[0], 1), ROWS_AT_ONCE)
    return np.concatenate(
        [scores(features[start : start + ROWS_AT_ONCE]) for start in starts]
    )


def score_predictions(predictions: Predictions, data: ZeroShotData) -> Scores:
    """T-1, u, s and h of what a classifier predicted."""

    def accuracies(samples, scores, first=0):
        """Of the classes scored, the first of which is the class `first`."""
        best = first + scores.argmax(axis=1)
        return class_accuracies(samples.labels, best, data.num_classes)

    seen = accuracies(data.seen, predictions.seen)
    unseen = accuracies(data.unseen, predictions.unseen)
    among_unseen = predictions.unseen[:, data.num_seen :]
    t1 = accuracies(data.unseen, among_unseen, data.num_seen)
    alone = accuracies(data.seen, predictions.seen[:, : data.num_seen])
    u, s = mean_over_classes(unseen), mean_over_classes(seen)
    return Scores(
        t1=100.0 * mean_over_classes(t1),
        u=100.0 * u,
        s=100.0 * s,
        h=100.0 * harmonic_mean(u, s),
        class_accuracies=np.where(np.isnan(seen), unseen, seen),
        seen_alone=100.0 * mean_over_classes(alone),
    )


def mean_over_classes(accuracies: np.ndarray) -> float:
    """The mean over classes with samples; NaN if no class has one."""
    unknown = np.isnan(accuracies).all()
    return float("nan") if unknown else float(np.nanmean(accuracies))


def mean_and_std(scores: list[Scores]) -> dict:
    """Mean and standard deviation (over classifiers) of each score.

    Both are None, for JSON, where a score is not known.
    """

    def known(value: np.floating) -> float | None:
        return None if np.isnan(value) else float(value)

    table = {name: [getattr(one, name) for one in scores] for name in SCORES}
    return {
        name: {"mean": known(np.mean(values)), "std": known(np.std(values))}
        for name, values in table.items()
    }
