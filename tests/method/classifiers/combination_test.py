"""Sums of classifiers, by hand."""

import keras
import numpy as np
import pytest

from gmn_tf.method.classifiers import (
    base,
    bilinear,
    combination,
    linear,
    prototype,
    sgd,
)
from gmn_tf.utils.errors import InputError
from tests.support import toys

SGD = sgd.SGD(0.1, 1.0, 0.9, 0.0, 8, 3)
PROTOTYPE = prototype.Settings(
    (11,), 0.01, 0.0, 3, 8, 0.1, 0.0, 0.0, 0.0, "none"
)
EMBEDDINGS = toys.normal(toys.NUM_CLASSES, toys.DA).astype(np.float32)
SAMPLES = toys.samples([5, 3, 6, 4, 3, 2])
TASK = base.Task(SAMPLES, EMBEDDINGS, toys.NUM_SEEN, toys.NUM_CLASSES)
FEATURES = toys.normal(9, toys.DX).astype(np.float32)
NEW = toys.normal(3, toys.DA, seed=1).astype(np.float32)


@pytest.fixture(scope="module")
def fitted():
    """Models by name; two of each that has embeddings."""
    return {
        "bilinear": bilinear.fit(TASK, SGD, 1),
        "bilinear 2": bilinear.fit(TASK, SGD, 2),
        "linear": linear.fit(TASK, SGD, 1),
        "prototype": prototype.fit(TASK, PROTOTYPE, 1),
        "prototype 2": prototype.fit(TASK, PROTOTYPE, 2),
    }


def by_hand(models, weights, features=FEATURES):
    """The weighted mean of scaled scores, back in the mean unit of scores."""
    deviations = []
    for model in models:
        rows = model(SAMPLES.features).numpy().astype(np.float64)
        squares = [np.mean((row - row.mean()) ** 2) for row in rows]
        deviations.append(np.sqrt(np.mean(squares)))
    shares = np.array(weights, float) / sum(weights)
    total = sum(
        share * model(features).numpy() / deviation
        for share, model, deviation in zip(shares, models, deviations)
    )
    return total * (shares @ deviations)


@pytest.mark.parametrize(
    ("names", "units"),
    [
        (("bilinear", "prototype"), [False, True]),
        (("prototype", "bilinear"), [True, False]),
        (("prototype", "prototype 2"), [True]),
        (("bilinear", "bilinear 2", "prototype"), [False, True]),
    ],
)
def test_scores_are_the_sum_of_the_parts(names, units, fitted):
    models = [fitted[name] for name in names]
    weights = [1.0, 3.0, 0.5][: len(names)]
    model = combination.combine(models, weights, SAMPLES.features)

    # What shares a kind of input is one product with the features.
    assert [term.unit for term in model.terms] == units
    np.testing.assert_allclose(
        model(FEATURES), by_hand(models, weights), rtol=1e-4, atol=1e-4
    )
    larger = [base.with_classes(one, NEW) for one in models]
    deviations = [combination.deviation(m, SAMPLES.features) for m in models]
    shares = np.array(weights) / sum(weights)
    expected = (shares @ deviations) * sum(
        share * one(FEATURES).numpy() / deviation
        for share, one, deviation in zip(shares, larger, deviations)
    )
    np.testing.assert_allclose(
        base.with_classes(model, NEW)(FEATURES), expected, rtol=1e-4, atol=1e-4
    )


def test_twins_are_the_classifier_itself(fitted):
    one = fitted["prototype"]
    model = combination.combine([one, one], [1.0, 2.0], SAMPLES.features)

    np.testing.assert_allclose(model(FEATURES), one(FEATURES), rtol=1e-5)


def test_a_weight_of_zero_leaves_a_part_out(fitted):
    models = [fitted["bilinear"], fitted["linear"]]
    model = combination.combine(models, [2.0, 0.0], SAMPLES.features)

    np.testing.assert_allclose(
        model(FEATURES), models[0](FEATURES), rtol=1e-5, atol=1e-6
    )
    assert model.embedders


def test_penalties_are_of_the_whole(fitted):
    models = [fitted["bilinear"], fitted["prototype"]]
    model = combination.combine(models, [1.0, 1.0], SAMPLES.features)
    before = model(FEATURES).numpy()
    model.penalise_seen(4, 0.25)

    np.testing.assert_allclose(
        model(FEATURES), before - 0.25 * (np.arange(6) < 4), atol=1e-5
    )


def test_with_a_linear_part_no_class_can_be_added(fitted):
    models = [fitted["linear"], fitted["prototype"]]
    model = combination.combine(models, [1.0, 1.0], SAMPLES.features)

    np.testing.assert_allclose(
        model(FEATURES), by_hand(models, [1, 1]), rtol=1e-4, atol=1e-4
    )
    with pytest.raises(InputError, match="synthetic samples"):
        base.with_classes(model, NEW)


def test_a_saved_combination_gives_equal_scores(fitted, tmp_path):
    models = [fitted["bilinear"], fitted["prototype"]]
    model = combination.combine(models, [1.0, 2.0], SAMPLES.features)
    model.save(tmp_path / "one.keras")
    loaded = keras.saving.load_model(tmp_path / "one.keras", safe_mode=True)

    np.testing.assert_array_equal(loaded(FEATURES), model(FEATURES))
    np.testing.assert_array_equal(
        base.with_classes(loaded, NEW)(FEATURES),
        base.with_classes(model, NEW)(FEATURES),
    )


def test_scores_without_a_scale_matter_to_nothing(fitted):
    zero = base.assemble(
        [base.Term(False, np.zeros([toys.DX, 6], "f4"), np.zeros(6, "f4"))]
    )
    models = [zero, fitted["bilinear"]]
    scores = combination.combine(models, [1.0, 1.0], SAMPLES.features)(FEATURES)

    assert np.isfinite(scores).all()
    np.testing.assert_array_equal(
        np.argmax(scores, axis=1), np.argmax(models[1](FEATURES), axis=1)
    )
