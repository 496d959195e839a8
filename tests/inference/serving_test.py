"""The exported model says what the run does, where gmn_tf is not installed."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from gmn_tf.data.label_map import LabelMap
from gmn_tf.data.zero_shot_data import Samples
from gmn_tf.images import backbones
from gmn_tf.inference import model_card, serving
from gmn_tf.inference.prediction import Predictor
from gmn_tf.method.classifiers import (
    base,
    bilinear,
    combination,
    linear,
    prototype,
)
from gmn_tf.runs.workdir import Workdir
from gmn_tf.utils.errors import InputError
from tests.support import toys

# In a process of its own, in which gmn_tf cannot be imported.
ALONE = """
import importlib.abc, json, sys

class Missing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.startswith(("gmn_tf", "tensorflow_datasets")):
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Missing())
import numpy as np
import tensorflow as tf

folder, features, *images = sys.argv[1:]
inputs = {
    "features": np.load(features),
    "images": [open(path, "rb").read() for path in images],
}
model = tf.saved_model.load(folder)
answers = {}
for name, function in model.signatures.items():
    (name_of_input,) = function.structured_input_signature[1]
    given = inputs[name_of_input]
    answer = function(**{name_of_input: tf.constant(given)})
    answers[name] = [
        answer["classes"].numpy().astype(str).tolist(),
        answer["scores"].numpy().tolist(),
    ]
assert not [name for name in sys.modules if name.startswith("gmn_tf")]
print(json.dumps(answers))
"""


def alone(folder, *files):
    """Answers of all signatures in a process without gmn_tf."""
    found = subprocess.run(
        [sys.executable, "-c", ALONE, *map(str, [folder, *files])],
        capture_output=True,
        text=True,
        cwd=folder,
    )
    assert not found.returncode, found.stderr
    return json.loads(found.stdout)


def test_it_answers_alone_as_the_run_does(predictor, tiny_data, tmp_path):
    features = tiny_data.unseen.features[:13]
    np.save(tmp_path / "features.npy", features)
    folder = serving.export(predictor, tmp_path / "out", "card", top_k=4)
    answers = alone(folder, tmp_path / "features.npy")

    assert set(answers) == {"features", "serving_default"}
    for classes, scores in answers.values():
        for names, values, top in zip(
            classes, scores, predictor.top(features, 4), strict=True
        ):
            np.testing.assert_allclose(values, [p for _, p in top], rtol=1e-4)
            assert names == [name for name, _ in top]


def test_images_are_answered_alone_as_features_are(
    tmp_path,
):
    backbone = backbones.load("mobilenet", "random", image_size=32)
    paths = []
    for number, size in enumerate([(20, 31), (40, 24)]):
        pixels = np.random.default_rng(number).integers(0, 256, (*size, 3))
        paths.append(tmp_path / f"{number}.png")
        paths[-1].write_bytes(tf.io.encode_png(pixels.astype(np.uint8)).numpy())
    contents = [path.read_bytes() for path in paths]
    features = backbone.features(
        tf.stack([backbone.image(content) for content in contents])
    )
    predictor = Predictor(
        LabelMap(("a", "b", "c"), ("seen",) * 3, 1024, (), None),
        (
            bilinear.fit(
                base.Task(
                    Samples(
                        toys.normal(9, 1024).astype("f4"), np.arange(9) % 3
                    ),
                    toys.normal(3, toys.DA).astype("f4"),
                    3,
                    3,
                ),
                bilinear.Settings(0.1, 1.0, 0.9, 0.0, 4, 1),
                seed=1,
            ),
        ),
    )
    folder = serving.export(predictor, tmp_path / "out", "card", backbone, 2)
    np.save(tmp_path / "features.npy", features)
    answers = alone(folder, tmp_path / "features.npy", *paths)

    assert set(answers) == {"features", "images", "serving_default"}
    expected = predictor.top(features, 2)
    for classes, scores in answers.values():
        for names, values, top in zip(classes, scores, expected, strict=True):
            np.testing.assert_allclose(values, [p for _, p in top], rtol=1e-3)
            assert names == [name for name, _ in top]


def test_linear_classifiers_are_served_too(tiny_data):
    task = base.Task(tiny_data.train, tiny_data.embeddings, 6, 9)
    settings = linear.Settings(0.1, 1.0, 0.9, 0.0, 16, 2)
    models = (linear.fit(task, settings, seed) for seed in (1, 2))
    predictor = Predictor(LabelMap.of(tiny_data), tuple(models))
    features = tiny_data.seen.features[:5]

    answer = serving.ServingModel(predictor, top_k=99).classify(features)
    np.testing.assert_allclose(
        answer["scores"],
        -np.sort(-predictor.probabilities(features), axis=1),
        rtol=1e-4,
    )


LOADED = """
import sys
import numpy as np
from gmn_tf.inference.prediction import Predictor

folder, features = sys.argv[1:]
print(Predictor.load(folder).probabilities(np.load(features)).tolist())
"""


def test_a_new_process_loads_every_kind_of_classifier(
    finished_run, predictor, tiny_data, tmp_path
):
    # Which has imported no module of a classifier before.
    folder = tmp_path / "run"
    shutil.copytree(finished_run.workdir.path, folder)
    seen = tiny_data.num_seen
    task = base.Task(tiny_data.train, tiny_data.embeddings, seen, seen)
    settings = prototype.Settings(
        (5,), 0.01, 0.0, 1, 16, 0.1, 0.0, 0.0, 0.0, "class"
    )
    model = combination.combine(
        [predictor.classifiers[0], prototype.fit(task, settings, 1)],
        [1.0, 1.0],
        tiny_data.train.features,
    )
    Workdir(folder).save_model("classifier_1", model)
    features = tiny_data.seen.features[:3]
    np.save(tmp_path / "features.npy", features)
    found = subprocess.run(
        [sys.executable, "-c", LOADED, folder, tmp_path / "features.npy"],
        capture_output=True,
        text=True,
    )

    assert not found.returncode, found.stderr
    expected = Predictor.load(folder).probabilities(features)
    np.testing.assert_allclose(json.loads(found.stdout), expected, rtol=1e-5)


def test_each_export_becomes_the_next_version(predictor, tmp_path):
    (tmp_path / "9").mkdir()
    (tmp_path / "notes").mkdir()
    folder = serving.export(predictor, tmp_path, "card")

    assert folder == tmp_path / "10"
    assert (folder / "saved_model.pb").exists()
    assert (folder / "MODEL_CARD.md").read_text() == "card"
    names = (folder / "classes.txt").read_text().splitlines()
    assert tuple(names) == predictor.classes.names
    assert {p.name for p in tmp_path.iterdir()} == {"9", "10", "notes"}


def test_a_folder_that_cannot_be_made_is_refused(predictor, tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(InputError, match=r"Cannot write .*out"):
        serving.export(predictor, tmp_path / "file" / "out", "card")


def test_the_card_names_classes_data_and_scores(finished_run, predictor):
    metrics = finished_run.scores
    text = model_card.text(
        finished_run.workdir, predictor.classes, with_images=False, top_k=3
    )

    assert "* 6 classes learned from real" in text
    assert "* 3 classes learned from descriptions" in text
    assert "`f00d`" in text and "9 classes" in text
    h = f"{metrics['h']['mean']:.1f} ± {metrics['h']['std']:.1f}"
    assert h in text
    assert "the 3 likeliest" in text and "tf.zeros([1, 14])" in text
    assert "not recorded" in text and '"images"' not in text
    assert "added" not in text


def test_the_card_names_classes_without_a_score(finished_run, predictor):
    added = predictor.classes.with_added(["new"])
    text = model_card.text(
        finished_run.workdir, added, with_images=False, top_k=3
    )

    assert "* 1 class added after" in text
    assert "The added classes were not scored" in text
