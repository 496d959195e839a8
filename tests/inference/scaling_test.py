"""Runs on scaled features: training, prediction and export know no unit."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from gmn_tf import api
from gmn_tf.data.feature_scaling import UNSCALED
from gmn_tf.data.zero_shot_data import PARTS, Samples
from gmn_tf.inference import exporting, model_card, prediction
from gmn_tf.inference.prediction import Predictor
from gmn_tf.method import metrics
from gmn_tf.runs import experiment, finished, report
from gmn_tf.training import fit, parts
from gmn_tf.utils.errors import InputError
from gmn_tf_datasets.zero_shot import source
from tests.support import quick, runs

ONE = fit.make_strategy("one")


def with_features(data, change):
    """The data with other features in all its samples."""
    samples = {part: getattr(data, part) for part in PARTS}
    return dataclasses.replace(
        data,
        **{
            part: Samples(change(one.features).astype(np.float32), one.labels)
            for part, one in samples.items()
        },
    )


def trained(config, raw, path):
    """A finished run of a configuration, on raw data that it scales."""
    data = raw.rescaled(config.feature_scaling, config.embedding_norm)
    with quick.training():
        return runs.finished_run(config, data, path)


@pytest.fixture(scope="module")
def config(tiny_config):
    """Features and embeddings scaled, the generator's output chosen."""
    return tiny_config.replace(
        {
            "feature_scaling": "unit",
            "embedding_norm": "standard",
            "generator_output": "auto",
        }
    )


@pytest.fixture(scope="module")
def run(config, tiny_data, tmp_path_factory):
    """A run on the tiny set, with such settings."""
    return trained(config, tiny_data, tmp_path_factory.mktemp("run"))


def exported_answers(predictor, features, folder):
    """What the exported model says of features: names and scores."""
    path, _ = exporting.export(predictor, folder, str, top_k=99)
    served = tf.saved_model.load(str(path)).signatures["features"]
    answer = served(features=tf.constant(features))
    return answer["classes"].numpy().astype(str), answer["scores"].numpy()


# Constants that a 32-bit number can take beside these features.
DISGUISES = {
    "small": lambda features: features * 1e-3,
    "large": lambda features: features * 1e3,
    "shifted": lambda features: features + np.linspace(-30, 30, 14),
    "signed": lambda features: features * np.resize([1, -1, -1], 14),
    "own units": lambda features: features * np.logspace(-3, 3, 14),
}
# A generator draws other samples where signs differ: without one.
CLOSED_FORM = {
    "variant": "real_only",
    "classifier": "discriminant",
    "classifier_rows": "real",
}


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({}, ["small", "large", "shifted"]),
        ({"feature_scaling": "standard"}, ["shifted", "own units"]),
        (CLOSED_FORM, ["signed"]),
        ({**CLOSED_FORM, "feature_scaling": "root"}, ["shifted", "signed"]),
        ({**CLOSED_FORM, "feature_scaling": "arcsinh"}, ["own units"]),
    ],
)
def test_scores_predictions_and_export_know_no_unit(
    changes, names, config, run, tiny_data, tmp_path
):
    config = config.replace(changes)
    if changes:
        run = trained(config, tiny_data, tmp_path / "plain")
    raw = tiny_data.unseen.features
    expected = Predictor.load(run.workdir).probabilities(raw)
    for name in names:
        disguised = with_features(tiny_data, DISGUISES[name])
        other = trained(config, disguised, tmp_path / name)

        for score in metrics.SCORES:
            found = other.scores[score]["mean"]
            assert found == pytest.approx(run.scores[score]["mean"], abs=1e-6)
        features = disguised.unseen.features
        predictor = Predictor.load(other.workdir)
        found = predictor.probabilities(features)
        np.testing.assert_allclose(found, expected, atol=1e-3)
        classes, scores = exported_answers(
            predictor, features, tmp_path / f"{name}_served"
        )
        for row, top, values in zip(found, classes, scores):
            by_name = dict(zip(predictor.classes.names, row))
            np.testing.assert_allclose(
                values, [by_name[one] for one in top], rtol=1e-4, atol=1e-6
            )


def test_without_a_scaling_the_unit_matters(run, tiny_data, tmp_path):
    config = run.config.replace({"feature_scaling": "none"})
    large = with_features(tiny_data, DISGUISES["large"])
    one, other = (
        trained(config, data, tmp_path / str(number))
        for number, data in enumerate([tiny_data, large])
    )
    found, expected = (
        Predictor.load(each.workdir).probabilities(each.data.unseen.features)
        for each in (one, other)
    )
    assert not np.allclose(found, expected, atol=0.1)


def test_raw_features_are_predicted_as_scaled_ones_are_scored(run, tiny_data):
    predictor = Predictor.load(run.workdir)
    assert predictor.classes.feature_scaling == run.data.feature_scaling
    found = predictor.probabilities(tiny_data.seen.features)
    each = [
        tf.nn.softmax(model(run.data.seen.features)).numpy()
        for model in run.load_classifiers()
    ]
    np.testing.assert_allclose(found, np.mean(each, axis=0), rtol=1e-4)
    assert finished.evaluate(run) == run.scores


def description(data, label):
    """The raw embedding `[1, da]` of a class of the tiny set."""
    place = data.metadata["class_names"].index(data.class_names[label])
    return data.raw_embeddings[0][[place]]


def test_a_class_added_again_gets_the_scores_of_its_twin(run, tiny_data):
    last = tiny_data.num_classes - 1
    predictor = Predictor.load(run.workdir)
    assert predictor.classes.scalings[0].norm == "standard"
    larger = predictor.with_classes(["twin"], description(tiny_data, last))
    found = larger.probabilities(tiny_data.unseen.features)
    np.testing.assert_allclose(found[:, -1], found[:, last], rtol=1e-3)


def test_a_class_is_synthesised_as_the_run_would_have_done(run, tiny_data):
    # The last unseen class is left out, and added.
    last = tiny_data.num_classes - 1
    short = dataclasses.replace(
        run.data,
        class_names=run.data.class_names[:last],
        embeddings=run.data.embeddings[:last],
    )
    found = prediction.synthesised(
        dataclasses.replace(run, data=short),
        [tiny_data.class_names[last]],
        description(tiny_data, last),
    )
    features = tiny_data.unseen.features
    np.testing.assert_allclose(
        found.probabilities(features),
        Predictor.load(run.workdir).probabilities(features),
        rtol=1e-3,
        atol=1e-5,
    )


def test_data_scaled_in_another_way_is_refused(config, tiny_data):
    for kind in ("none", "standard"):
        data = tiny_data.rescaled(kind, "standard")
        with pytest.raises(InputError, match=f"feature_scaling='{kind}'"):
            fit.check_feasible(config, data, ONE)


@pytest.mark.parametrize(
    ("kind", "activation"), [("none", "relu"), ("unit", "linear")]
)
def test_the_output_follows_the_sign_of_the_features(
    kind, activation, config, tiny_data
):
    data = tiny_data.rescaled(kind, "l2")
    generator = parts.build_generator(config, data)
    assert generator.output_activation == activation
    signed = with_features(tiny_data, lambda features: features - 0.1)
    generator = parts.build_generator(config, signed)
    assert generator.output_activation == "linear"


def test_negative_features_are_noted_where_a_generator_cannot_make_them(
    config, tiny_data, tmp_path, monkeypatch
):
    monkeypatch.setattr(experiment, "run", lambda *given: None)
    raw = with_features(tiny_data, lambda features: features - 0.1)
    notes = {"notes": ["Leaks.", source.NEGATIVE]}
    raw = dataclasses.replace(raw, metadata={**raw.metadata, **notes})

    def noted(folder, **changes):
        lines = []
        changed = config.replace({"steps": 1, **changes})
        data = raw.rescaled(changed.feature_scaling, "l2")
        api.train(changed, data, tmp_path / folder, log=lines.append)
        return "\n".join(lines)

    plain = {"feature_scaling": "none", "embedding_norm": "l2"}
    text = noted("relu", **plain, generator_output="relu")
    assert "Note: Leaks." in text and "--preset=auto or cpu" not in text
    assert "have negative features, which a generator with" in text
    text = noted("auto", **plain, generator_output="auto")
    assert "Note: Leaks." in text and "negative" not in text
    text = noted("real", **plain, generator_output="relu", variant="real_only")
    assert "Note: Leaks." in text and "negative" not in text


def test_a_transductive_run_sees_scaled_features(config, tiny_data):
    data = tiny_data.rescaled("unit", "standard")
    transductive = config.replace({"variant": "wgan_transductive"})
    batch = next(iter(parts.make_batches(transductive, data, ONE)))
    lengths = np.linalg.norm(batch["critic"]["features"], axis=-1)
    np.testing.assert_allclose(lengths, np.sqrt(14), rtol=1e-5)


def test_summary_and_card_name_the_scaling(run, tiny_data):
    text = report.data_summary(run.data)
    assert "Features are scaled by the training samples: unit." in text
    assert "Embeddings are scaled by the seen classes: standard." in text
    assert "scaled" not in report.data_summary(tiny_data)
    constant = with_features(
        tiny_data, lambda x: np.where(np.arange(14) < 2, 3, x)
    )
    text = report.data_summary(constant.rescaled("unit", "l2"))
    assert "unit (2 constant dimensions set to 0)." in text

    classes = Predictor.load(run.workdir).classes
    card = model_card.text(run.workdir, classes, False, 3, [])
    assert "* Scaling of features: unit, by the training samples." in card
    assert "feature_scaling unit" in card
    classes = dataclasses.replace(classes, feature_scaling=UNSCALED)
    card = model_card.text(run.workdir, classes, False, 3, [])
    assert "Scaling of features" not in card
