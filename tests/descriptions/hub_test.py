"""Presets of KerasHub as backbones and encoders, and both of one model."""

import csv
import json
import shutil

import numpy as np
import pytest
import tensorflow as tf

from gmn_tf import commands
from gmn_tf.descriptions import describe
from gmn_tf.descriptions.encoder_table import Options
from gmn_tf.images import backbones
from gmn_tf.utils import hub_presets
from gmn_tf.utils.errors import InputError
from tests.support import hub_toys, image_toys, quick
from tests.support.in_process import fail, succeed

NAMES = (
    "001.Crow",
    "002.Finch",
    "003.Heron",
    "004.Kite",
    "005.Owl",
    "006.Wren",
)


@pytest.fixture(scope="module")
def presets(tmp_path_factory):
    folder = tmp_path_factory.mktemp("presets")
    hub_toys.write_clip(folder / "tiny_clip")
    hub_toys.write_siglip(folder / "tiny_siglip")
    hub_toys.write_dino(folder / "tiny_dino")
    hub_toys.write_resnet(folder / "tiny_resnet")
    return folder


@pytest.fixture(scope="module")
def clip(presets):
    return presets / "tiny_clip"


def image(number=1):
    return np.asarray(image_toys.draw(number))


def png(number=1):
    return tf.io.encode_png(image(number)).numpy()


def expected_features(kind, preset, pixels):
    import keras_hub

    model = keras_hub.models.Backbone.from_preset(str(preset))
    converter = keras_hub.layers.ImageConverter.from_preset(str(preset))
    images = converter(pixels[None].astype("f4"))
    if hasattr(model, "get_vision_embeddings"):
        return model.get_vision_embeddings(images)
    if kind == "tiny_dino":
        return model({"images": images})[:, 0]
    return tf.reduce_mean(model(images), axis=[1, 2])


@pytest.mark.parametrize(
    "kind", ["tiny_clip", "tiny_siglip", "tiny_dino", "tiny_resnet"]
)
def test_features_are_those_of_keras_hub(kind, presets):
    backbone = backbones.load(str(presets / kind), "imagenet")
    pixels = backbone.image(png())
    features = backbone.features(pixels[None])
    expected = expected_features(kind, presets / kind, image())
    np.testing.assert_allclose(features, expected, rtol=1e-4, atol=1e-4)
    said = backbone.description
    assert said["name"] == f"hub:{kind}"
    assert said["image_size"] == hub_toys.SIDE
    assert said["feature_dim"] == features.shape[1]
    assert "ImageConverter" in said["preprocessing"]
    again = backbones.from_description(json.loads(json.dumps(said)))
    np.testing.assert_array_equal(again.features(pixels[None]), features)


@pytest.mark.parametrize("kind", ["tiny_clip", "tiny_siglip"])
def test_texts_are_embedded_as_by_keras_hub(kind, presets):
    import keras_hub

    preset = presets / kind
    options = Options(("a {name}, {text}", "{name}"))
    texts = "black", ""
    found = describe.describe(NAMES[:2], f"hub:{preset}", texts, options)
    model = keras_hub.models.Backbone.from_preset(str(preset))
    reader = keras_hub.models.CausalLMPreprocessor.from_preset(str(preset))
    images = np.zeros((2, hub_toys.SIDE, hub_toys.SIDE, 3), "f4")
    each = []
    for sentences in (["a crow, black", "a finch,"], ["crow", "finch"]):
        read = reader({"images": images, "prompts": sentences})
        rows = np.asarray(model.get_text_embeddings(read["token_ids"]))
        each.append(rows / np.linalg.norm(rows, axis=1, keepdims=True))
    expected = sum(each)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(found.values, expected, atol=1e-5)
    later = describe.describe_alike([NAMES[0]], found.record, ["black"])
    np.testing.assert_allclose(later.values, expected[:1], atol=1e-5)


def test_long_sentences_are_told(clip):
    found = describe.describe(["owl", "kite"], clip, ["", "long " * 30])
    assert "of which the model reads no more: kite." in str(found.notes[0])


def moved(preset, place):
    return shutil.copytree(preset, place)


def test_presets_that_cannot_be_used(presets, clip, tmp_path, monkeypatch):
    def refused(match, call, *words):
        with pytest.raises(InputError, match=match):
            call(*words)

    load = backbones.load
    misspelt = "hub:clip_vit_base_patch61"
    refused("Did you mean 'clip_vit_base_patch16'", load, misspelt, "imagenet")
    refused("no such folder", load, "hub:no/where", "imagenet")
    dino = moved(presets / "tiny_dino", tmp_path / "dino")
    shutil.copy(clip / "tokenizer.json", dino)
    refused("config.json", load, str(tmp_path), "imagenet")
    alone = moved(presets / "tiny_siglip", tmp_path / "alone")
    (alone / "preprocessor.json").unlink()  # which says how long a text is
    refused("cannot read texts", describe.describe, ["owl"], alone)
    refused("has no text tower", describe.describe, ["owl"], dino)
    refused("not the preset", load, f"hub:{clip}", "weights.h5")
    broken = moved(clip, tmp_path / "broken")
    (broken / "model.weights.h5").write_bytes(b"x")
    refused("cannot open the preset", load, str(broken), "imagenet")
    (broken / "model.weights.h5").unlink()
    refused("no model.weights.h5", load, str(broken), "imagenet")
    (broken / "image_converter.json").unlink()
    shutil.copy(clip / "model.weights.h5", broken)
    refused("no image_converter.json", load, str(broken), "imagenet")
    evil = moved(clip, tmp_path / "evil")
    config = json.loads((evil / "config.json").read_text())
    config["config"]["extra"] = {"module": "os", "class_name": "system"}
    (evil / "config.json").write_text(json.dumps(config))
    refused("os.system", load, str(evil), "imagenet")
    monkeypatch.setattr(
        hub_presets.importlib.util, "find_spec", lambda name: None
    )
    refused(r"pip install 'gmn_tf\[hub\]'", load, "hub:tiny", "imagenet")


@pytest.fixture(scope="module")
def run(clip, tmp_path_factory):
    """A run on images and names, with both towers of one model."""
    place = tmp_path_factory.mktemp("run")
    folder = place / "birds"
    for number, name in enumerate(NAMES):
        (folder / "images" / name).mkdir(parents=True)
        for one in range(5):
            drawn = image_toys.draw(10 * number + one)
            drawn.save(folder / "images" / name / f"{one}.png")
    lines = [f"{n},{int(k < 4)}" for k, n in enumerate(NAMES)]
    (place / "names.csv").write_text("class,seen\n" + "\n".join(lines))
    succeed(
        commands.describe,
        f"--classes={place / 'names.csv'}",
        f"--encoder={clip}",
        f"--out={folder / 'classes.csv'}",
    )
    data_dir = f"--data_dir={place / 'data'}"
    printed = succeed(
        commands.prepare_data,
        f"--source={folder}",
        "--dataset=birds",
        f"--backbone=hub:{clip}",
        data_dir,
    )
    assert "made from words" in printed and "hub:tiny_clip" in printed
    quick.train(
        "--dataset=birds",
        f"--workdir={place / 'run'}",
        data_dir,
        "--variant=real_only",
        "--classifier=discriminant",
        "--feature_scaling=unit",
        "--classifier_seeds=1",
    )
    return place


def test_text_alone_is_scored_beside_the_run(run, clip):
    printed = succeed(commands.evaluate, f"--workdir={run / 'run'}")
    (line,) = [x for x in printed.splitlines() if x.startswith("zero-shot by")]
    t1, u = map(float, line.split()[-4:-2])
    # By hand, from the files of the towers' embeddings.
    (folder,) = (run / "data" / "features").iterdir()
    features = np.load(folder / "features.npy")
    with open(folder / "labels.csv", encoding="utf-8") as file:
        labels = [NAMES.index(row["class"]) for row in csv.DictReader(file)]
    texts = describe.describe(NAMES, clip).values
    scores = features @ texts.T
    labels = np.array(labels)
    unseen = labels > 3
    right = scores[unseen].argmax(axis=1) == labels[unseen]
    assert u == pytest.approx(100 * right.mean(), abs=0.06)
    right = 4 + scores[unseen, 4:].argmax(axis=1) == labels[unseen]
    assert t1 == pytest.approx(100 * right.mean(), abs=0.06)


def test_a_class_is_added_by_its_name_and_the_preset_exported(run, tmp_path):
    names = tmp_path / "new.txt"
    names.write_text("black owl\n")
    flags = f"--workdir={run / 'run'}", f"--classes={names}", "--top_k=7"
    (tmp_path / "a.png").write_bytes(png(3))
    printed = succeed(
        commands.predict, *flags, f"--images={tmp_path / 'a.png'}"
    )
    rows = [*csv.DictReader(printed.splitlines())]
    assert "black owl" in {row["class"] for row in rows}
    out = tmp_path / "served"
    printed = succeed(commands.export, *flags, f"--out={out}")
    assert "7 classes that takes images and features" in printed
    served = tf.saved_model.load(str(out / "1")).signatures["images"]
    found = served(images=tf.constant([png(3)]))
    assert [one.decode() for one in found["classes"].numpy()[0]] == [
        row["class"] for row in rows
    ]
    np.testing.assert_allclose(
        found["scores"].numpy()[0],
        [float(row["probability"]) for row in rows],
        atol=1e-5,
    )


def test_a_moved_preset_is_asked_for(run, clip, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    clip.rename(elsewhere)
    try:
        (tmp_path / "a.png").write_bytes(png(3))
        flags = f"--workdir={run / 'run'}", f"--images={tmp_path / 'a.png'}"
        assert "--weights=FOLDER" in fail(commands.predict, *flags)
        succeed(commands.predict, *flags, f"--weights={elsewhere}")
        names = tmp_path / "new.txt"
        names.write_text("black owl\n")
        flags = (*flags, f"--weights={elsewhere}", f"--classes={names}")
        assert "--encoder" in fail(commands.predict, *flags)
        succeed(commands.predict, *flags, f"--encoder={elsewhere}")
    finally:
        elsewhere.rename(clip)
