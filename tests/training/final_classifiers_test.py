"""Each final classifier through a run: rows, seeds, files, predictions."""

import dataclasses
import types

import numpy as np
import pytest
import tensorflow as tf

from gmn_tf import api
from gmn_tf.data.label_map import LabelMap
from gmn_tf.inference import exporting, prediction, serving
from gmn_tf.inference.prediction import Predictor
from gmn_tf.method import metrics
from gmn_tf.method.classifiers import combination
from gmn_tf.method.classifiers.table import CLASSIFIERS
from gmn_tf.runs import experiment, finished, report, separate
from gmn_tf.runs.finished import FinishedRun
from gmn_tf.runs.workdir import Workdir
from gmn_tf.training import final_classifiers, fit, parts
from gmn_tf.utils.errors import InputError
from tests.support.runs import SOURCE

QUIET = experiment.MonitoringOptions(quiet=True)
pytestmark = pytest.mark.usefixtures("quick_training")
NEW = ["new", "newer"]
CHOICES = [
    *CLASSIFIERS,
    "bilinear+prototype",
    "prototype+prototype",
    "linear+prototype",
]


@pytest.fixture(scope="module")
def config(tiny_config):
    small = {"prototype_units": (8,), "prototype_epochs": 3}
    return tiny_config.replace({**small, "prototype_batch_size": 16})


@pytest.fixture(scope="module")
def generator(config, tiny_data):
    """An untrained generator does here."""
    return parts.build_generator(config, tiny_data)


def weights(model):
    return np.concatenate([part.ravel() for part in model.get_weights()])


def same(one, other):
    return np.array_equal(weights(one), weights(other))


@pytest.mark.parametrize(
    ("classifier", "unit"),
    [
        ("discriminant", "classifier"),
        ("discriminant+prototype", "epoch"),
        ("bilinear", "epoch"),
    ],
)
def test_what_is_fitted_at_once_is_not_counted_in_epochs(
    classifier, unit, config
):
    changed = config.replace({"classifier": classifier})
    assert final_classifiers.unit(changed) == unit


@pytest.mark.parametrize(("step", "finished"), [(3, True), (2, False)])
def test_a_generator_that_is_finished_is_said_to_be(
    step, finished, config, tmp_path, monkeypatch, capsys
):
    def restored(*given):
        given[-1].restored = step
        return types.SimpleNamespace(synthesiser="it")

    monkeypatch.setattr(experiment.fit, "train", restored)
    given = config.replace({"steps": 3}), None, Workdir(tmp_path)
    given = *given, fit.make_strategy("one"), experiment.MonitoringOptions()
    assert experiment.train_generator(*given) == "it"
    assert ("generator is finished" in capsys.readouterr().out) == finished


@pytest.mark.parametrize("classifier", CHOICES)
def test_a_run_is_scored_predicted_extended_and_served(
    classifier, config, tiny_data, tmp_path
):
    config = config.replace({"classifier": classifier, "seen_penalty": 0.25})
    workdir = Workdir(tmp_path / "run")
    workdir.start(config, SOURCE)
    strategy = fit.make_strategy("one")
    metrics = experiment.run(config, tiny_data, workdir, strategy, QUIET)
    run = FinishedRun(workdir, config, tiny_data)

    assert finished.evaluate(run) == metrics
    assert metrics.get("classifier", "bilinear") == classifier
    predictor = Predictor.load(workdir)
    features = tiny_data.unseen.features[:7]
    expected = predictor.top(features, 3)
    answer = serving.ServingModel(predictor, top_k=3).classify(features)
    for names, values, top in zip(
        answer["classes"].numpy().astype(str), answer["scores"], expected
    ):
        assert names.tolist() == [name for name, _ in top]
        np.testing.assert_allclose(values, [p for _, p in top], rtol=1e-4)

    raw = tiny_data.raw_embeddings[0][:2]
    ended = []
    larger = prediction.synthesised(run, NEW, raw, lambda: ended.append(1))
    assert larger.probabilities(features).shape == (7, 11)
    assert len(ended) == final_classifiers.epochs(config)
    if "linear" in classifier.split("+"):
        with pytest.raises(InputError, match="cannot score a class"):
            predictor.with_classes(NEW, raw)
        return
    larger = predictor.with_classes(NEW, raw)
    for model, before in zip(larger.classifiers, predictor.classifiers):
        scores = model(features).numpy()
        np.testing.assert_allclose(
            scores[:, :9], before(features), rtol=1e-5, atol=1e-5
        )
        if classifier == "discriminant":
            continue  # Classes with samples have columns of their own.
        # The classes are those of the run again, two of its classes.
        twins = [
            tiny_data.class_names.index(name)
            for name in tiny_data.metadata["class_names"][:2]
        ]
        unpenalised = scores[:, twins] + 0.25 * (np.array(twins) < 6)
        np.testing.assert_allclose(
            scores[:, 9:], unpenalised, rtol=1e-4, atol=1e-4
        )


def test_an_export_with_terms_of_both_kinds(
    config, tiny_data, generator, tmp_path
):
    config = config.replace({"classifier": "bilinear+prototype"})
    models = final_classifiers.fit(config, tiny_data, generator)
    predictor = Predictor(LabelMap.of(tiny_data), tuple(models))
    folder, _ = exporting.export(predictor, tmp_path, str, top_k=4)
    features = tiny_data.seen.features[:5]

    served = tf.saved_model.load(str(folder)).signatures["serving_default"]
    answer = served(features=tf.constant(features))
    for values, top in zip(
        answer["scores"], predictor.top(features, 4), strict=True
    ):
        np.testing.assert_allclose(values, [p for _, p in top], rtol=1e-4)


def test_parts_have_the_rows_that_are_asked_for(config, tiny_data, generator):
    config = config.replace(
        {"classifier": "bilinear+prototype", "classifier_rows": "both,real"}
    )
    first, second = final_classifiers.fit_parts(config, tiny_data, generator)
    _, real = final_classifiers.fit_parts(config, tiny_data, None)
    on_both = config.replace({"classifier_rows": "both"})
    bilinear, both = final_classifiers.fit_parts(on_both, tiny_data, generator)

    assert len(first) == len(second) == config.classifier_seeds
    assert same(second[0], real[0])
    assert not same(second[0], both[0])
    assert same(first[0], bilinear[0])
    alone = config.replace(
        {"classifier": "bilinear", "classifier_rows": "both"}
    )
    (expected,) = final_classifiers.fit_parts(alone, tiny_data, generator)
    assert same(first[1], expected[1])


def test_nothing_is_synthesised_for_real_rows(
    config, tiny_data, generator, monkeypatch
):
    monkeypatch.setattr(final_classifiers, "draw_synthetic", None)
    config = config.replace({"classifier_rows": "real"})

    (model, _), expected = (
        final_classifiers.fit(config, tiny_data, one)
        for one in (generator, None)
    )
    assert same(model, expected[0])


def test_one_classifier_stands_for_all_if_nothing_is_random(config, tiny_data):
    config = config.replace({"classifier": "discriminant"})
    models = final_classifiers.fit(config, tiny_data, None)
    (alone,) = models
    scores = [metrics.score(model, tiny_data) for model in models]

    record = experiment.scores_record(config, scores)
    assert record["classifier_seeds"] == 1 < config.classifier_seeds
    assert "±" not in report.scores_table({**record, "variant": "real_only"})
    # Beside one that is random it is one of each sum.
    both = config.replace({"classifier": "discriminant+prototype"})
    first, second = final_classifiers.fit_parts(both, tiny_data, None)
    assert len(first) == len(second) == config.classifier_seeds
    assert same(first[0], alone) and first[0] is first[1]


def test_what_stands_for_one_that_is_not_random_is_one_too(
    config, tiny_data, monkeypatch
):
    """A classifier of a package may need samples of each class."""
    row = dataclasses.replace(CLASSIFIERS["discriminant"], describes=False)
    monkeypatch.setitem(CLASSIFIERS._rows, "discriminant", row)
    config = config.replace({"classifier": "discriminant"})
    bilinear = config.replace({"classifier": "bilinear"})
    fitted = {}
    (alone,) = final_classifiers.fit(config, tiny_data, None, fitted=fitted)
    expected = final_classifiers.fit(bilinear, tiny_data, None, fitted=fitted)

    assert len(expected) == config.classifier_seeds > 1
    assert same(alone, expected[0])


def test_a_part_that_comes_again_has_other_seeds(config, tiny_data):
    twice = config.replace({"classifier": "prototype+prototype"})
    first, second = final_classifiers.fit_parts(twice, tiny_data, None)
    more = config.replace({"classifier": "prototype", "classifier_seeds": 4})
    (expected,) = final_classifiers.fit_parts(more, tiny_data, None)

    for found, one in zip([*first, *second], expected, strict=True):
        assert same(found, one)
    assert not same(first[0], second[0])
    (whole, _) = final_classifiers.fit(twice, tiny_data, None)
    by_hand = combination.combine(
        [first[0], second[0]], [1.0, 1.0], tiny_data.train.features
    )
    assert same(whole, by_hand)


@pytest.mark.parametrize(
    "changed",
    [
        {"synthetic_per_class": 3},
        {"seen_floor": 9},
        {"synthetic_condition_noise": 0.5},
    ],
)
def test_parts_of_other_synthetic_samples_are_fitted_again(
    changed, config, tiny_data, generator
):
    """As in a search, which tries them on one generator."""
    config = config.replace({"classifier_seeds": 1})
    fitted = {}
    (before,) = final_classifiers.fit(
        config, tiny_data, generator, fitted=fitted
    )
    other = config.replace(changed), tiny_data, generator
    (found,) = final_classifiers.fit(*other, fitted=fitted)
    (expected,) = final_classifiers.fit(*other)

    assert same(found, expected) and not same(found, before)


def test_weights_are_those_of_the_settings(config, tiny_data):
    features = tiny_data.unseen.features[:5]
    scores = {}
    for given in ("1,0", "0,1", "1", "1,3"):
        one = config.replace(
            {
                "classifier": "bilinear+prototype",
                "classifier_weights": given,
                "classifier_seeds": 1,
            }
        )
        (model,) = final_classifiers.fit(one, tiny_data, None)
        scores[given] = model(features).numpy()
    for name, given in (("bilinear", "1,0"), ("prototype", "0,1")):
        one = config.replace({"classifier": name, "classifier_seeds": 1})
        (model,) = final_classifiers.fit(one, tiny_data, None)
        np.testing.assert_allclose(
            scores[given], model(features), rtol=1e-4, atol=1e-5
        )
    assert np.abs(scores["1"] - scores["1,3"]).max() > 1e-3


def test_without_synthetic_samples_linear_is_bilinear(config, tiny_data):
    linear, bilinear = (
        final_classifiers.fit(
            config.replace({"classifier": name}), tiny_data, None
        )
        for name in ("linear", "bilinear")
    )

    assert same(linear[0], bilinear[0])


def test_epochs_of_all_parts_are_counted(config, tiny_data, generator):
    config = config.replace({"classifier": "bilinear+prototype+prototype"})
    ended = []
    final_classifiers.fit(config, tiny_data, generator, lambda: ended.append(1))

    assert len(ended) == final_classifiers.epochs(config) == 2 * (2 + 3 + 3)


def test_the_separate_protocol_varies_the_rates_of_all_parts(config):
    tried = separate.candidates(
        config.replace({"classifier": "bilinear+prototype"}), True
    )
    assert len(tried) == 4 * 2 * 2
    assert tried[0].keys() == {
        "synthetic_per_class",
        "classifier_learning_rate",
        "prototype_learning_rate",
    }
    real = {"classifier": "prototype", "classifier_rows": "real"}
    tried = separate.candidates(config.replace(real), True)
    assert [*tried[0]] == ["prototype_learning_rate"]


def test_rows_that_cannot_be_had_are_noted(config, tiny_data, tmp_path):
    config = config.replace(
        {
            "variant": "real_only",
            "classifier": "bilinear+prototype",
            "classifier_rows": "both,real",
        }
    )
    printed = []
    api.train(config, tiny_data, tmp_path / "run", log=printed.append)
    assert any("choose a variant such as cwgan_gm" in line for line in printed)
    assert not final_classifiers.note_on_rows(
        config.replace({"variant": "wgan"})
    )
    assert not final_classifiers.note_on_rows(
        config.replace({"classifier_rows": "both"})
    )


def test_features_that_are_drawn_in_each_epoch_are_noted(config, tiny_data):
    few = dataclasses.replace(tiny_data, memory=0)

    note = final_classifiers.note_on_memory(config, few)

    count = 3 * config.synthetic_per_class  # of unseen classes
    assert note.startswith(f"{count} synthetic features need ")
    assert "--memory_gb=0:" in note
    assert not final_classifiers.note_on_memory(config, tiny_data)
    alone = config.replace({"classifier_rows": "real"})
    assert not final_classifiers.note_on_memory(alone, few)
    plain = config.replace({"variant": "real_only"})
    assert not final_classifiers.note_on_memory(plain, few)
