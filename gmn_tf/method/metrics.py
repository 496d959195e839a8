"""Section 4: T-1, u, s and their harmonic mean h, by the joint protocol.

Joint (Table 3): one classifier over all classes gives all four scores.
"""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from gmn_tf.data.row_blocks import Computed, blocks, in_blocks
from gmn_tf.data.zero_shot_data import ZeroShotData

JOINT, SEPARATE = "joint", "separate"
SCORES = {"t1": "T-1", "u": "u", "s": "s", "h": "h"}  # and how they are shown
BASELINE = "real_only"  # the variant every other is compared with


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

    seen: np.ndarray | Computed
    unseen: np.ndarray | Computed


class Best(NamedTuple):
    """The likeliest seen and the likeliest unseen class of samples, `[n]`.

    Attributes:
        seen: numbers of classes.
        seen_scores: their scores.
        unseen: numbers of classes.
        unseen_scores: their scores.
    """

    seen: np.ndarray
    seen_scores: np.ndarray
    unseen: np.ndarray
    unseen_scores: np.ndarray

    @classmethod
    def of(cls, scores: np.ndarray | Computed, num_seen: int) -> "Best":
        """By scores `[n, C]`, in blocks of rows."""

        def of_kind(block, first):
            best = block.argmax(axis=1)
            return first + best, block[np.arange(len(best)), best]

        found = [
            (
                *of_kind(block[:, :num_seen], 0),
                *of_kind(block[:, num_seen:], num_seen),
            )
            for block in (scores[rows] for rows in blocks(*scores.shape))
        ]
        return cls(*map(np.concatenate, zip(*found)))

    def of_all(self, penalty: float = 0.0) -> np.ndarray:
        """The likeliest classes, with a penalty of seen ones."""
        lowered = self.seen_scores - self.seen_scores.dtype.type(penalty)
        return np.where(lowered >= self.unseen_scores, self.seen, self.unseen)


def score(classifier, data: ZeroShotData) -> Scores:
    """Scores a classifier on the seen and unseen samples held back.

    Every accuracy is a mean over classes, so that a class with many samples
    counts no more than one with few.
    """
    return score_predictions(predict(classifier, data), data)


def predict(classifier, data: ZeroShotData) -> Predictions:
    """Scores of all classes for all samples held back.

    Those that need more memory than the data's features may are `Computed`.
    """

    def scores(features):
        shape = features.shape[0], data.num_classes
        if 4 * shape[0] * shape[1] > data.memory:
            return Computed(shape, lambda rows: classifier(features[rows]))
        return in_blocks(classifier, features, data.num_classes)

    return Predictions(scores(data.seen.features), scores(data.unseen.features))


def score_predictions(predictions: Predictions, data: ZeroShotData) -> Scores:
    """T-1, u, s and h of what a classifier predicted."""
    best = [Best.of(scores, data.num_seen) for scores in predictions]
    return score_best(best, data)


def score_best(
    best: Sequence[Best], data: ZeroShotData, penalty: float = 0.0
) -> Scores:
    """T-1, u, s and h of the likeliest classes.

    Args:
        best: for the seen samples held back, and for the unseen ones.
        data: those samples.
        penalty: of seen classes.
    """
    of_seen, of_unseen = best

    def accuracies(samples, found):
        return class_accuracies(samples.labels, found, data.num_classes)

    seen = accuracies(data.seen, of_seen.of_all(penalty))
    unseen = accuracies(data.unseen, of_unseen.of_all(penalty))
    t1 = accuracies(data.unseen, of_unseen.unseen)
    alone = accuracies(data.seen, of_seen.seen)
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
