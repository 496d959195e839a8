"""Features of a Gaussian kernel: their products are the kernel's."""

import numpy as np
import pytest

from gmn_tf.data.zero_shot_data import Samples
from gmn_tf.method import kernel_features
from gmn_tf.method.classifiers import base, discriminant
from gmn_tf.utils.errors import InputError


def samples(count=30, dim=5, offset=0.0, scale=1.0):
    features = np.random.default_rng(1).normal(size=(count, dim))
    labels = np.arange(count, dtype=np.int32) % 3
    return Samples((scale * features + offset).astype("f4"), labels)


def slow_kernel(features, others, width):
    """exp(-|x - z|^2 / width), one pair after another, in float64."""
    return np.array(
        [
            [np.exp(-sum((x - z) ** 2) / width) for z in others.astype("f8")]
            for x in features.astype("f8")
        ]
    )


@pytest.mark.parametrize(
    ("offset", "scale"),
    # The last two: their squares are no numbers of float32.
    [(0.0, 1.0), (37.0, 1.0), (0.0, 1e4), (0.0, 1e-4), (0.0, 1e25), (0, 1e-25)],
)
def test_products_of_features_are_the_kernel(offset, scale):
    given = samples(offset=offset, scale=scale)
    made = kernel_features.fit(given, 2.0)
    rows = given.features[:4] + 0.1 * scale

    found = made(given.features).numpy(), made(rows).numpy()

    distances = [
        np.sum(np.square(x.astype("f8") - z))
        for place, x in enumerate(given.features)
        for z in given.features[:place]
    ]
    width = 2.0 * np.median(distances)
    assert made.sizes["width"] == pytest.approx(width, rel=1e-4)
    among = slow_kernel(given.features, given.features, width)
    new = slow_kernel(rows, given.features, width)
    # Less their means: both sides are centred at the mean of the landmarks.
    expected = new - new.mean(axis=1, keepdims=True)
    expected += among.mean() - among.mean(axis=0)
    scaled = np.square(found[0]).mean()
    centred = among - among.mean(axis=0) - among.mean(axis=1, keepdims=True)
    factor = np.trace(centred + among.mean()) / (30 * made.dim)
    np.testing.assert_allclose(
        found[1] @ found[0].T * factor, expected, rtol=1e-3, atol=2e-3
    )
    assert scaled == pytest.approx(1.0, rel=1e-3)
    np.testing.assert_allclose(found[0].mean(axis=0), 0.0, atol=2e-3)


def test_it_is_the_same_where_products_are_rounded(monkeypatch):
    """As by GPUs, to the 11 bits of TF32; wide kernels differ little from 1."""
    given = samples(count=200)
    made = kernel_features.fit(given, 10.0)
    rows = given.features + 0.1
    expected = made(rows).numpy()
    product = kernel_features.ops.matmul

    def rounded(numbers):
        bits = np.asarray(numbers).view(np.uint32) + np.uint32(2**12)
        return (bits & ~np.uint32(2**13 - 1)).view(np.float32)

    monkeypatch.setattr(
        kernel_features.ops,
        "matmul",
        lambda first, second: product(rounded(first), rounded(second)),
    )

    error = np.linalg.norm(made(rows).numpy() - expected)
    assert 0.0 < error < 0.03 * np.linalg.norm(expected)


def test_landmarks_are_spread_over_classes(monkeypatch):
    monkeypatch.setattr(kernel_features, "MOST_LANDMARKS", 10)
    given = samples(count=300)
    made = kernel_features.fit(given, 3.0)

    rows = made.landmarks.numpy() + made.centre.numpy()

    assert made.sizes["landmarks"] == 10
    places = [
        np.argmin(np.abs(given.features - row).sum(axis=1)) for row in rows
    ]
    assert np.bincount(given.labels[places]).min() >= 3


def test_equal_samples_have_no_kernel():
    equal = Samples(np.ones((4, 3), "f4"), np.arange(4, dtype=np.int32) % 2)

    with pytest.raises(InputError, match="the same features"):
        kernel_features.fit(equal, 3.0)


def test_classes_within_each_other_are_told_apart():
    """Rings around one point: no line divides them, and their means agree."""
    rng = np.random.default_rng(0)
    labels = np.arange(600, dtype=np.int32) % 3
    angles = rng.uniform(0.0, 2.0 * np.pi, 600)
    radius = 1.0 + labels + rng.normal(0.0, 0.1, 600)
    rings = radius * np.stack([np.cos(angles), np.sin(angles)])
    given = Samples(rings.T.astype("f4"), labels)
    made = kernel_features.fit(given, 0.3)
    embeddings = np.eye(3, dtype="f4")

    def accuracy(seen):
        task = base.Task(Samples(seen, labels), embeddings, 3, 3)
        settings = discriminant.Settings(0.01)
        scores = discriminant.fit(task, settings, 1)(seen)
        return np.mean(np.argmax(scores, axis=1) == labels)

    assert accuracy(given.features) < 0.5
    assert accuracy(made(given.features).numpy()) > 0.95


def test_an_outlier_does_not_make_all_others_equal():
    usual = samples(count=60)
    features = usual.features.copy()
    features[0] *= 1e6
    made = kernel_features.fit(Samples(features, usual.labels), 3.0)
    found = made(features).numpy()

    # Differences from it are few of all.
    expected = kernel_features.fit(usual, 3.0).sizes["width"]
    assert made.sizes["width"] == pytest.approx(expected, rel=0.2)
    assert made.dim > 30
    # Not 1.0: in float32 the outlier itself is similar to nothing.
    assert np.square(found).mean() == pytest.approx(1.0, rel=0.1)


def test_outliers_whose_squares_float32_cannot_hold_give_numbers():
    usual = samples(count=60)
    features = usual.features.copy()
    features[:3] = [[1e25], [-1e25], [3e38]]
    made = kernel_features.fit(Samples(features, usual.labels), 3.0)
    found = made(features).numpy()

    assert np.isfinite(found).all()
    assert np.isfinite(made(-features).numpy()).all()
    # Others differ from each other as by the kernel.
    rows = features[3:]
    differences = found[3:, np.newaxis] - found[3:]
    expected = 2.0 - 2.0 * slow_kernel(rows, rows, made.sizes["width"])
    squares = np.square(differences).sum(axis=2).ravel()
    assert np.corrcoef(squares, expected.ravel())[0, 1] > 0.999


@pytest.mark.parametrize("width", [1e6, 1e12])
def test_a_kernel_too_wide_to_tell_samples_apart_is_refused(width):
    with pytest.raises(InputError, match="too wide") as error:
        kernel_features.fit(samples(), width)
    assert error.value.received == f"--kernel_width={width:g}"
