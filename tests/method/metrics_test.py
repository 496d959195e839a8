"""Section 4: T-1, u, s and h."""

import dataclasses

import numpy as np
import pytest

from gmn_tf.data import row_blocks
from gmn_tf.data.zero_shot_data import Samples, ZeroShotData
from gmn_tf.method import metrics
from tests.support import reference, toys


def samples(labels, first_row=0):
    """Samples that are their row's number."""
    rows = first_row + np.arange(len(labels))
    return Samples(rows[:, np.newaxis].astype(np.float32), np.array(labels))


def data_of(seen, unseen, num_seen=2, num_classes=4):
    """A data set of which nothing but the scored samples matters."""
    return ZeroShotData(
        class_names=tuple("abcdef"[:num_classes]),
        num_seen=num_seen,
        embeddings=toys.normal(num_classes, 5),
        validation_classes=np.array([0]),
        train=samples([0, 1]),
        seen=samples(seen),
        unseen=samples(unseen, first_row=len(seen)),
        metadata={},
    )


def looking_up(*tables):
    """A classifier that knows the scores of every row."""
    table = np.concatenate(tables)
    return lambda features: table[np.asarray(features)[:, 0].astype(int)]


SEEN_LABELS = [0, 0, 0, 1]
SEEN_SCORES = np.array(
    [
        [5.0, 1.0, 2.0, 0.0],  # right
        [0.0, 1.0, 2.0, 5.0],  # wrong: an unseen class
        [1.0, 5.0, 2.0, 0.0],  # wrong: a seen class
        [1.0, 5.0, 2.0, 0.0],  # right
    ]
)
UNSEEN_LABELS = [2, 2, 2, 2, 3]
UNSEEN_SCORES = np.array(
    [
        [0.0, 1.0, 5.0, 2.0],  # right
        [5.0, 1.0, 3.0, 2.0],  # a seen class, but right among the unseen
        [0.0, 1.0, 2.0, 5.0],  # wrong
        [5.0, 1.0, 2.0, 3.0],  # wrong, and wrong among the unseen
        [5.0, 4.0, 1.0, 3.0],  # a seen class, but right among the unseen
    ]
)


def test_scores_by_hand():
    scores = metrics.score(
        looking_up(SEEN_SCORES, UNSEEN_SCORES),
        data_of(SEEN_LABELS, UNSEEN_LABELS),
    )

    assert scores.t1 == pytest.approx(100 * (2 / 4 + 1) / 2)
    assert scores.u == pytest.approx(100 * (1 / 4 + 0) / 2)
    assert scores.s == pytest.approx(100 * (1 / 3 + 1) / 2)
    assert scores.h == pytest.approx(200 * (1 / 8 * 2 / 3) / (1 / 8 + 2 / 3))
    np.testing.assert_allclose(
        scores.class_accuracies, [1 / 3, 1.0, 1 / 4, 0.0]
    )


def test_scores_by_the_plainest_loop():
    rng = np.random.default_rng(0)
    seen, unseen = rng.integers(0, 4, 37), rng.integers(4, 6, 23)
    tables = toys.normal(37, 6), toys.normal(23, 6)
    scores = metrics.score(looking_up(*tables), data_of(seen, unseen, 4, 6))

    for value, labels, table, candidates in [
        (scores.t1, unseen, tables[1], [4, 5]),
        (scores.u, unseen, tables[1], range(6)),
        (scores.s, seen, tables[0], range(6)),
    ]:
        assert value == pytest.approx(
            reference.mean_class_accuracy(labels, table, candidates)
        )


def test_a_class_without_a_sample_does_not_count():
    unseen = [2] * 4
    scores = metrics.score(
        looking_up(SEEN_SCORES, UNSEEN_SCORES), data_of(SEEN_LABELS, unseen)
    )

    assert scores.t1 == pytest.approx(50.0)
    assert scores.u == pytest.approx(25.0)
    np.testing.assert_allclose(
        scores.class_accuracies, [1 / 3, 1.0, 1 / 4, np.nan]
    )


def test_many_samples_are_scored_in_parts():
    labels = np.arange(9000) % 2
    table = np.eye(4)[labels]
    table[8500:] = np.eye(4)[3]
    sizes = []

    def classifier(features):
        sizes.append(len(features))
        return looking_up(table, UNSEEN_SCORES)(features)

    scores = metrics.score(classifier, data_of(labels, UNSEEN_LABELS))

    assert scores.s == pytest.approx(100 * 8500 / 9000)
    assert max(sizes) < 9000
    assert sum(sizes) == 9005


def test_scores_of_many_classes_are_not_kept(monkeypatch):
    monkeypatch.setattr(row_blocks, "NUMBERS_AT_ONCE", 8)  # two rows
    classifier = looking_up(SEEN_SCORES, UNSEEN_SCORES)
    data = data_of(SEEN_LABELS, UNSEEN_LABELS)
    small = dataclasses.replace(data, memory=4 * SEEN_SCORES.size)
    sizes = []

    def counted(features):
        sizes.append(len(features))
        return classifier(features)

    seen, unseen = metrics.predict(counted, small)
    both = row_blocks.one_after_another([seen, unseen], 2.0)

    assert isinstance(seen, np.ndarray)
    assert isinstance(unseen, row_blocks.Computed)
    assert max(sizes) == 2
    for rows in (slice(0, 2), slice(3, 6), slice(5, 9)):
        expected = 2.0 * np.concatenate([SEEN_SCORES, UNSEEN_SCORES])[rows]
        np.testing.assert_array_equal(both[rows], expected)
    assert str(metrics.score(counted, small)) == str(
        metrics.score(classifier, data)
    )


@pytest.mark.parametrize(
    ("u", "s", "h"),
    [(0.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.4, 0.4, 0.4), (0.2, 0.8, 0.32)],
)
def test_harmonic_mean(u, s, h):
    assert metrics.harmonic_mean(u, s) == pytest.approx(h)


def test_summary_over_classifiers():
    scores = [
        metrics.Scores(value, 2 * value, 3 * value, 4 * value, np.zeros(2))
        for value in (1.0, 2.0, 6.0)
    ]
    spread = np.sqrt(14 / 3)

    summary = metrics.mean_and_std(scores)

    assert summary.keys() == {"t1", "u", "s", "h"}
    for place, name in enumerate(("t1", "u", "s", "h"), start=1):
        assert summary[name]["mean"] == pytest.approx(3 * place)
        assert summary[name]["std"] == pytest.approx(spread * place)
