"""The exported model says what the run does, where gmn_tf is not installed."""

import contextlib
import dataclasses
import io
import json
import pathlib
import re
import shutil
import subprocess
import sys
from typing import NamedTuple

import numpy as np
import onnxruntime
import PIL.Image
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from gmn_tf.data.label_map import LabelMap
from gmn_tf.images import backbones, extraction
from gmn_tf.inference import exporting, format_table, model_card, serving
from gmn_tf.inference.prediction import Predictor
from gmn_tf.method.classifiers import (
    base,
    combination,
    linear,
    prototype,
)
from gmn_tf.runs.workdir import Workdir
from tests.support import image_toys, toys

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

def answers(folder, features, *images):
    inputs = {
        "features": np.load(features),
        "images": [open(path, "rb").read() for path in images],
    }
    model = tf.saved_model.load(folder)
    found = {}
    for name, function in model.signatures.items():
        (name_of_input,) = function.structured_input_signature[1]
        given = inputs[name_of_input]
        answer = function(**{name_of_input: tf.constant(given)})
        found[name] = [
            answer["classes"].numpy().astype(str).tolist(),
            answer["scores"].numpy().tolist(),
        ]
    return found

found = [answers(*words) for words in json.loads(sys.argv[1])]
assert not [name for name in sys.modules if name.startswith("gmn_tf")]
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def alone(predictor, served, tiny_data, tmp_path_factory):
    """Answers of all signatures in one process without gmn_tf.

    Of a run's model to 13 of its features, and of `served` to all it has.
    """
    folder = tmp_path_factory.mktemp("alone")
    np.save(folder / "tiny.npy", tiny_data.unseen.features[:13])
    plain, _ = exporting.export(predictor, folder / "out", str, top_k=4)
    np.save(folder / "features.npy", served.features)
    paths = [folder / str(number) for number in range(len(served.contents))]
    for path, content in zip(paths, served.contents):
        path.write_bytes(content)
    words = [
        [plain, folder / "tiny.npy"],
        [served.folder, folder / "features.npy", *paths],
    ]
    found = subprocess.run(
        [sys.executable, "-c", ALONE, json.dumps(words, default=str)],
        capture_output=True,
        text=True,
        cwd=folder,
    )
    assert not found.returncode, found.stderr
    return json.loads(found.stdout)


def test_it_answers_alone_as_the_run_does(alone, predictor, tiny_data):
    answers, _ = alone

    assert set(answers) == {"features", "serving_default"}
    for classes, scores in answers.values():
        check(predictor.top(tiny_data.unseen.features[:13], 4), classes, scores)


def encoded(image, kind, **options) -> bytes:
    content = io.BytesIO()
    image.save(content, kind, **options)
    return content.getvalue()


def contents() -> list[bytes]:
    """Files of images that a graph reads, one with EXIF orientation."""
    image = image_toys.draw(1)
    exif = PIL.Image.Exif()
    exif[PIL.ExifTags.Base.Orientation] = 6
    return [
        encoded(image_toys.draw(0), "PNG"),
        encoded(image, "JPEG", exif=exif),
        encoded(image.convert("P"), "BMP"),
        encoded(image.convert("L"), "GIF"),
        encoded(image.convert("CMYK"), "JPEG"),
        encoded(image.convert("RGBA"), "WEBP"),
        encoded(PIL.Image.fromarray(np.full([9, 8], 999, np.uint16)), "PNG"),
    ]


class Served(NamedTuple):
    """An exported model with its backbone, and what it should answer."""

    folder: pathlib.Path
    contents: list[bytes]
    features: np.ndarray
    tops: list
    written: list
    classes: LabelMap


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """With random weights of a network that has several kinds of layers."""
    folder = tmp_path_factory.mktemp("served")
    backbone = backbones.load("mobilenet", "random", image_size=32)
    paths = [folder / str(number) for number in range(len(contents()))]
    for path, content in zip(paths, contents()):
        path.write_bytes(content)
    features = extraction.features_of(paths, backbone).values
    columns = toys.normal(1024, 3).astype("f4")
    terms = [
        base.Term(False, columns, np.zeros(3, "f4")),
        base.Term(True, -columns, np.ones(3, "f4")),
    ]
    names = "a", "b\u00e9", "c"
    predictor = Predictor(
        LabelMap(names, ("seen",) * 3, 1024, (), backbone.description),
        (base.assemble(terms), base.assemble(terms[:1])),
    )
    place, written = exporting.export(
        predictor, folder / "out", str, backbone, 2, [*format_table.MODULES]
    )
    tops = predictor.top(features, 2)
    return Served(place, contents(), features, tops, written, predictor.classes)


def check(tops, classes, scores, rtol=1e-3):
    """Checks an answer."""
    for names, values, top in zip(classes, scores, tops, strict=True):
        np.testing.assert_allclose(values, [p for _, p in top], rtol)
        assert list(names) == [name for name, _ in top]


def test_images_are_answered_alone_as_features_are(alone, served):
    _, answers = alone

    assert set(answers) == {"features", "images", "serving_default"}
    for classes, scores in answers.values():
        check(served.tops, classes, scores)


@contextlib.contextmanager
def in_a_session(folder, signature):
    """Inputs -> classes and scores, by the loader that TF Serving uses."""
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        model = tf.compat.v1.saved_model.load(session, ["serve"], str(folder))
        found = model.signature_def[signature]
        (taken,) = found.inputs.values()
        wanted = {name: one.name for name, one in found.outputs.items()}

        def answer(inputs):
            values = session.run(wanted, {taken.name: inputs})
            classes = np.char.decode(values["classes"].astype(bytes))
            return classes, values["scores"]

        yield answer


@pytest.mark.parametrize("name", ["features", "images", "serving_default"])
def test_every_signature_works_in_a_session(name, served):
    images = np.array(served.contents, object)
    inputs = served.features if name == "features" else images
    with in_a_session(served.folder, name) as answer:
        check(served.tops, *answer(inputs))


def test_features_alone_work_in_a_session(predictor, tiny_data, tmp_path):
    features = tiny_data.unseen.features[:5]
    folder, _ = exporting.export(predictor, tmp_path / "out", str, top_k=4)
    tops = predictor.top(features, 4)
    for name in ("features", "serving_default"):
        with in_a_session(folder, name) as answer:
            check(tops, *answer(features))
            with pytest.raises(
                tf.errors.InvalidArgumentError, match="empty batch"
            ):
                answer(features[:0])


@pytest.mark.parametrize("name", ["tflite", "onnx"])
def test_features_are_answered_in_other_runtimes(name, served):
    path = served.folder / f"features.{name}"
    names = (served.folder / "classes.txt").read_text("utf-8").splitlines()
    if name == "onnx":
        session = onnxruntime.InferenceSession(path)
        (answer,) = session.run(None, {"features": served.features})
        metadata = session.get_modelmeta().custom_metadata_map
        assert json.loads(metadata["classes"]) == names
    else:
        run = Interpreter(str(path)).get_signature_runner()
        answer = run(features=served.features)["probabilities"]
    best = np.argsort(-answer, axis=1)[:, :2]
    values = np.take_along_axis(answer, best, 1)
    check(served.tops, np.array(names)[best], values)


@pytest.mark.parametrize(("number", "atol"), [(0, 1e-4), (1, 0.01)])
def test_the_code_of_the_card_answers_in_every_runtime(
    number, atol, served, finished_run, tmp_path
):
    (tmp_path / "image").write_bytes(served.contents[number])
    card = model_card.text(
        finished_run.workdir, served.classes, True, 2, served.written
    )
    card = card.replace("FOLDER OF THIS FILE", str(served.folder))
    card = card.replace("FILE.jpg", str(tmp_path / "image"))
    first, pixels, litert, onnx, listing = re.findall(
        r"```python\n(.*?)```", card, re.S
    )
    for blocks in (first,), (pixels, litert, listing), (pixels, onnx, listing):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec("\n".join(blocks), {})
        answer = [
            line.rsplit(maxsplit=1) for line in printed.getvalue().splitlines()
        ]
        # Pillow decodes JPEG in its own way.
        for (name, value), top in zip(answer, served.tops[number], strict=True):
            assert (name, float(value)) == (
                top[0],
                pytest.approx(top[1], abs=atol),
            )


def test_all_formats_are_listed_with_their_differences(served):
    found = {(one.runtime, one.signature): one for one in served.written}
    assert len(found) == len(served.written) == 6
    assert all(one.difference < 1e-5 for one in served.written)
    assert found["LiteRT", "images"].name == "images.tflite"
    sizes = [one.size for one in served.written if one.signature == "images"]
    assert max(sizes) < 1.5 * min(sizes)  # the weights, once in each
    file = served.folder / "features.onnx"
    assert found["ONNX Runtime", "features"].size == file.stat().st_size


# Pillow reads some of these for bin/predict.
REFUSED = {
    "an empty file": b"",
    "a text": b"hello",
    "half of a JPEG": encoded(image_toys.draw(0), "JPEG")[:500],
    "a BMP of two colours": encoded(image_toys.draw(0).convert("1"), "BMP"),
    "a TIFF": encoded(image_toys.draw(0), "TIFF"),
    "an AVIF": encoded(image_toys.draw(0), "AVIF"),
}


@pytest.mark.parametrize("name", ["images", "features"])
def test_what_bin_predict_refuses_makes_a_call_fail(name, served):
    wrong = {
        "an empty batch": np.array([], object),
        **{
            what: np.array([served.contents[0], content], object)
            for what, content in REFUSED.items()
        },
    }
    if name == "features":
        nan = np.where(served.features == served.features[0, 0], np.nan, 1.0)
        wrong = {"no row": served.features[:0], "NaN": nan.astype("f4")}
    model = tf.saved_model.load(str(served.folder)).signatures[name]
    with in_a_session(served.folder, name) as answer:
        for what, inputs in wrong.items():
            with pytest.raises(tf.errors.InvalidArgumentError):
                print(what, answer(inputs))
    for what, inputs in wrong.items():
        with pytest.raises(tf.errors.InvalidArgumentError):
            print(what, model(tf.constant(inputs, model.inputs[0].dtype)))


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


BEFORE = """
import sys
import gmn_tf
assert "keras" not in sys.modules
import keras
assert "gmn_tf.method.generator" not in sys.modules
"""
AFTER = """
given = np.load(sys.argv[2])
ones = [np.ones(a.shape, np.float32) for a in (noise, embeddings)]
print([
    np.asarray(generator(*ones)).tolist(),
    np.asarray(classifier(given)).tolist(),
    gmn_tf.Predictor.load(sys.argv[1]).probabilities(given).tolist(),
])
"""


def lines_to_paste() -> str:
    """What docs/runs.md says of opening a run in Keras."""
    page = pathlib.Path(__file__).parents[2] / "docs" / "runs.md"
    blocks = re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), re.S)
    (code,) = (block for block in blocks if "load_model" in block)
    return code


def test_a_new_process_opens_a_run_in_keras_and_predicts(
    finished_run, predictor, tiny_data, tmp_path
):
    # Which has imported no module of a network before.
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
    Workdir(folder).save_model("classifier_0", model)
    features = tiny_data.seen.features[:3]
    np.save(tmp_path / "features.npy", features)
    code = BEFORE + lines_to_paste().replace("runs/x", str(folder)) + AFTER
    found = subprocess.run(
        [sys.executable, "-c", code, folder, tmp_path / "features.npy"],
        capture_output=True,
        text=True,
    )

    assert not found.returncode, found.stderr
    synthetic, scores, probabilities = json.loads(found.stdout)
    generator = finished_run.load_generator()
    ones = np.ones([5, generator.noise_dim]), np.ones([5, 7])
    np.testing.assert_allclose(synthetic, generator(*ones), rtol=1e-5)
    np.testing.assert_allclose(scores, model(features), rtol=1e-4)
    expected = Predictor.load(folder).probabilities(features)
    np.testing.assert_allclose(probabilities, expected, rtol=1e-5)


WRITTEN = [
    exporting.Checked("saved_model.pb", "TensorFlow", "features", 9, 0.0)
]


def test_the_card_names_classes_data_and_scores(finished_run, predictor):
    metrics = finished_run.scores
    text = model_card.text(
        finished_run.workdir, predictor.classes, False, 3, WRITTEN
    )

    assert "* 6 classes learned from real" in text
    assert "* 3 classes learned from descriptions" in text
    assert "`f00d`" in text and "9 classes" in text
    h = f"{metrics['h']['mean']:.1f} ± {metrics['h']['std']:.1f}"
    assert h in text
    assert "the 3 likeliest" in text and "tf.zeros([1, 14])" in text
    assert "not recorded" in text and '"images"' not in text
    assert "added" not in text


def test_the_card_knows_that_there_may_be_one_classifier(
    finished_run, predictor, tmp_path
):
    config, metrics = (
        finished_run.workdir.read_json(f"{name}.json")
        for name in ("config", "metrics")
    )
    several = model_card.text(
        finished_run.workdir, predictor.classes, False, 3, WRITTEN
    )
    alone = Workdir(tmp_path)
    alone.write_json("config.json", config)
    alone.write_json("metrics.json", {**metrics, "classifier_seeds": 1})
    one = model_card.text(alone, predictor.classes, False, 3, WRITTEN)

    count = metrics["classifier_seeds"]
    assert f"probabilities: the mean\nover {count} classifiers." in several
    assert "mean of these\nclassifiers, which was not scored." in several
    assert "and their probabilities. A call" in one
    assert ": the mean" not in one and "was not scored" not in one


@pytest.mark.parametrize("backbone", [None, {"name": "mobilenet"}])
def test_the_card_speaks_of_images_where_features_are_of_images(
    backbone, finished_run, predictor
):
    classes = dataclasses.replace(predictor.classes, backbone=backbone)
    text = model_card.text(finished_run.workdir, classes, False, 3, WRITTEN)

    assert ("A classifier of features, made" in text) == (backbone is None)
    for word in ("image", "cameras", "backbone"):
        assert (word in text) == (backbone is not None), word


def test_the_card_names_classes_without_a_score(finished_run, predictor):
    added = predictor.classes.with_added(["new"])
    text = model_card.text(finished_run.workdir, added, False, 3, WRITTEN)

    assert "* 1 class added after" in text
    assert "The added classes were not scored" in text
