"""Runs whose classifiers see a representation predict and export alike."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from gmn_tf.config import KERNEL
from gmn_tf.data import zero_shot_data
from gmn_tf.inference import exporting, format_table, prediction
from gmn_tf.inference.prediction import Predictor
from gmn_tf.method import metrics
from gmn_tf.runs import finished
from gmn_tf.training import final_classifiers, parts
from tests.support import quick, runs

SETTINGS = {
    "tfvaegan": {
        "classifier": "bilinear+prototype",
        "prototype_epochs": 1,
        "regressor_feedback": 0.5,
    },
    "cadavae": {"classifier": "bilinear"},
    "cwgan": {"classifier": "bilinear+discriminant", "representation": KERNEL},
    "real_only": {"classifier": "discriminant", "representation": KERNEL},
}


@pytest.fixture(scope="module", params=SETTINGS)
def run(request, tiny_config, tiny_data, tmp_path_factory):
    small = {
        "vae_units": (5,),
        "regressor_units": (6,),
        "alignment_units": (5,),
        "seen_penalty": 0.25,
    }
    settings = {"variant": request.param, **SETTINGS[request.param]}
    config = tiny_config.replace({**small, **settings})
    folder = tmp_path_factory.mktemp("runs") / "run"
    alone = {"with_baseline": False, "with_limits": False}
    with quick.training():
        return runs.finished_run(config, tiny_data, folder, **alone)


def test_a_run_is_scored_again_and_predicts(run):
    assert finished.evaluate(run)["h"] == run.scores["h"]
    features = run.data.unseen.features
    models = run.load_classifiers()
    seen = models[0].representation(features).numpy()
    expected = []
    for model in models:
        scores = np.zeros((len(features), run.data.num_classes))
        for term in model.terms:
            length = np.linalg.norm(seen, axis=1, keepdims=True)
            rows = seen / length if term.unit else seen
            scores += rows @ np.array(term.weights) + np.array(term.bias)
        odds = np.exp(scores)
        expected.append(odds / odds.sum(axis=1, keepdims=True))

    found = Predictor.load(run.workdir).probabilities(features)

    np.testing.assert_allclose(found, np.mean(expected, 0), rtol=1e-4)


def test_its_exported_model_gives_the_same(run, tmp_path):
    predictor = Predictor.load(run.workdir)
    features = run.data.unseen.features[:5]
    expected = -np.sort(-predictor.probabilities(features), axis=1)[:, :5]
    # Each format is compared with the predictor before it is there.
    folder, _ = exporting.export(
        predictor, tmp_path / "out", str, format_names=[*format_table.MODULES]
    )
    loaded = tf.saved_model.load(str(folder))

    answer = loaded.signatures["features"](features=tf.constant(features))

    np.testing.assert_allclose(answer["scores"], expected, rtol=1e-4)
    # TensorFlow Serving finds the weights of the network, too.
    with tf.compat.v1.Session(graph=tf.Graph()) as session:
        meta = tf.compat.v1.saved_model.load(session, ["serve"], str(folder))
        signature = meta.signature_def["features"]
        served = session.run(
            signature.outputs["scores"].name,
            {signature.inputs["features"].name: features},
        )
    np.testing.assert_allclose(served, expected, rtol=1e-4)


def test_classes_are_added_by_descriptions_and_by_samples(run):
    raw = run.data.raw_embeddings[0][:2] + 0.5
    features = run.data.unseen.features
    before = Predictor.load(run.workdir)
    described = before.with_classes(["new", "newer"], raw)
    added = [described]
    if run.config.variant != "real_only":
        added.append(prediction.synthesised(run, ["new", "newer"], raw))

    for one in added:
        probabilities = one.probabilities(features)
        assert probabilities.shape == (len(features), 11)
        np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, rtol=1e-5)
    (old, *_), (new, *_) = before.classifiers, described.classifiers
    np.testing.assert_allclose(
        new(features)[:, :9], old(features), rtol=1e-4, atol=1e-5
    )


def test_classifiers_see_it_in_float32(run):
    """LiteRT has no bfloat16, and final classifiers compute in float32."""
    if run.config.representation == KERNEL:
        pytest.skip("no network, whose precision could differ")
    config = run.config.replace({"precision": "mixed_bfloat16"})
    generator = parts.build_model(config, run.data).synthesiser
    classifier, _ = final_classifiers.fit(config, run.data, generator)
    made, found = generator.representation, classifier.representation

    assert made.network.compute_dtype == "bfloat16"
    assert found.network.compute_dtype == "float32"
    features = run.data.unseen.features
    np.testing.assert_allclose(
        found(features), made(features), rtol=0.03, atol=0.03
    )


def test_without_it_classifiers_see_features(run):
    if run.config.variant == "real_only":
        pytest.skip("no generator")
    config = run.config.replace({"representation": "features"})
    model = parts.build_model(config, run.data)
    (classifier, _) = final_classifiers.fit(config, run.data, model.synthesiser)

    assert model.synthesiser is model.generator
    assert classifier.representation is None
    assert classifier.term_dim == run.data.feature_dim


def test_of_a_generator_with_another_representation_features_are_seen(run):
    """Its own one is left out, as with --representation=features."""
    if run.config.variant == "real_only":
        pytest.skip("no generator")
    config = run.config.replace({"representation": KERNEL, "classifier": "ale"})
    generator = run.load_generator()

    classifier, _ = final_classifiers.fit(config, run.data, generator)

    seen = classifier.representation
    assert seen.feature_dim == run.data.feature_dim
    assert classifier.term_dim == seen.dim
    assert np.isfinite(classifier(run.data.unseen.features)).all()


def test_features_on_disk_are_represented_as_well(run, tiny_name, tiny_dir):
    on_disk = zero_shot_data.load(tiny_name, tiny_dir, memory=0)
    too_large = dataclasses.replace(run.data, memory=0)
    scores = [
        metrics.score(
            final_classifiers.fit(run.config, data, run.load_generator())[0],
            data,
        )
        for data in (run.data, on_disk, too_large)
    ]
    assert scores[0].h == pytest.approx(scores[1].h)
    assert scores[0].h == pytest.approx(scores[2].h)
