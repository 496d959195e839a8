"""Exports are whole, checked in their runtime, or not there."""

import importlib.util

import numpy as np
import pytest
import tensorflow as tf

from gmn_tf import commands
from gmn_tf.data.feature_scaling import (
    UNSCALED,
    FeatureScaling,
)
from gmn_tf.data.label_map import LabelMap
from gmn_tf.inference import exporting, formats, serving
from gmn_tf.inference.prediction import Predictor
from gmn_tf.method.classifiers import base
from gmn_tf.utils.errors import InputError
from tests.support import toys
from tests.support.in_process import fail, succeed


def toy(scaling=UNSCALED) -> Predictor:
    """Two classifiers of three classes, with every kind of term."""
    columns = toys.normal(toys.DX, 3).astype("f4")
    terms = [
        base.Term(False, columns, np.zeros(3, "f4")),
        base.Term(True, -columns, np.ones(3, "f4")),
    ]
    classes = LabelMap(
        ("a", "b\u00e9", "c"), ("seen",) * 3, toys.DX, (), None, scaling
    )
    models = base.assemble(terms), base.assemble(terms[:1])
    return Predictor(classes, models)


def test_each_export_becomes_the_next_version(predictor, tmp_path):
    (tmp_path / "9").mkdir()
    (tmp_path / "notes").mkdir()
    folder, (one,) = exporting.export(
        predictor, tmp_path, lambda written: written[0].runtime
    )

    assert folder == tmp_path / "10"
    assert (folder / "saved_model.pb").exists()
    assert (folder / "MODEL_CARD.md").read_text() == one.runtime == "TensorFlow"
    names = (folder / "classes.txt").read_text().splitlines()
    assert tuple(names) == predictor.classes.names
    assert {p.name for p in tmp_path.iterdir()} == {"9", "10", "notes"}


@pytest.mark.parametrize("kind", ["none", "centred", "arcsinh", "root"])
def test_scaling_is_possible_in_every_format(kind, tmp_path):
    rows = 300.0 * toys.normal(50, toys.DX) + 5e4  # digits count
    rows[:, 2] = 8.0
    predictor = toy(FeatureScaling.fit(kind, rows.astype("f4")))
    made = exporting.made_features(predictor.classes.feature_scaling, toys.DX)
    expected = predictor.probabilities(made)
    assert ((expected > 0.01) & (expected < 0.99)).any()
    _, written = exporting.export(
        predictor, tmp_path, str, format_names=["onnx", "tflite"]
    )

    assert [one.runtime for one in written] == ["LiteRT", "ONNX Runtime"]
    assert max(one.difference for one in written) < 1e-5


@pytest.mark.parametrize("write", [formats.write_tflite, formats.write_onnx])
def test_a_tensor_that_a_layer_holds_becomes_part_of_the_model(write, tmp_path):
    held = tf.constant([1.0, 2.0, 3.0])  # as Keras's Normalization does
    model = serving.ServingModel(toy())
    model.probabilities = lambda features, precision: features[:, :3] * held
    (file,) = write(model, tmp_path)
    _, found = file.answer(np.ones([2, toys.DX]))
    np.testing.assert_allclose(found, [[1, 2, 3]] * 2)


# What a format might do to a model, and how the message says it.
def _wrong(model, folder, format_name="tflite"):
    def answer(inputs):
        found = 0.5 * model.probabilities(inputs)
        return np.tile(np.arange(3), (len(inputs), 1)), found.numpy()

    path = folder / "features.tflite"
    path.touch()
    return [formats.File(path.name, (path,), "features", answer)]


def _lacking(model, folder):
    """An operation that LiteRT does not have."""
    model.probabilities = lambda features, precision: tf.asinh(features)
    return formats.write_tflite(model, folder)


def _full(model, folder):
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize(
    ("write", "says"),
    [
        (_wrong, "answers otherwise than the run"),
        (_lacking, "LiteRT has\n  received: the operations Asinh"),
        (_full, "Cannot write"),
    ],
)
def test_what_fails_leaves_nothing(write, says, tmp_path, monkeypatch):
    monkeypatch.setitem(
        formats.FORMATS, "tflite", formats.Format("LiteRT", write)
    )
    out = tmp_path / "new" / "out"
    with pytest.raises(InputError, match=says):
        exporting.export(toy(), out, str, format_names=["tflite"])
    assert not list(tmp_path.iterdir())


def test_differences_are_found():
    expected = np.array([[0.2, 0.5, 0.3], [0.6, 0.1, 0.3]])
    labels = np.tile(np.arange(3), (2, 1))

    def difference(answer):
        return exporting.largest_difference(answer, expected, expected)

    assert difference(lambda rows: (labels[: len(rows)], rows)) == 0.0
    assert difference(
        lambda rows: (labels[: len(rows)], rows[::-1])
    ) == pytest.approx(0.4)
    best = np.array([[1, 2], [0, 2]])

    def likeliest(labels):
        return lambda rows: (
            labels[: len(rows)],
            np.take_along_axis(rows, labels[: len(rows)], 1),
        )

    assert difference(likeliest(best)) == 0.0
    assert difference(likeliest(best[:, ::-1])) == pytest.approx(0.3)
    one = exporting.Checked("x", "LiteRT", "images", 1, float("nan"))
    with pytest.raises(InputError, match="difference of nan in LiteRT"):
        exporting.check_differences([one])


@pytest.fixture
def no_packages(monkeypatch):
    there = importlib.util.find_spec

    def find(name, *rest):
        return None if name in ("tf2onnx", "ai_edge_litert") else there(name)

    monkeypatch.setattr(importlib.util, "find_spec", find)


def export(run, out, *flags):
    return f"--workdir={run.workdir.path}", f"--out={out}", *flags


@pytest.mark.parametrize("name", ["onnx", "tflite", "saved_model,onnx"])
def test_a_missing_extra_is_named_first(
    name, no_packages, finished_run, tmp_path, monkeypatch
):
    monkeypatch.setattr(Predictor, "load", None)  # no work begins
    words = export(finished_run, tmp_path / "out", f"--format={name}")
    assert "gmn_tf[formats]" in fail(commands.export, *words)
    assert not list(tmp_path.iterdir())


def test_mistakes_are_found_before_the_work(
    finished_run, tmp_path, monkeypatch
):
    monkeypatch.setattr(Predictor, "load", None)
    (tmp_path / "file").touch()
    words = export(finished_run, tmp_path / "out", "--format=tflit")
    assert "Did you mean 'tflite'" in fail(commands.export, *words)
    words = export(finished_run, tmp_path / "file" / "out")
    assert "file is not a folder" in fail(commands.export, *words)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_the_command_says_what_it_wrote(finished_run, tmp_path, no_packages):
    printed = succeed(commands.export, *export(finished_run, tmp_path / "out"))
    assert "saved_model.pb, features: 0." in printed
    assert "differs in TensorFlow by at most " in printed
    card = (tmp_path / "out" / "1" / "MODEL_CARD.md").read_text("utf-8")
    assert "| `saved_model.pb` | TensorFlow | features | 0." in card
    assert "LiteRT" not in card
