"""From a folder of images to a served model, command after command."""

import csv
import json
import pathlib
import shutil
import subprocess
import sys

import keras
import numpy as np
import PIL.Image
import pytest

from gmn_tf import commands
from gmn_tf.images import backbones, image_folder, pillow
from tests.support import image_toys, quick
from tests.support.in_process import call, fail, succeed

SEEN = ("crow", "finch", "heron", "kite")
UNSEEN = ("owl", "wren")
SMALL = (
    "--preset=cpu",
    "--steps=2",
    "--noise_dim=3",
    "--generator_units=8",
    "--critic_units=6",
    "--batch_size=4",
    "--matching_classes=2",
    "--matching_real=2",
    "--matching_fake=3",
    "--synthetic_per_class=3",
    "--classifier_epochs=1",
)


@pytest.fixture(scope="module", autouse=True)
def _small_mobilenet():
    """In MobileNet's place a network that is built and traced in a moment.

    `backbones_test` and `serving_test` have the real one.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keras.applications, "MobileNet", image_toys.mobilenet)
        yield


@pytest.fixture(scope="module")
def folder(_small_mobilenet, tmp_path_factory):
    """Images of six classes, five each, and a random network's weights."""
    folder = tmp_path_factory.mktemp("own")
    rng = np.random.default_rng(0)
    with open(folder / "classes.csv", "w", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["class", "seen", "a1", "a2", "a3"])
        for name in (*SEEN, *UNSEEN):
            kind = "seen" if name in SEEN else "unseen"
            writer.writerow([name, kind, *rng.random(3).round(3)])
            (folder / "images" / name).mkdir(parents=True)
            for number in range(5):
                image = image_toys.draw(10 * len(name) + number)
                image.save(folder / "images" / name / f"{number}.png")
    backbone = backbones.load("mobilenet", "random")
    backbone.model.save_weights(folder / "net.weights.h5")
    return folder


@pytest.fixture(scope="module")
def workdir(folder):
    """A run on these images."""
    data_dir = f"--data_dir={folder / 'data'}"
    printed = succeed(
        commands.prepare_data,
        f"--source={folder}",
        "--dataset=toybirds",
        "--backbone=mobilenet",
        f"--weights={folder / 'net.weights.h5'}",
        data_dir,
    )
    assert "6: 4 seen, 2 unseen" in printed
    assert "Next: bin/train --dataset=toybirds" in printed
    workdir = folder / "run"
    place = f"--workdir={workdir}"
    quick.train("--dataset=toybirds", place, data_dir, *SMALL)
    return workdir


def read(path):
    with open(path, encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_images_and_their_features_are_predicted_alike(
    folder, workdir, tmp_path
):
    printed = succeed(
        commands.predict,
        f"--workdir={workdir}",
        f"--images={folder / 'images' / 'owl'}",
        "--top_k=6",
        f"--out={tmp_path / 'images.csv'}",
    )
    assert "5 predictions over 4 seen, 2 unseen classes" in printed
    rows = read(tmp_path / "images.csv")
    assert len(rows) == 30
    assert {row["class"] for row in rows} == {*SEEN, *UNSEEN}
    total = sum(float(row["probability"]) for row in rows)
    assert total == pytest.approx(5.0, abs=1e-4)

    (features,) = (folder / "data" / "features").iterdir()
    assert features.name.startswith("toybirds-mobilenet-")
    printed = succeed(
        commands.predict,
        f"--workdir={workdir}",
        f"--features={features}",
        "--top_k=6",
    )
    owls = [row for row in csv.DictReader(printed.splitlines())]
    owls = [row for row in owls if row["sample"].startswith("owl/")]
    for row, other in zip(rows, owls, strict=True):
        assert row["sample"].endswith(other["sample"])
        assert float(row["probability"]) == pytest.approx(
            float(other["probability"]), abs=1e-4
        )


@pytest.mark.parametrize("how", ["--nosynthesize", "--synthesize"])
def test_a_class_is_added(how, folder, workdir, tmp_path):
    (tmp_path / "new.csv").write_text("class,a3,a1,a2\nibis,0.9,0.5,0.1\n")
    succeed(
        commands.predict,
        f"--workdir={workdir}",
        f"--images={folder / 'images' / 'owl' / '0.png'}",
        f"--classes={tmp_path / 'new.csv'}",
        "--top_k=9",
        f"--out={tmp_path / 'predictions.json'}",
        how,
    )
    (sample,) = json.loads((tmp_path / "predictions.json").read_text("utf-8"))

    kinds = {one["class"]: one["kind"] for one in sample["classes"]}
    assert kinds["ibis"] == "added" and len(kinds) == 7


def test_other_features_and_bad_images_are_refused(workdir, tmp_path):
    (tmp_path / "torn.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    run = f"--workdir={workdir}"
    message = fail(commands.predict, run, f"--images={tmp_path}")
    assert "Cannot read some images: 1 so far" in message
    np.save(tmp_path / "features.npy", np.zeros([2, 9]))
    message = fail(commands.predict, run, f"--features={tmp_path}")
    assert "dimensions=1024" in message
    np.save(tmp_path / "features.npy", np.zeros([2, 1024]))
    (tmp_path / "extraction.json").write_text('{"backbone": {"name": "vgg16"}}')
    message = fail(commands.predict, run, f"--features={tmp_path}")
    assert "weights_sha256=" in message
    message = fail(commands.predict, run)
    assert "exactly one of --features and --images" in message
    out = tmp_path / "predictions.txt"
    message = fail(commands.predict, run, "--images=x", f"--out={out}")
    assert "must end in .csv or .json" in message and not out.exists()


def test_the_exported_model_answers_as_bin_predict(folder, workdir, tmp_path):
    printed = succeed(
        commands.export,
        f"--workdir={workdir}",
        f"--out={tmp_path / 'served'}",
    )
    assert "6 classes that takes images and features" in printed
    photographs = tmp_path / "photographs"
    photographs.mkdir()
    exif = PIL.Image.Exif()
    exif[PIL.ExifTags.Base.Orientation] = 6
    image_toys.draw(1).save(photographs / "phone.jpg", exif=exif)
    shutil.copy(folder / "images" / "wren" / "3.png", photographs)
    paths = sorted(photographs.iterdir())
    content = np.array([path.read_bytes() for path in paths], object)
    np.save(tmp_path / "images.npy", content)
    # A program that comes with TensorFlow, and loads as its Serving does.
    subprocess.run(
        [
            *(sys.executable, "-m", "tensorflow.python.tools.saved_model_cli"),
            *("run", "--dir", tmp_path / "served" / "1"),
            *("--tag_set", "serve", "--signature_def", "serving_default"),
            *("--inputs", f"images={tmp_path / 'images.npy'}"),
            *("--outdir", tmp_path),
        ],
        check=True,
        capture_output=True,
    )
    classes = np.load(tmp_path / "classes.npy", allow_pickle=True)
    scores = np.load(tmp_path / "scores.npy")
    printed = succeed(
        commands.predict,
        f"--workdir={workdir}",
        f"--images={photographs}",
    )
    rows = list(csv.DictReader(printed.splitlines()))

    assert [row["sample"] for row in rows[::5]] == list(map(str, paths))
    assert [row["class"] for row in rows] == [
        name.decode() for name in classes.ravel()
    ]
    expected = [float(row["probability"]) for row in rows]
    np.testing.assert_allclose(scores.ravel(), expected, atol=1e-5)
    card = (tmp_path / "served" / "1" / "MODEL_CARD.md").read_text("utf-8")
    assert 'signatures["images"]' in card and "net.weights.h5" in card
    assert "EXIF orientation is applied" in card


def test_every_photograph_is_accounted_for(workdir, tmp_path, monkeypatch):
    monkeypatch.setattr(pillow, "pillow_heif", None)
    folder = tmp_path / "a folder"
    folder.mkdir()
    exif = PIL.Image.Exif()
    exif[PIL.ExifTags.Base.Orientation] = 6
    image = image_toys.draw(1)
    image.save(folder / "phone.jpg", exif=exif)
    image.transpose(PIL.Image.ROTATE_270).save(folder / "scan.TIF")
    image.save(folder / "windows.jfif", format="JPEG")
    image.save(folder / "new.avif")
    (folder / "iphone.HEIC").write_bytes(b"\0\0\0\x18ftypheic" + bytes(99))
    (folder / "notes.txt").touch()
    (folder / "torn.png").write_bytes(b"\x89PNG")
    (folder / "loop").symlink_to(".", target_is_directory=True)
    flags = f"--workdir={workdir}", f"--images={folder}", "--top_k=1"

    message = fail(commands.predict, *flags)
    assert "Cannot read some images: 1 so far" in message
    found = call(commands.predict, *flags, "--unreadable=skip")
    assert found.status == 0, found.stderr
    rows = list(csv.DictReader(found.stdout.splitlines()))
    names = [pathlib.Path(row["sample"]).name for row in rows]
    assert names == ["new.avif", "phone.jpg", "scan.TIF", "windows.jfif"]
    said = found.stderr[found.stderr.index("1 image turned") :].splitlines()
    assert said == [
        "1 image turned upright, as EXIF orientation says.",
        f"{folder} has 8 files, of which 4 are left out:",
        f"  {folder / 'torn.png'} (not an image that can be read)",
        f"  {pillow.NEEDS_HEIF}: 1: {folder / 'iphone.HEIC'}",
        f"  {image_folder.AGAIN}: 1: {folder / 'loop'}",
        f"  no image by its ending (.txt): 1: {folder / 'notes.txt'}",
    ]
    for name in names:
        (folder / name).unlink()
    message = fail(commands.predict, *flags, "--unreadable=skip")
    assert "None of the images can be read" in message


def test_features_made_without_orientation_are_told(folder, workdir, tmp_path):
    old = tmp_path / "old"
    shutil.copytree(workdir, old)
    content = json.loads((old / "classes.json").read_text("utf-8"))
    assert content["backbone"].pop("exif_orientation") == "applied"
    (old / "classes.json").write_text(json.dumps(content), encoding="utf-8")
    (features,) = (folder / "data" / "features").iterdir()
    for what in (f"--features={features}", f"--images={folder / 'images'}"):
        message = fail(commands.predict, f"--workdir={old}", what)
        assert "were read in another way" in message
        assert "expected: exif_orientation=None" in message
        assert "train again" in message


def test_what_does_not_fit_is_refused_before_features_are_made(
    folder, tmp_path
):
    shutil.copytree(folder / "images", tmp_path / "own" / "images")
    shutil.copy(folder / "classes.csv", tmp_path / "own")
    (tmp_path / "own" / "images" / "owl").rename(tmp_path / "own/images/olw")
    flags = (
        f"--source={tmp_path / 'own'}",
        "--backbone=mobilenet",
        "--weights=random",
        f"--data_dir={tmp_path / 'data'}",
    )
    message = fail(commands.prepare_data, "--dataset=own", *flags)
    assert "images/olw names a class" in message and "'owl'" in message
    message = fail(commands.prepare_data, "--dataset=../../evil", *flags)
    assert "not a usable name" in message
    assert {path.name for path in tmp_path.iterdir()} == {"own"}


def test_moved_weights_are_asked_for(folder, workdir, tmp_path):
    moved = tmp_path / "moved.weights.h5"
    here = folder / "net.weights.h5"
    here.rename(moved)
    flags = f"--workdir={workdir}", f"--images={folder / 'images' / 'owl'}"
    assert "--weights=FILE" in fail(commands.predict, *flags)
    succeed(commands.predict, *flags, f"--weights={moved}")
    moved.rename(here)
