"""Discriminant classifiers, compared with slow NumPy where it is known."""

import keras
import numpy as np
import pytest

from gmn_tf.data.zero_shot_data import Samples
from gmn_tf.method.classifiers import base, discriminant
from gmn_tf.utils.errors import InputError
from tests.support import toys

SHRINKAGE = 0.7
SEEN, UNSEEN = 9, 3
COUNTS = [5, 3, 6, 4, 3, 2, 7, 8, 4]
EMBEDDINGS = toys.normal(SEEN + UNSEEN, toys.DA).astype(np.float32)
FEATURES = toys.normal(11, toys.DX).astype(np.float32)


# In the space of features, but for its units.
OWN_SPACE = toys.normal(SEEN + UNSEEN, toys.DX, seed=4).astype(np.float32)
UNITS = np.linspace(0.5, 3.0, toys.DX)


def task(counts=COUNTS, embeddings=EMBEDDINGS, dim=toys.DX, weights=None):
    """Samples around means that follow from the embeddings, but for noise."""
    labels = np.repeat(np.arange(len(counts)), counts)
    if weights is None:
        weights = toys.normal(embeddings.shape[1], dim)
    means = embeddings @ weights
    means += 0.3 * toys.normal(len(embeddings), dim, seed=2)
    noise = 0.8 * toys.normal(len(labels), dim, seed=3)
    features = (means[labels] + noise).astype(np.float32)
    return base.Task(
        Samples(features, labels.astype(np.int32)), embeddings, SEEN, SEEN
    )


def fit(given, error_weight=1.0):
    settings = discriminant.Settings(SHRINKAGE, error_weight)
    return discriminant.fit(given, settings, seed=1)


def predicted(embeddings, means, new, width, ridge, trust=1.0):
    """Kernel ridge regression with a constant, class by class."""

    def value(a, b):
        return a @ b if width == 0.0 else np.exp(-width * np.sum((a - b) ** 2))

    def products(rows):
        return np.array([[value(a, b) for b in embeddings] for a in rows])

    gram = products(embeddings)
    constant = discriminant.CONSTANT * np.mean(np.diag(gram))
    regular = gram + constant + ridge * np.eye(len(gram)) / trust
    return (products(new) + constant) @ np.linalg.inv(regular) @ means


TRUST = np.linspace(0.1, 1.0, SEEN)


@pytest.mark.parametrize("trust", [None, TRUST])
def test_regression_predicts_as_the_formula_does(trust):
    means = toys.normal(SEEN, toys.DX)
    known, new = (
        EMBEDDINGS[:SEEN].astype(float),
        EMBEDDINGS[SEEN:].astype(float),
    )
    found = discriminant.regression(known, means, trust)
    centre = means.mean(axis=0)
    weights = 1.0 if trust is None else trust
    products = discriminant.kernel(known, known, found.width)
    size = np.mean(products.diagonal())
    ridges = [
        ridge
        for ridge in discriminant.RIDGES * size
        if np.allclose(
            predicted(known, means - centre, new, found.width, ridge, weights),
            found(new) - centre,
        )
    ]
    assert len(ridges) == 1


@pytest.mark.parametrize("trust", [None, TRUST])
@pytest.mark.parametrize("width", [0.0, 0.2])
def test_errors_are_those_of_classes_left_out(width, trust, monkeypatch):
    """Nothing of the class is known, nor the mean of all means."""
    monkeypatch.setattr(discriminant, "RIDGES", np.array([0.5]))
    known = EMBEDDINGS[:SEEN].astype(float)
    known -= known.mean(axis=0)  # so that each is minus the sum of the others
    squares = np.sum((known[:, None] - known) ** 2, axis=-1)
    unit = np.median(squares[np.triu_indices(SEEN, 1)])
    monkeypatch.setattr(discriminant, "WIDTHS", [width * unit])
    means = 3.0 + toys.normal(SEEN, toys.DX)
    found = discriminant.regression(known, means, trust)

    assert found.width == pytest.approx(width)
    weights = np.ones(SEEN) if trust is None else trust
    size = np.mean(discriminant.kernel(known, known, width).diagonal())
    for left in range(SEEN):
        rest = np.arange(SEEN) != left
        ridge = 0.5 * size
        (alone,) = predicted(
            *(known[rest], means[rest], known[[left]], width, ridge),
            weights[rest],
        )
        np.testing.assert_allclose(
            found.errors[left], means[left] - alone, rtol=1e-3, atol=1e-3
        )


def test_the_best_kernel_and_ridge_are_chosen(monkeypatch):
    known = EMBEDDINGS[:SEEN].astype(float)
    means = np.sin(3.0 * known @ toys.normal(toys.DA, toys.DX))
    best = np.sum(discriminant.regression(known, means).errors ** 2)
    for width in discriminant.WIDTHS:
        for ridge in discriminant.RIDGES:
            monkeypatch.setattr(discriminant, "WIDTHS", [width])
            monkeypatch.setattr(discriminant, "RIDGES", np.array([ridge]))
            other = discriminant.regression(known, means).errors
            assert np.sum(other**2) >= best * (1.0 - 1e-9)


# Of fewer dimensions than samples, and of more.
@pytest.mark.parametrize(
    ("dim", "error"), [(toys.DX, 1e-4), (sum(COUNTS) + SEEN + 1, 1e-3)]
)
@pytest.mark.parametrize(
    ("error_weight", "most"), [(1.0, 50), (0.3, 50), (0.0, 50), (0.3, 4)]
)
def test_scores_are_those_of_normal_distributions(
    dim, error, error_weight, most, monkeypatch
):
    monkeypatch.setattr(discriminant, "MOST_SAMPLES", most)
    given = task(dim=dim)
    new = toys.normal(11, dim).astype(np.float32)
    model = fit(given, error_weight)
    x = given.samples.features.astype(float)
    y = given.samples.labels
    means = np.array([x[y == k].mean(axis=0) for k in range(SEEN)])
    # A class counts as `most` samples, if it has more.
    counts = [min(1.0, most / COUNTS[k]) for k in range(SEEN)]
    within = sum(
        counts[k] * np.outer(row - means[k], row - means[k])
        for row, k in zip(x, y)
    ) / sum(counts[k] * (COUNTS[k] - 1) for k in range(SEEN))
    embeddings = EMBEDDINGS.astype(float)
    found = discriminant.regression(embeddings[:SEEN], means)
    errors = found.errors.T @ found.errors / SEEN
    noise = np.trace(within) / np.array(COUNTS)
    known = np.trace(errors) - noise.mean()
    assert known > 0.1 * np.trace(errors)
    trust = known / (known + noise)
    found = discriminant.regression(embeddings[:SEEN], means, trust)
    errors = found.errors.T @ found.errors / SEEN
    means -= (1.0 - trust)[:, None] * found.errors
    means = np.vstack([means, found(embeddings[SEEN:])])
    covariance = within + error_weight * errors
    covariance += SHRINKAGE * np.trace(within) / dim * np.eye(dim)
    away = new[:, None].astype(float) - means
    expected = -0.5 * np.einsum(
        "nkd,de,nke->nk", away, np.linalg.inv(covariance), away
    )

    # But for what is the same for all classes of a row.
    scores = np.asarray(model(new), float)
    np.testing.assert_allclose(
        *(scores - scores[:, :1], expected - expected[:, :1]),
        rtol=error,
        atol=error,
    )
    # And classes to come have the columns of their means, too.
    found = base.with_classes(model, EMBEDDINGS[SEEN:])(new)
    np.testing.assert_allclose(
        found[:, -UNSEEN:], scores[:, SEEN:], rtol=1e-3, atol=1e-3
    )


@pytest.fixture
def few_slopes(monkeypatch):
    """Slopes for the dimensions of toys too."""
    monkeypatch.setattr(discriminant, "SLOPES", (2, 7))


def test_few_and_many_dimensions_have_no_slopes():
    for dim, found in ((15, False), (16, True), (4096, True), (4097, False)):
        rows = toys.normal(3, dim)
        assert (discriminant.same_dimensions(rows, rows) is not None) == found


@pytest.mark.usefixtures("few_slopes")
def test_descriptions_may_be_in_the_space_of_features(monkeypatch):
    means = (
        5.0 + OWN_SPACE * UNITS + 0.2 * toys.normal(*OWN_SPACE.shape, seed=5)
    )
    rows = OWN_SPACE.astype(float)
    found = discriminant.regression(rows[:SEEN], means[:SEEN])
    np.testing.assert_allclose(found.slopes, UNITS, rtol=0.5)
    # Of other dimensions nothing follows.
    other = np.roll(rows[:SEEN], 1, axis=1)
    assert discriminant.regression(other, means[:SEEN]).slopes is None

    def error(found):
        return np.mean(np.square(found(rows[SEEN:]) - means[SEEN:]))

    monkeypatch.setattr(discriminant, "same_dimensions", lambda *_: None)
    plain = discriminant.regression(rows[:SEEN], means[:SEEN])
    assert plain.slopes is None
    assert error(found) < 0.3 * error(plain)


@pytest.mark.usefixtures("few_slopes")
def test_slopes_are_one_number_in_units_of_each_dimension():
    rows = np.array([[1.0, 10.0, 7.0], [3.0, 50.0, 7.0]])
    means = np.array([[5.0, 0.0, 1.0], [4.0, 6.0, 2.0]])
    # Deviations 1, 20, 0 and 1/2, 3, 1/2: products -1/2 (first), 3 (second).
    units = np.array([0.5, 3.0 / 20.0, 0.0])
    common = (-0.5 * 0.5 + 3.0 * 3.0) / (0.5**2 + 3.0**2)
    np.testing.assert_allclose(
        discriminant.same_dimensions(rows, means), common * units, rtol=1e-6
    )
    assert discriminant.same_dimensions(rows, -means) is None
    assert discriminant.same_dimensions(rows[:, :2], means) is None


@pytest.mark.usefixtures("few_slopes")
@pytest.mark.parametrize("own_space", [False, True])
def test_new_classes_are_predicted_like_unseen_ones(tmp_path, own_space):
    described, given = EMBEDDINGS, task()
    if own_space:
        described = OWN_SPACE
        given = task(embeddings=described, weights=np.diag(UNITS))
    model = fit(given)
    assert bool(model.embedders[0].sizes["slopes"]) == own_space
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    larger = base.with_classes(again, described[SEEN:])
    scores = np.asarray(larger(FEATURES))

    np.testing.assert_allclose(scores[:, :-UNSEEN], model(FEATURES), rtol=1e-6)
    np.testing.assert_allclose(
        scores[:, -UNSEEN:], scores[:, SEEN:-UNSEEN], rtol=1e-4, atol=1e-4
    )
    (embedder,) = model.embedders
    doubled = embedder.scaled(2.0).term(described[SEEN:])
    for part, other in zip(doubled[1:], embedder.term(described[SEEN:])[1:]):
        np.testing.assert_allclose(part, 2.0 * other, rtol=1e-6)


def test_classes_with_synthetic_samples_have_their_mean():
    counts = [*COUNTS, 50, 60, 70]
    given = task(counts)
    given.samples.features[given.samples.labels == SEEN] += 9.0
    moved = np.asarray(fit(given)(9.0 + FEATURES)).argmax(axis=1)
    assert np.mean(moved == SEEN) > 0.8


@pytest.mark.parametrize("counts", [[1] * SEEN, [1], [4], [0, 3, 0, 5]])
def test_few_samples_and_few_classes(counts):
    counts = [*counts, *[0] * (SEEN - len(counts))]
    wide = fit(task(counts, dim=99))(toys.normal(11, 99).astype(np.float32))
    assert np.isfinite(wide).all()
    scores = np.asarray(fit(task(counts))(FEATURES))
    assert scores.shape == (11, SEEN + UNSEEN)
    assert np.isfinite(scores).all()


@pytest.mark.parametrize("dim", [20, 60])
@pytest.mark.parametrize("count", [4, 5, 300])
def test_samples_of_a_class_may_be_the_same(count, dim):
    """Their mean is the same too; by float32, that of five would differ."""
    labels = np.repeat(np.arange(SEEN), count)
    features = toys.normal(SEEN, dim).astype(np.float32)[labels]
    samples = Samples(features, labels)
    model = fit(task(dim=dim)._replace(samples=samples))
    found = np.asarray(model(features))[:, :SEEN]
    np.testing.assert_array_equal(found.argmax(axis=1), labels)


@pytest.mark.filterwarnings("ignore:.*encountered in matmul")
@pytest.mark.parametrize(("unit", "shrinkage"), [(1.0, 1e-9), (1e25, 3.0)])
def test_a_covariance_that_cannot_be_inverted_is_reported(unit, shrinkage):
    """Of fewer dimensions than are written, or beyond float32's squares."""
    wide = toys.normal(3, 90) * 10.0 ** toys.normal(90, seed=6)
    labels = np.repeat(np.arange(SEEN), 90)
    features = unit * toys.normal(len(labels), 3) @ wide
    samples = Samples(features.astype(np.float32), labels)
    settings = discriminant.Settings(shrinkage, 0.0)
    with pytest.raises(InputError, match="cannot be inverted") as error:
        discriminant.fit(task()._replace(samples=samples), settings, seed=1)
    assert "--discriminant_shrinkage" in str(error.value)


def test_samples_of_large_classes_are_trusted_more():
    trust = discriminant._trust(2.0, 6.0, np.array([1, 10, 1000]))
    assert trust[0] < trust[1] < trust[2]
    assert trust[2] > 0.95
    assert (discriminant._trust(2.0, 0.0, np.array([1, 2])) == 1.0).all()


def test_a_regression_learns_from_classes_spread_evenly(monkeypatch):
    monkeypatch.setattr(discriminant, "MOST_CLASSES", 5)
    (embedder,) = fit(task()).embedders
    np.testing.assert_allclose(
        embedder.landmarks, EMBEDDINGS[[0, 2, 4, 6, 8]], rtol=1e-6
    )


def test_means_of_classes_beside_those_spread_are_between_too(monkeypatch):
    monkeypatch.setattr(discriminant, "MOST_CLASSES", 5)
    columns, regression, kept = (
        discriminant.columns,
        discriminant.regression,
        {},
    )

    def recorded(means, *others):
        kept["means"] = means[:SEEN].copy()
        return columns(means, *others)

    def learned(*given):
        kept["found"] = regression(*given)
        return kept["found"]

    monkeypatch.setattr(discriminant, "columns", recorded)
    monkeypatch.setattr(discriminant, "regression", learned)
    given = task()
    fit(given)
    own = discriminant.class_means(given.samples, SEEN)
    predicted = kept["found"](EMBEDDINGS[:SEEN].astype(float))
    others = [5, 1, 3, 7]  # of 2, 3, 4 and 8 samples
    own, predicted, means = (
        part[others] for part in (own, predicted, kept["means"])
    )
    shares = (means - predicted) / (own - predicted)
    np.testing.assert_allclose(shares, shares[:, :1].repeat(toys.DX, 1), 1e-3)
    assert (np.diff(shares[:, 0]) > 0.0).all()
    assert 0.0 < shares.min() < shares.max() < 1.0


@pytest.mark.parametrize("shift", [3.0, -300.0, 1000.0])
def test_units_and_shifts_of_features_do_not_matter(shift):
    given = task()
    scores = np.asarray(fit(given)(FEATURES), float)
    samples = given.samples
    other = given._replace(
        samples=Samples(1000.0 * (samples.features + shift), samples.labels)
    )
    # And classes to come have the columns of their means, too.
    larger = base.with_classes(fit(other), EMBEDDINGS[SEEN:])
    found = np.asarray(larger(1000.0 * (FEATURES + shift)), float)
    expected = np.hstack([scores, scores[:, SEEN:]])
    np.testing.assert_allclose(
        *(found - found[:, :1], expected - expected[:, :1]),
        rtol=1e-2,
        atol=1e-2,
    )


@pytest.mark.parametrize("unit", [1e-3, 1e3])
def test_the_unit_of_embeddings_does_not_matter(unit):
    means = toys.normal(SEEN, toys.DX)
    rows = EMBEDDINGS.astype(float)
    found = discriminant.regression(rows[:SEEN], means)(rows)
    other = discriminant.regression(unit * rows[:SEEN], means)(unit * rows)
    np.testing.assert_allclose(other, found, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("columns", [1, 2])
def test_descriptions_that_are_all_the_same(columns):
    """Every class is predicted at the mean; nothing is divided by 0."""
    alike = np.ones((SEEN + UNSEEN, columns), np.float32)
    for embeddings in (alike, 0.0 * alike):
        model = fit(task()._replace(embeddings=embeddings))
        scores = np.asarray(model(FEATURES))
        assert np.isfinite(scores).all()
        np.testing.assert_allclose(
            scores[:, SEEN:], scores[:, [SEEN] * UNSEEN], rtol=1e-3, atol=1e-3
        )
