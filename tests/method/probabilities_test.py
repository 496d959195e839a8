"""Temperature, calibration error and reject curve where they are known."""

import numpy as np
import pytest

from gmn_tf.data import row_blocks
from gmn_tf.method import metrics, probabilities
from gmn_tf.method.metrics import Predictions
from gmn_tf.method.probabilities import Answers, HeldBack
from tests.method.metrics_test import data_of

SEEN = 3


def drawn(samples: int, classes: int, seed: int = 0):
    """Scores, and labels that were drawn from their softmax."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(samples, classes)) * 1.5
    odds = np.exp(scores)
    shares = odds / odds.sum(axis=1, keepdims=True)
    return scores, np.array([rng.choice(classes, p=row) for row in shares])


def held_back(scores, labels, num_seen=SEEN):
    weights = probabilities.balanced(labels, num_seen)
    return HeldBack(scores, labels, weights, num_seen)


@pytest.mark.parametrize("factor", [0.02, 1.0, 40.0])
def test_the_temperature_undoes_a_factor(factor):
    scores, labels = drawn(6000, 5)
    found = held_back([factor * scores], labels)
    temperature = probabilities.fit_temperature(found).temperature

    assert temperature == pytest.approx(factor, rel=0.08)
    errors = probabilities.calibration(found, temperature)
    assert errors["ece"] < 4.0
    if factor != 1.0:
        assert errors["ece_before"] > 3.0 * errors["ece"]


@pytest.mark.parametrize(
    ("scores", "reason"),
    [
        (-3.0, "no clear maximum"),  # what is wrong scores highest
        (0.0, "no clear maximum"),  # all classes are alike
        (1e-7, "no clear maximum"),  # nothing makes these so sure
        (5.0, ""),
    ],
)
def test_no_temperature_at_a_bound(scores, reason):
    labels = np.arange(200) % 5
    fitted = probabilities.fit_temperature(
        held_back([scores * np.eye(5)[labels]], labels)
    )

    assert reason in fitted.reason and bool(reason) == bool(fitted.reason)
    assert (fitted.temperature == 1.0) == bool(reason)


@pytest.mark.parametrize(
    ("classes", "few"), [((0, 3), True), ((0, 1, 3), True), ((0, 1, 3, 4), 0)]
)
def test_no_temperature_by_one_class_of_a_kind(classes, few):
    scores, labels = drawn(2000, 5)
    kept = np.isin(labels, classes)
    fitted = probabilities.fit_temperature(
        held_back([4.0 * scores[kept]], labels[kept])
    )

    assert bool(fitted.reason) == bool(few)
    assert not few or fitted.reason.endswith(f"are {len(classes) - 1} and 1")
    assert few or fitted.temperature != 1.0


def test_probabilities_are_the_mean_of_softmaxes():
    scores = np.log([[[1.0, 3.0]], [[9.0, 1.0]]])
    one = held_back(scores, np.array([1]), 1)
    (found,) = one.read(0.5, lambda all_of, labels: (all_of[:, 0],))
    # Divided by 0.5, the odds are squared: 1 to 9, and 81 to 1.
    np.testing.assert_allclose(found, [(0.1 + 81 / 82) / 2])


def test_classes_and_kinds_count_the_same():
    labels = np.array([0, 0, 0, 0, 1, 3, 3, 4])
    weights = probabilities.balanced(labels, SEEN)

    # Half for the seen classes 0 and 1, half for the unseen ones 3 and 4.
    sums = np.bincount(labels, weights)
    np.testing.assert_allclose(sums, [0.25, 0.25, 0.0, 0.25, 0.25])
    assert weights[0] == pytest.approx(0.25 / 4)
    only_seen = probabilities.balanced(np.array([0, 1, 1]), SEEN)
    np.testing.assert_allclose(only_seen, [0.5, 0.25, 0.25])
    assert not len(probabilities.balanced(np.array([], int), SEEN))


def answers(confidence, right, labels, classes=None):
    labels = np.array(labels)
    weights = probabilities.balanced(labels, SEEN)
    classes = labels if classes is None else np.array(classes)
    right = np.array(right, bool)
    return Answers(classes, np.array(confidence), right, weights, labels, SEEN)


def test_the_calibration_error_by_hand():
    # Two bins: 0.9 and right half of the time, 0.3 and never right.
    found = answers([0.9, 0.9, 0.3, 0.3], [1, 0, 0, 0], [0, 3, 1, 4])
    error = probabilities.expected_calibration_error(found)
    assert error == pytest.approx(100.0 * (0.5 * 0.4 + 0.5 * 0.3))

    nothing = found.only(np.zeros(4, bool))
    assert np.isnan(probabilities.expected_calibration_error(nothing))


def test_errors_by_the_kind_of_the_answer():
    labels = np.array([0, 1])
    scores = np.log([[0.5, 0.2, 0.1, 0.1, 0.1], [0.1, 0.6, 0.1, 0.1, 0.1]])
    found = probabilities.calibration(held_back([scores], labels), 1.0)

    assert found["ece_answered_seen"] == pytest.approx(45.0)
    assert found["ece_answered_unseen"] is None


def test_the_reject_curve_by_hand():
    found = answers([0.9, 0.8, 0.5, 0.2], [1, 0, 1, 0], labels=[0, 3, 4, 1])
    curve = probabilities.reject_curve(found)
    first, last = curve[0], curve[-1]

    assert first["min_probability"] == 0.0
    assert first["answered"] == pytest.approx(100.0)
    assert first["accuracy"] == pytest.approx(50.0)
    assert last["min_probability"] == pytest.approx(0.9)
    assert last["answered"] == pytest.approx(25.0)
    assert last["accuracy"] == pytest.approx(100.0)
    assert (last["answered_unseen"], last["accuracy_unseen"]) == (0.0, None)
    levels = [row["min_probability"] for row in curve]
    assert levels == sorted(set(levels))
    shares = [row["answered"] for row in curve]
    assert shares == sorted(shares, reverse=True)


def test_without_a_sample_nothing_is_known():
    none = np.array([], int)
    data = data_of(none, none, 2, 3)
    empty = Predictions(np.empty((0, 3)), np.empty((0, 3)))
    found = HeldBack.of([empty], data)

    fitted = probabilities.fit_temperature(found)
    assert fitted.temperature == 1.0 and "are 0 and 0" in fitted.reason
    assert set(probabilities.calibration(found, 1.0).values()) == {None}
    (row,) = probabilities.reject_curve(Answers.of(found, 1.0))
    assert row["answered"] is None


@pytest.mark.parametrize("count", [5, 50])
def test_nobody_is_sure_of_the_next_one(count):
    # All are right, by far.
    labels = np.arange(count) % 5
    found = held_back([5.0 * np.eye(5)[labels]], labels)
    temperature = probabilities.fit_temperature(found).temperature
    confidence = Answers.of(found, temperature).confidence
    np.testing.assert_allclose(confidence, (count + 1) / (count + 2), rtol=0.01)


def test_runs_are_joined_as_if_they_were_one():
    scores, labels = drawn(400, 5)
    one = held_back([scores], labels)
    both = HeldBack.joined([one, one])

    assert both.weights.sum() == pytest.approx(1.0)
    first, second = map(probabilities.fit_temperature, (one, both))
    assert second.temperature == pytest.approx(first.temperature, rel=0.01)


def test_scores_that_are_not_kept_give_the_same(monkeypatch):
    monkeypatch.setattr(row_blocks, "NUMBERS_AT_ONCE", 15)  # three rows
    scores, labels = drawn(20, 5)
    computed = row_blocks.Computed(scores.shape, lambda rows: scores[rows])
    kept, read = (held_back([one], labels) for one in (scores, computed))
    read = HeldBack.joined([read, read])
    kept = HeldBack.joined([kept, kept])

    assert isinstance(read.scores[0], row_blocks.Computed)
    temperature = probabilities.fit_temperature(kept).temperature
    assert probabilities.fit_temperature(read).temperature == temperature
    assert probabilities.calibration(
        read, temperature
    ) == probabilities.calibration(kept, temperature)


def test_confusions_by_hand():
    found = metrics.confusions(
        np.array([0, 0, 0, 2]), np.array([0, 2, 2, 2]), 3
    )
    np.testing.assert_allclose(found[0], [1 / 3, 0.0, 2 / 3])
    assert np.isnan(found[1]).all()
    np.testing.assert_allclose(found[2], [0.0, 0.0, 1.0])
