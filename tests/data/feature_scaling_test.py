"""Features scaled by the training rows alone, whatever their unit is."""

import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf

from gmn_tf.data import feature_scaling, on_disk, zero_shot_data
from gmn_tf.data.feature_scaling import (
    FEATURE_SCALINGS,
    UNSCALED,
    FeatureScaling,
)
from gmn_tf.data.zero_shot_data import Samples
from gmn_tf.utils.errors import InputError
from tests.support import toys

SCALED = [kind for kind in FEATURE_SCALINGS if kind != "none"]
SHIFTED = ["standard", "minmax", "centred", "unit", "arcsinh", "root"]
# More rows than a block, dimensions of different size and mean.
ROWS = toys.normal(2500, 6) * [1, 2, 3, 4, 5, 0.1] + [0, 9, -9, 1, 2, 3]
ROWS = ROWS.astype(np.float32)


def fitted(kind, rows=ROWS):
    """The rows themselves, scaled."""
    return FeatureScaling.fit(kind, rows)(rows).numpy()


def test_rms_has_the_mean_square_1_and_keeps_zeros():
    found = fitted("rms")
    assert np.mean(np.square(found, dtype=float)) == pytest.approx(1.0)
    np.testing.assert_allclose(found / found[0, 0], ROWS / ROWS[0, 0], 1e-5)


def test_standard_has_mean_0_and_deviation_1():
    found = fitted("standard").astype(float)
    np.testing.assert_allclose(found.mean(axis=0), 0.0, atol=1e-6)
    np.testing.assert_allclose(found.std(axis=0), 1.0, rtol=1e-6)


def test_minmax_is_between_0_and_1():
    found = fitted("minmax")
    np.testing.assert_array_equal(found.min(axis=0), 0.0)
    np.testing.assert_allclose(found.max(axis=0), 1.0, rtol=1e-6)
    assert found.max() <= 1.0


def test_centred_keeps_the_proportions_of_dimensions():
    found = fitted("centred").astype(float)
    np.testing.assert_allclose(found.mean(axis=0), 0.0, atol=1e-6)
    assert np.mean(np.square(found)) == pytest.approx(1.0)
    deviations = ROWS.astype(float).std(axis=0)
    shares = found.std(axis=0) / deviations
    np.testing.assert_allclose(shares, shares[0], rtol=1e-5)


def test_unit_has_rows_of_length_root_dx():
    found = fitted("unit")
    lengths = np.linalg.norm(found, axis=1, keepdims=True)
    np.testing.assert_allclose(lengths, np.sqrt(6), rtol=1e-6)
    centred = fitted("centred")
    cosines = np.sum(found * centred, axis=1) / np.linalg.norm(centred, axis=1)
    np.testing.assert_allclose(cosines, np.sqrt(6), rtol=1e-5)


def test_arcsinh_compresses_large_numbers_and_has_rows_of_one_length():
    # Of odd length, so that medians are numbers of the column.
    rows = np.array([[-1e6, 0], [-1, 0], [0, 0], [1, 5], [1e6, 10]])
    found = fitted("arcsinh", rows).astype(float)
    np.testing.assert_allclose(np.linalg.norm(found[[0, 3, 4]], axis=1), 2**0.5)
    np.testing.assert_array_equal(found[2], 0.0)  # the medians themselves
    # Column 0: median 0, median absolute deviation 1. Column 1: most are 0,
    # and the mean absolute deviation is 3.
    ratios = found[3:, 0] / found[3:, 1]
    expected = np.arcsinh([1, 1e6]) / np.arcsinh([5 / 3, 10 / 3])
    np.testing.assert_allclose(ratios, expected)
    np.testing.assert_allclose(found[0], [-(2**0.5), 0.0], rtol=1e-6)


def test_arcsinh_takes_medians_of_rows_spread_evenly(monkeypatch):
    monkeypatch.setattr(feature_scaling, "MEDIAN_ROWS", 3)
    rows = np.array([[1, 0], [9, 1], [3, 2], [8, 3], [2, 9]], float)
    scaling = FeatureScaling.fit("arcsinh", rows)
    assert scaling.offset == (2, 2)  # of rows 0, 2 and 4
    assert scaling.factor == (1, 0.5)


def test_root_compresses_from_the_nearer_end_of_each_dimension():
    # Seen from 2 and from -3, both are 0, 1, 9, 16, and roots 0, 1, 3, 4.
    rows = np.array([[2, -3, 7], [3, -4, 7], [11, -12, 7], [18, -19, 7]], float)
    found = fitted("root", rows).astype(float)
    np.testing.assert_allclose(found[:, 0], -found[:, 1])
    np.testing.assert_array_equal(found[:, 2], 0.0)
    # From their mean, 2; at last each row is as long as the root of 2.
    np.testing.assert_allclose(found[:, 0], [-1, -1, 1, 1], rtol=1e-6)
    # What lies beyond the end, by as much as a training sample lies before it.
    scaling = FeatureScaling.fit("root", np.array([[2, 0], [3, 0], [6, 9]]))
    found = scaling(np.array([[-2.0, 0], [6, 0]])).numpy()
    # Roots -2 and 2, less their mean, 1; and 0 less its own, 1.
    np.testing.assert_allclose(found[0, 0] / found[0, 1], 3.0, rtol=1e-6)
    np.testing.assert_allclose(found[1], [1.0, -1.0], rtol=1e-6)


def test_root_begins_at_the_least_number_if_both_ends_are_as_near():
    rows = np.array([[0, 0], [1, -1], [2, -2]], float)
    scaling = FeatureScaling.fit("root", rows)
    assert scaling.offset == (0, -2)


def test_a_root_without_its_means_is_damaged():
    content = FeatureScaling.fit("root", ROWS).to_dict()
    for other in ({**content, "kind": "unit"}, {**content, "centre": ""}):
        with pytest.raises(ValueError, match="damaged"):
            FeatureScaling.from_dict(other)


def test_none_gives_back_what_it_was_given():
    scaling = FeatureScaling.fit("none", ROWS)
    assert scaling is UNSCALED
    assert scaling(ROWS) is ROWS


@pytest.mark.parametrize("unit", [1e-3, 1e3, 1e-30, 1e30])
@pytest.mark.parametrize("kind", SCALED)
def test_the_unit_does_not_matter(kind, unit):
    found = fitted(kind, (ROWS * np.float64(unit)).astype(np.float32))
    np.testing.assert_allclose(found, fitted(kind), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", SHIFTED)
def test_the_zero_does_not_matter(kind):
    shifts = np.array([100, -20, 0, 7, 3, 0.5])
    found = fitted(kind, ROWS + shifts.astype(np.float32))
    np.testing.assert_allclose(found, fitted(kind), atol=2e-4)


@pytest.mark.parametrize("kind", ["standard", "minmax", "arcsinh"])
def test_the_unit_of_each_dimension_does_not_matter(kind):
    units = np.array([1e-3, 1e3, 1, 5, 1e-6, 1e6], np.float32)
    np.testing.assert_allclose(
        fitted(kind, ROWS * units), fitted(kind), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize(
    "kind", ["rms", "standard", "centred", "unit", "arcsinh", "root"]
)
def test_signs_of_dimensions_flip_those_of_the_scaled_ones(kind):
    signs = np.array([1, -1, 1, -1, -1, 1], np.float32)
    np.testing.assert_allclose(
        fitted(kind, ROWS * signs), fitted(kind) * signs, rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("kind", ["rms", "centred", "unit"])
def test_a_rotation_rotates_the_scaled_features(kind):
    rotation, _ = np.linalg.qr(toys.normal(6, 6))
    found = fitted(kind, (ROWS @ rotation).astype(np.float32))
    np.testing.assert_allclose(found, fitted(kind) @ rotation, atol=1e-5)


@pytest.mark.parametrize("kind", SHIFTED)
@pytest.mark.parametrize(
    "value", [0.0, 7.0, -1e6, 0.1], ids=["zero", "seven", "large", "tenth"]
)
def test_constant_dimensions_become_0_and_change_no_other(kind, value):
    constant = np.full([len(ROWS), 4], value, np.float32)
    # As rounding leaves it.
    constant[:, 2] *= 1 + 1e-7 * (np.arange(len(ROWS)) % 3)
    rows = np.concatenate([ROWS, constant], axis=1)
    scaling = FeatureScaling.fit(kind, rows)
    found = scaling(rows).numpy()

    assert scaling.constant == 4
    np.testing.assert_array_equal(found[:, 6:], 0.0)
    np.testing.assert_allclose(found[:, :6], fitted(kind), rtol=1e-6)
    # Not even where a row predicted on differs there.
    other = rows[:3].copy()
    other[:, 6:] = 1e30
    np.testing.assert_array_equal(scaling(other), found[:3])


@pytest.mark.parametrize("kind", SCALED)
def test_heavy_tails_and_integers(kind):
    rng = np.random.default_rng(1)
    rows = np.minimum(rng.pareto(0.3, [3000, 5]), 1e6).astype(np.int32)
    assert rows.max() == 1_000_000 and np.median(rows) < 20
    found = fitted(kind, rows)

    assert found.dtype == np.float32
    assert np.isfinite(found).all()
    spread = found.astype(float).std(axis=0)
    assert spread.min() > 1e-3 and spread.max() < 100.0


@pytest.mark.parametrize("kind", SCALED)
def test_sums_do_not_overflow(kind):
    rows = (ROWS * 1e37).astype(np.float32)
    np.testing.assert_allclose(
        fitted(kind, rows), fitted(kind), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("kind", SHIFTED)
@pytest.mark.parametrize("value", [0.0, 3.3])
def test_features_that_are_all_the_same_are_refused(kind, value):
    with pytest.raises(InputError, match=f"--feature_scaling={kind}") as error:
        FeatureScaling.fit(kind, np.full([50, 3], value, np.float32))
    assert "3 constant dimensions" in str(error.value)


def test_rms_refuses_only_zeros():
    ones = np.full([50, 3], -2.0, np.float32)
    np.testing.assert_allclose(FeatureScaling.fit("rms", ones)(ones), -1.0)
    with pytest.raises(InputError, match="from 0 to 0"):
        FeatureScaling.fit("rms", np.zeros([50, 3], np.float32))


def test_a_row_that_is_the_mean_stays_0_with_unit():
    scaling = FeatureScaling.fit("unit", ROWS)
    np.testing.assert_allclose(
        scaling(np.array([scaling.offset])), 0.0, atol=1e-6
    )


def test_an_unknown_kind_is_refused():
    with pytest.raises(InputError, match="Did you mean 'standard'"):
        FeatureScaling.fit("standart", ROWS)


@pytest.mark.parametrize("kind", FEATURE_SCALINGS)
def test_it_is_the_same_from_json_and_in_a_graph(kind):
    scaling = FeatureScaling.fit(kind, ROWS)
    text = json.dumps(scaling.to_dict())
    again = FeatureScaling.from_dict(json.loads(text))

    assert again == scaling
    assert scaling.unit_length == (kind in ("unit", "arcsinh", "root"))
    graph = tf.function(again, [tf.TensorSpec([None, 6])])
    np.testing.assert_array_equal(graph(ROWS), scaling(ROWS))


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "bogus"},
        {"kind": "none"},
        {"kind": 3},
        {"offset": ""},
        {"offset": 3},
        {"factor": "bogus"},
        {"factor": "AAAA"},
        {"factor": FeatureScaling("rms", (1.0,), (1.0,)).to_dict()["offset"]},
        {"more": 1},
        {"factor": FeatureScaling("rms", (0.0,), (1.0,)).to_dict()["factor"]},
    ],
)
def test_a_damaged_scaling_is_refused(change):
    content = FeatureScaling.fit("standard", ROWS).to_dict() | change
    with pytest.raises((TypeError, ValueError)):
        FeatureScaling.from_dict(content)
    for factor in (float("nan"), 0.0):
        with pytest.raises(ValueError, match="damaged"):
            FeatureScaling("rms", (0.0,), (factor,))


# --- Data sets ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "split"),
    [
        *(("none", "tune"), ("standard", "test"), ("unit", "tune")),
        ("root", "test"),
    ],
)
def test_data_is_the_same_in_memory_on_disk_and_rescaled(
    kind, split, tiny_name, tiny_dir
):
    args = tiny_name, tiny_dir, split
    raw = zero_shot_data.load(*args)
    found = zero_shot_data.load(*args, feature_scaling=kind)
    stored = zero_shot_data.load(*args, memory=0, feature_scaling=kind)
    unscaled = zero_shot_data.load(*args, memory=0)
    expected = FeatureScaling.fit(kind, raw.train.features)

    again = raw.rescaled(kind, "l2"), unscaled.rescaled(kind, "l2")
    for other in (found, stored, *again):
        assert other.feature_scaling == expected
        assert other.embedding_norm == "l2"
        for part in zero_shot_data.PARTS:
            given, one = getattr(raw, part), getattr(other, part)
            assert one.features.dtype == np.float32
            np.testing.assert_array_equal(one.labels, given.labels)
            np.testing.assert_array_equal(
                one.features[:], expected(given.features)
            )
    assert isinstance(stored.train.features, on_disk.OnDisk)
    rows = np.array([[3, 0], [5, 1]])
    gather = tf.function(
        lambda rows: on_disk.gather(stored.seen.features, rows)
    )
    np.testing.assert_array_equal(gather(rows), found.seen.features[rows])
    # Rescaling leaves what it starts from as it was.
    fresh = zero_shot_data.load(*args)
    np.testing.assert_array_equal(raw.train.features, fresh.train.features)


@pytest.mark.parametrize(
    ("norm", "split"), [("matrix", "test"), ("standard", "tune")]
)
def test_embeddings_are_rescaled_as_they_are_loaded(
    norm, split, tiny_name, tiny_dir
):
    raw = zero_shot_data.load(tiny_name, tiny_dir, split)
    expected = zero_shot_data.load(tiny_name, tiny_dir, split, norm)
    found = raw.rescaled("none", norm)

    assert found.train is raw.train
    assert found.scalings == expected.scalings
    assert found.embedding_norm == norm
    np.testing.assert_array_equal(found.embeddings, expected.embeddings)


def test_samples_to_score_do_not_influence_the_scaling(tiny_data):
    others = {
        part: Samples(
            99.0 * getattr(tiny_data, part).features + 7.0,
            getattr(tiny_data, part).labels,
        )
        for part in ("seen", "unseen")
    }
    disturbed = dataclasses.replace(tiny_data, **others)
    for kind in SCALED:
        one = tiny_data.rescaled(kind, "l2")
        other = disturbed.rescaled(kind, "l2")
        assert other.feature_scaling == one.feature_scaling
        np.testing.assert_array_equal(one.train.features, other.train.features)
    # While training samples do.
    train = Samples(tiny_data.train.features[5:], tiny_data.train.labels[5:])
    fewer = dataclasses.replace(tiny_data, train=train).rescaled("unit", "l2")
    assert fewer.feature_scaling != one.feature_scaling


def test_scaled_data_is_not_scaled_again(tiny_data):
    with pytest.raises(InputError, match="'unit'"):
        tiny_data.rescaled("unit", "l2").rescaled("none", "l2")


@pytest.mark.parametrize(
    ("kind", "signed"),
    [("none", False), ("rms", False), ("minmax", False), ("unit", True)],
)
def test_data_knows_whether_features_are_negative(kind, signed, tiny_data):
    assert tiny_data.rescaled(kind, "l2").has_negative_features == signed


@pytest.mark.parametrize("kind", SCALED)
@pytest.mark.parametrize("offset", [0.0, 1e5])
def test_float32_gives_the_same_but_for_rounding(kind, offset):
    rows = (ROWS + offset).astype(np.float32)
    scaling = FeatureScaling.fit(kind, rows)
    # Near 0, roots are much larger than what they are of, and its rounding too.
    least = 1e-5 if kind == "root" else 2e-6
    np.testing.assert_allclose(
        scaling(rows, "float32"), scaling(rows), rtol=1e-4, atol=least
    )


def test_arcsinh_by_logarithms():
    sizes = np.array([0, 1e-30, 1e-3, 0.5, 1, 1.5, 1e4, 1e19, 3e38], "f4")
    found = feature_scaling._arcsinh_by_logarithms(tf.constant(sizes))
    np.testing.assert_allclose(found, np.arcsinh(sizes), 1e-6, 1e-7)
