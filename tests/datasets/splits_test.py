"""The rules by which rows get into splits."""

import dataclasses

import numpy as np
import pytest

from gmn_tf.data.feature_scaling import FeatureScaling
from gmn_tf.utils import dimensions
from gmn_tf.utils.errors import InputError
from gmn_tf_datasets.zero_shot import splits
from gmn_tf_datasets.zero_shot.source import Embedding, Source

# Rows of each class: 0 to 4 are seen, 5 is unseen, 6 has no row.
COUNTS = (7, 6, 5, 4, 1, 3, 0)
LABELS = np.repeat(np.arange(len(COUNTS)), COUNTS)
TEST_SEEN = np.array([0, 7])
TEST_UNSEEN = np.flatnonzero(LABELS == 5)
TRAINVAL = np.setdiff1d(np.flatnonzero(LABELS < 5), TEST_SEEN)
VAL = np.flatnonzero(np.isin(LABELS, (1, 3)))
TRAIN = np.setdiff1d(TRAINVAL, VAL)


def _source(validation_names=(), **rows) -> Source:
    return Source(
        dataset="birds",
        features=np.arange(2.0 * len(LABELS)).reshape(-1, 2),
        labels=LABELS,
        class_names=tuple("abcdefg"),
        embeddings=(Embedding("att", np.ones((7, 3), np.float32)),),
        rows={
            "trainval": TRAINVAL,
            "test_seen": TEST_SEEN,
            "test_unseen": TEST_UNSEEN,
            **rows,
        },
        validation_names=tuple(validation_names),
        feature_file="res101.mat",
        files=(),
        origin="manual",
    )


def _assert_partition(made: splits.Splits) -> None:
    tuning = np.concatenate(
        [made.rows[f"tune_{name}"] for name in ("train", "seen", "unseen")]
    )
    np.testing.assert_array_equal(np.sort(tuning), TRAINVAL)
    for name in ("train", "seen"):
        labels = LABELS[made.rows[f"tune_{name}"]]
        assert not np.isin(labels, made.validation).any()
    assert set(LABELS[made.rows["tune_train"]]) == set(made.seen) - set(
        made.validation
    )


def test_leaked_rows_are_counted_and_kept_out():
    made = splits.make(
        _source(
            train=np.append(TRAIN, [0, TEST_UNSEEN[0]]),
            val=np.append(VAL, [7]),
        )
    )
    _assert_partition(made)
    assert made.version == "v1"
    # Row 7 is of class 1, so it is in VAL already.
    assert made.leaked == {
        "test_seen": {"train_loc": 1, "val_loc": 1},
        "test_unseen": {"train_loc": 1, "val_loc": 0},
    }
    assert made.validation == (1, 3)
    assert made.validation_source == "val_loc"
    assert "2 test_seen rows" in made.notes[0]
    assert "1 test_unseen rows" in made.notes[1]


def test_clean_rows_are_version_2():
    made = splits.make(_source(train=TRAIN, val=np.setdiff1d(VAL, [7])))
    _assert_partition(made)
    assert made.version == "v2"
    assert made.notes == []


def test_a_fifth_of_each_class_is_held_out():
    made = splits.make(_source(train=TRAIN, val=np.setdiff1d(VAL, [7])))
    # Training rows 1 to 6 of class 0, 13 to 17 of class 2, one of class 4.
    np.testing.assert_array_equal(made.rows["tune_seen"], [3, 15])


@pytest.mark.parametrize(
    "names, rows, expected, origin",
    [
        ("bc", {}, (1, 2), "valclasses1.txt"),
        # Neither unknown names nor unseen classes are of use.
        ("zf", {}, (2,), "rule"),
        ("", {}, (2,), "rule"),
        # val_loc shares class 2 with train_loc.
        ("d", {"train": TRAIN, "val": np.append(VAL, 13)}, (3,), "valcl"),
        ("d", {"val": VAL}, (3,), "valcl"),
    ],
)
def test_where_validation_classes_come_from(names, rows, expected, origin):
    made = splits.make(_source(names, **rows))
    _assert_partition(made)
    assert made.validation == expected
    assert made.validation_source.startswith(origin)
    assert made.validation_source in made.notes[-1]


def test_of_two_seen_classes_the_second_is_held_out():
    classes, origin = splits._validation_classes(_source(), np.array([1, 3]))
    assert classes.tolist() == [3] and origin.startswith("rule: the second")


@pytest.mark.parametrize("value", [3.0, 0.0, -1e-9])
def test_features_that_are_all_the_same_are_refused(value, monkeypatch):
    monkeypatch.setattr(dimensions, "BLOCK", 4)
    features = np.full((len(LABELS), 2), value)
    features[TEST_SEEN] = features[TEST_UNSEEN] = 7.0  # no matter
    source = dataclasses.replace(_source(), features=features)
    with pytest.raises(InputError, match=r"res101\.mat have the same features"):
        splits.make(source)
    features[TRAINVAL[-1], 1] += 1.0
    splits.make(source)


@pytest.mark.parametrize(
    "changes",
    [
        [2e-6],  # one row, by more than rounding
        [1e-6, -1e-6] * 3,
        [1e-40],  # nothing in float32
    ],
)
def test_what_no_scaling_can_use_is_refused_at_preparation(changes):
    features = np.ones((len(LABELS), 2))
    features[TRAINVAL[: len(changes)], 1] += changes
    for scale in (1.0, -1e30, 1e-30):
        rows = features * scale
        with pytest.raises(InputError, match="--feature_scaling=standard"):
            FeatureScaling.fit("standard", rows[TRAINVAL].astype(np.float32))
        source = dataclasses.replace(_source(), features=rows)
        with pytest.raises(InputError, match="have the same features"):
            splits.make(source)


def test_features_too_near_to_0_for_float32_are_refused_with_the_cause():
    features = np.arange(2.0 * len(LABELS)).reshape(-1, 2)
    source = dataclasses.replace(_source(), features=features * 1e-60)
    with pytest.raises(InputError, match="Multiply all features"):
        splits.make(source)
    zeros = dataclasses.replace(_source(), features=features * 0.0)
    with pytest.raises(InputError, match="how the features were extracted"):
        splits.make(zeros)


@pytest.mark.parametrize(
    ("counts", "kept", "words"),
    [
        ([20] * 10, 20, []),
        ([3] * 100, 200, []),  # 0.3 points
        ([20] * 9, 20, ["learn from 20 classes", "on 9 validation classes"]),
        ([20] * 10, 9, ["learn from 9 classes"]),
        ([40], 1, ["learn from 1 class and are scored on 1 validation class;"]),
        ([1, 30], 40, ["on 2 valid", "c0 (1); one sample decides up to 50 "]),
        ([1] * 12, 40, ["c0 (1), c1 (1), c2 (1), c3 (1), c4 (1), ...; one"]),
    ],
)
def test_validation_by_little_is_noted(counts, kept, words):
    names = [f"c{number}" for number in range(len(counts))]
    notes = splits.cautions(names, counts, kept)

    assert all(word in " ".join(notes) for word in words)
    assert bool(notes) == bool(words)


def test_fingerprint_depends_on_every_split():
    made = splits.make(_source())
    assert made.fingerprint == splits.make(_source()).fingerprint
    for name in splits.NAMES:
        rows = {**made.rows, name: made.rows[name][::-1] + 1}
        changed = dataclasses.replace(made, rows=rows)
        assert changed.fingerprint != made.fingerprint
