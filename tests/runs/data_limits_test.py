"""References for scores: toys with known answers, and plain NumPy."""

import dataclasses
import json

import numpy as np
import pytest

from gmn_tf.data.on_disk import OnDisk
from gmn_tf.data.zero_shot_data import Samples, ZeroShotData
from gmn_tf.method.classifiers import discriminant
from gmn_tf.runs import data_limits
from tests.support import toys

DX, DA = 9, 5


def make_data(seen=12, unseen=4, each=8, noise=0.05, linear=True, seed=0):
    """Class means that are linear in the descriptions, or have no relation."""
    rng = np.random.default_rng(seed)
    embeddings = rng.normal(size=(seen + unseen, DA))
    means = embeddings @ rng.normal(size=(DA, DX))
    if not linear:
        means = rng.normal(size=means.shape)

    def samples(classes, count):
        labels = np.repeat(classes, count)
        features = means[labels] + noise * rng.normal(size=(len(labels), DX))
        return Samples(features.astype(np.float32), labels.astype(np.int32))

    return ZeroShotData(
        class_names=tuple(map(str, range(seen + unseen))),
        num_seen=seen,
        embeddings=embeddings.astype(np.float32),
        validation_classes=np.array([0]),
        train=samples(np.arange(seen), each),
        seen=samples(np.arange(seen), 3),
        unseen=samples(np.arange(seen, seen + unseen), 3),
        metadata={},
    )


def changed(data, function):
    """The data with other features of seen classes."""
    train, seen = (
        Samples(function(one.features), one.labels)
        for one in (data.train, data.seen)
    )
    return dataclasses.replace(data, train=train, seen=seen)


def test_separable_data_and_linear_descriptions_give_all():
    parts = []
    limits = data_limits.measure(make_data(), lambda: parts.append(1))

    assert len(parts) == data_limits.PARTS
    assert limits["linear_probe"] == limits["nearest_class_mean"] == 100.0
    assert limits["left_out"] == 100.0
    assert limits["left_out_candidates"] == 4.0
    assert limits["left_out_r2"] > 0.98
    assert limits["description_rank"] == DA
    assert limits["chance_t1"] == 25.0
    assert limits["chance_u_s"] == 6.25
    assert limits["chance_seen"] == 8.33
    assert json.loads(json.dumps(limits)) == limits


def test_descriptions_without_relation_are_at_chance():
    data = make_data(seen=120, unseen=12, linear=False)
    limits = data_limits.measure(data)

    assert limits["linear_probe"] == 100.0
    assert abs(limits["left_out"] - 100.0 / 12) < 6.0
    assert limits["left_out_r2"] < 0.05


def test_samples_of_unseen_classes_are_not_read():
    data = make_data(noise=1.0)
    other = dataclasses.replace(data, unseen=None)

    assert data_limits.measure(other) == data_limits.measure(data)


@pytest.mark.parametrize("factor", [1e-3, -1.0, 1e3])
def test_units_and_shifts_do_not_matter(factor):
    data = make_data(noise=1.0)
    expected = data_limits.measure(data)
    assert 20.0 < expected["linear_probe"] < 100.0
    limits = data_limits.measure(
        changed(data, lambda x: np.float32(factor * (x + 7.0)))
    )
    own = "feature_rms", "feature_offset"

    assert {n: v for n, v in limits.items() if n not in own} == {
        n: v for n, v in expected.items() if n not in own
    }
    assert limits["feature_offset"] > 2.0 > expected["feature_offset"]
    rms = np.sqrt(np.mean((factor * (data.train.features + 7.0)) ** 2))
    assert limits["feature_rms"] == pytest.approx(rms, rel=0.01)


def test_features_on_disk_give_the_same():
    class Rows(OnDisk):
        def __init__(self, features):
            super().__init__(*features.shape)
            self.features = features

        def __getitem__(self, rows):
            assert len(rows) <= 4096
            return self.features[rows]

    data = make_data(noise=1.0)

    assert data_limits.measure(changed(data, Rows)) == data_limits.measure(data)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("seen", "each", "feature"),
    [(2, 8, None), (5, 1, None), (2, 1, None), (12, 4, 3.0), (4, 2, 0.0)],
)
def test_small_and_constant_data(seen, each, feature):
    data = make_data(seen=seen, each=each)
    if feature is not None:
        data = changed(data, lambda x: np.full_like(x, feature))
    limits = data_limits.measure(data)

    chance = 100.0 / seen
    probe = limits["linear_probe"]
    assert probe == pytest.approx(chance if feature is not None else 100, 0.01)
    assert (limits["left_out"] is None) == (seen < 4)
    assert (limits["feature_offset"] is None) == (feature is not None)


@pytest.mark.filterwarnings("error")
def test_without_samples_to_score_there_is_no_probe():
    nothing = Samples(np.empty((0, DX), np.float32), np.empty(0, np.int32))
    limits = data_limits.measure(dataclasses.replace(make_data(), seen=nothing))

    assert limits["linear_probe"] is limits["nearest_class_mean"] is None
    assert limits["left_out"] == 100.0


def test_large_data_is_thinned_out(monkeypatch):
    monkeypatch.setattr(data_limits, "MOST_CLASSES", 10)
    monkeypatch.setattr(data_limits, "MOST_SAMPLES", 45)
    monkeypatch.setattr(data_limits, "MOST_DIMENSIONS", 6)
    sizes = []
    measured = data_limits.class_means

    def spy(samples, num_classes):
        sizes.append((samples.features.shape, num_classes))
        return measured(samples, num_classes)

    monkeypatch.setattr(data_limits, "class_means", spy)
    limits = data_limits.measure(make_data(seen=30))

    assert sizes[0] == ((40, 6), 10)  # four of each class
    assert (limits["seen_classes"], limits["num_seen"]) == (10, 30)


def test_discriminant_is_the_gaussian_one():
    """The largest score is the smallest Mahalanobis distance."""
    train = toys.samples([6, 5, 7])
    train.features[:, 0] = toys.normal(18)
    means = discriminant.class_means(train, 3)
    within = discriminant.scatter_within(train, means)
    expected = [
        train.features[train.labels == label].mean(axis=0) for label in range(3)
    ]
    np.testing.assert_allclose(means, expected, rtol=1e-5, atol=1e-6)
    rest = train.features - np.array(expected)[train.labels]
    np.testing.assert_allclose(within, rest.T @ rest, rtol=1e-4, atol=1e-4)
    weights, biases = data_limits.discriminant(means, within, 0.5)
    shrunk = within + 0.5 * np.trace(within) / toys.DX * np.eye(toys.DX)
    new = toys.normal(40, toys.DX, seed=1)
    away = new[:, None] - means
    distances = np.einsum("nkd,de,nke->nk", away, np.linalg.inv(shrunk), away)
    scores = new @ weights + biases

    np.testing.assert_allclose(
        scores - scores[:, :1],
        -0.5 * (distances - distances[:, :1]),
        rtol=1e-3,
        atol=1e-4,
    )


def test_rank_and_alike_descriptions():
    rows = toys.normal(20, 3) @ toys.normal(3, 8)
    rows[7] = rows[2] * (1.0 + 1e-4)
    rows = np.concatenate([rows * 1e4, np.ones((20, 2))], axis=1)

    assert data_limits.descriptions(rows.astype(np.float32)) == {
        "description_rank": 3,
        "described_classes": 20,
        "alike_descriptions": 2,
    }
    assert data_limits.descriptions(np.ones((4, 3)))["description_rank"] == 0
