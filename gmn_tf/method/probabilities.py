"""Beyond section 4: probabilities that mean something, and when not to answer.

Temperature scaling (Guo et al., ICML 2017): scores are divided by one number T
before the softmax. It changes no answer, only how sure each is. T has the
largest likelihood of the right classes on samples held back.

Every mean here is weighted as h is: each class counts the same among those of
its kind, and seen and unseen classes count half each. How many samples of which
kind a user will have, nobody knows.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import scipy.optimize
import scipy.special

from gmn_tf.data import row_blocks
from gmn_tf.data.zero_shot_data import ZeroShotData
from gmn_tf.method.metrics import Predictions

BINS = 15  # of the expected calibration error, as in the paper
LARGEST = 1e4  # temperature, and 1 / the smallest
# Classes of each kind that a temperature is fitted on: with one, all depends on
# how easy that class is.
FEWEST_TO_FIT = 2
# By so much (in nats) the loss is smaller than at both ends, or there is no
# valley: the scores say next to nothing there.
DEPTH = 1e-3
POINTS = 100  # of a reject curve


class HeldBack(NamedTuple):
    """What classifiers say of samples held back.

    Attributes:
        scores: `[n, C]` of each classifier whose probabilities are averaged,
            at temperature 1; arrays or `row_blocks.Computed`.
        labels: `[n]`, the right classes.
        weights: `[n]`, see above; their sum is 1.
        num_seen: S, of the classes 0..S-1.
    """

    scores: Sequence
    labels: np.ndarray
    weights: np.ndarray
    num_seen: int

    @classmethod
    def of(
        cls,
        predictions: Sequence[Predictions],
        data: ZeroShotData,
        temperature: float = 1.0,
    ) -> "HeldBack":
        """Of each classifier's predictions, made at a temperature."""
        labels = np.concatenate([data.seen.labels, data.unseen.labels])
        scores = [
            row_blocks.one_after_another(both, temperature)
            for both in predictions
        ]
        weights = balanced(labels, data.num_seen)
        return cls(scores, labels, weights, data.num_seen)

    @classmethod
    def joined(cls, several: Sequence["HeldBack"]) -> "HeldBack":
        """Those of several runs on the same data, which count the same."""
        first = several[0]
        return cls(
            [
                row_blocks.one_after_another(parts, 1.0)
                for parts in zip(*(one.scores for one in several))
            ],
            np.concatenate([one.labels for one in several]),
            np.concatenate([one.weights for one in several]) / len(several),
            first.num_seen,
        )

    def read(self, temperature: float, function: Callable) -> list[np.ndarray]:
        """What a function reads off the probabilities, in blocks of samples.

        Args:
            temperature: that of softmax(scores / T), whose mean over the
                classifiers is meant.
            function: probabilities `[n, C]`, labels `[n]` -> several `[n]`.
        """
        found = []
        for rows in row_blocks.blocks(*self.scores[0].shape):
            probabilities = np.mean(
                [
                    scipy.special.softmax(one[rows] / temperature, axis=-1)
                    for one in self.scores
                ],
                axis=0,
            )
            found.append(function(probabilities, self.labels[rows]))
        return [*map(np.concatenate, zip(*found))]


def balanced(labels: np.ndarray, num_seen: int) -> np.ndarray:
    """Weights of samples, by which classes and the two kinds count the same."""
    weights = 1.0 / np.maximum(np.bincount(labels), 1)[labels]
    seen = labels < num_seen
    for kind in (seen, ~seen):
        weights[kind] /= max(weights[kind].sum(), 1e-12)
    return weights / max(weights.sum(), 1e-12)


class Fitted(NamedTuple):
    """A temperature that was fitted.

    Attributes:
        temperature: 1 if none could be.
        reason: why not; empty if one was.
    """

    temperature: float
    reason: str = ""


def too_few(seen: int, unseen: int) -> str:
    """Why no temperature is fitted on so few classes; empty for enough."""
    if min(seen, unseen) >= FEWEST_TO_FIT:
        return ""
    return (
        f"it takes {FEWEST_TO_FIT} seen and {FEWEST_TO_FIT} unseen classes "
        f"with held-back samples to fit one, and there are {seen} and {unseen}"
    )


def fit_temperature(held_back: HeldBack) -> Fitted:
    """The temperature with the largest likelihood.

    None is fitted on fewer than `FEWEST_TO_FIT` of a kind, nor where the
    likelihood is largest at a bound: probabilities would be useless there, as
    with all classes alike.

    With n samples, each is taken to be wrong by 1 / (n + 2), as Platt does
    (1999): where all n are right, nobody can be sure of the next one.
    Three digits: enough, and few enough to give as a flag.
    """
    classes = np.unique(held_back.labels)
    seen = int(np.sum(classes < held_back.num_seen))
    if reason := too_few(seen, len(classes) - seen):
        return Fitted(1.0, reason)
    doubt = 1.0 / (len(held_back.labels) + 2.0)

    def of_labels(found, labels):
        return (found[np.arange(len(labels)), labels],)

    def loss(exponent):
        (right,) = held_back.read(np.exp(exponent), of_labels)
        logs = [np.log(np.maximum(p, 1e-30)) for p in (right, 1.0 - right)]
        return -held_back.weights @ ((1.0 - doubt) * logs[0] + doubt * logs[1])

    limit = np.log(LARGEST)
    # The loss has one valley, but it is flat far away from it.
    grid = np.linspace(-limit, limit, 13)
    losses = [loss(exponent) for exponent in grid]
    start = grid[np.argmin(losses)]
    step = 2.0 * limit / 12
    found = scipy.optimize.minimize_scalar(
        loss,
        bounds=(max(start - step, -limit), min(start + step, limit)),
        method="bounded",
        options={"xatol": 1e-3},
    )
    if min(losses[0], losses[-1]) - found.fun < DEPTH:
        return Fitted(
            1.0,
            "the likelihood of the held-back samples has no clear maximum at "
            f"any from {1 / LARGEST:g} to {LARGEST:g}",
        )
    return Fitted(float(f"{np.exp(found.x):.3g}"))


class Answers(NamedTuple):
    """The likeliest class of each sample.

    Attributes:
        classes: `[n]`.
        confidence: `[n]`, their probabilities.
        right: `[n]`, whether it is the sample's.
        weights: `[n]`.
        labels: `[n]`.
        num_seen: S.
    """

    classes: np.ndarray
    confidence: np.ndarray
    right: np.ndarray
    weights: np.ndarray
    labels: np.ndarray
    num_seen: int

    @classmethod
    def of(cls, held_back: HeldBack, temperature: float) -> "Answers":
        """The answers at a temperature."""
        best, confidence = held_back.read(
            temperature, lambda found, _: (found.argmax(axis=1), found.max(1))
        )
        right = best == held_back.labels
        _, labels, weights, num_seen = held_back
        return cls(best, confidence, right, weights, labels, num_seen)

    def only(self, kept: np.ndarray) -> "Answers":
        """Those of some samples."""
        return Answers(*(part[kept] for part in self[:5]), self.num_seen)


def expected_calibration_error(answers: Answers) -> float:
    """Mean distance of confidence and accuracy, in percent; NaN without any.

    Answers are put into bins of equal width by their confidence.
    """
    total = answers.weights.sum()
    if not total:
        return float("nan")
    places = np.minimum((BINS * answers.confidence).astype(int), BINS - 1)
    gaps = answers.weights * (answers.right - answers.confidence)
    return float(100.0 * np.abs(np.bincount(places, gaps)).sum() / total)


def calibration(held_back: HeldBack, temperature: float) -> dict:
    """Expected calibration errors in percent; None where there is no answer.

    Returns:
        ece_before: at temperature 1.
        ece: at the temperature.
        ece_answered_seen: of answers that are seen classes.
        ece_answered_unseen: of answers that are unseen classes.
    """
    answers = Answers.of(held_back, temperature)
    is_seen = answers.classes < answers.num_seen
    found = {
        "ece_before": Answers.of(held_back, 1.0),
        "ece": answers,
        "ece_answered_seen": answers.only(is_seen),
        "ece_answered_unseen": answers.only(~is_seen),
    }
    errors = {k: expected_calibration_error(v) for k, v in found.items()}
    return {k: None if np.isnan(v) else v for k, v in errors.items()}


def reject_curve(answers: Answers) -> list[dict]:
    """Accuracy against the share of samples that are answered.

    Returns:
        One entry for each of at most `POINTS` least probabilities, the smallest
        first: `min_probability`; for all samples and for those of each kind the
        share `answered` and the `accuracy` of these answers, in percent, None
        where there is none. The first entry answers every sample.
    """
    levels = np.zeros(0)
    if len(answers.confidence):
        places = np.linspace(0.0, 1.0, POINTS)[1:]
        levels = np.quantile(answers.confidence, places)
    # Rounded down, so that the answer at a level keeps being given.
    levels = np.unique([0.0, *(np.floor(1e4 * levels) / 1e4)])
    seen = answers.labels < answers.num_seen
    everything = np.ones(len(seen), bool)
    kinds = {"": everything, "_seen": seen, "_unseen": ~seen}

    def percent(part, whole):
        total = answers.weights[whole].sum()
        return 100.0 * answers.weights[part].sum() / total if total else None

    rows = []
    for level in levels:
        row = {"min_probability": float(level)}
        for name, kind in kinds.items():
            kept = kind & (answers.confidence >= level)
            row[f"answered{name}"] = percent(kept, kind)
            row[f"accuracy{name}"] = percent(kept & answers.right, kept)
        rows.append(row)
    return rows
