"""From a folder of images to a served model, as a user goes the way."""

import csv
import json
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import pytest

from gmn_tf.images import backbones
from tests.support import image_toys

ROOT = pathlib.Path(__file__).parents[2]
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


def call(command, *flags, status=0):
    found = subprocess.run(
        [sys.executable, str(ROOT / "bin" / command), *flags],
        capture_output=True,
        text=True,
    )
    assert found.returncode == status, found.stdout + found.stderr
    assert "Traceback" not in found.stderr
    return found.stdout if status == 0 else found.stderr


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
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
    told = call(
        "prepare_data",
        f"--source={folder}",
        "--dataset=toybirds",
        "--backbone=mobilenet",
        f"--weights={folder / 'net.weights.h5'}",
        data_dir,
    )
    assert "6: 4 seen, 2 unseen" in told
    assert "Next: bin/train --dataset=toybirds" in told
    workdir = folder / "run"
    call(
        "train", "--dataset=toybirds", f"--workdir={workdir}", data_dir, *SMALL
    )
    return workdir


def read(path):
    with open(path, encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_images_and_their_features_are_predicted_alike(
    folder, workdir, tmp_path
):
    told = call(
        "predict",
        f"--workdir={workdir}",
        f"--images={folder / 'images' / 'owl'}",
        "--top_k=6",
        f"--out={tmp_path / 'images.csv'}",
    )
    assert "5 predictions over 4 seen, 2 unseen classes" in told
    rows = read(tmp_path / "images.csv")
    assert len(rows) == 30
    assert {row["class"] for row in rows} == {*SEEN, *UNSEEN}
    total = sum(float(row["probability"]) for row in rows)
    assert total == pytest.approx(5.0, abs=1e-4)

    (features,) = (folder / "data" / "features").iterdir()
    assert features.name.startswith("toybirds-mobilenet-")
    printed = call(
        "predict", f"--workdir={workdir}", f"--features={features}", "--top_k=6"
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
    call(
        "predict",
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
    told = call("predict", run, f"--images={tmp_path}", status=1)
    assert "1 of 1 images cannot be read" in told
    np.save(tmp_path / "features.npy", np.zeros([2, 9]))
    told = call("predict", run, f"--features={tmp_path}", status=1)
    assert "1024 dimensions" in told
    np.save(tmp_path / "features.npy", np.zeros([2, 1024]))
    (tmp_path / "extraction.json").write_text('{"backbone": {"name": "vgg16"}}')
    told = call("predict", run, f"--features={tmp_path}", status=1)
    assert "another backbone" in told
    told = call("predict", run, status=1)
    assert "exactly one of --features and --images" in told
    out = tmp_path / "predictions.txt"
    told = call("predict", run, "--images=x", f"--out={out}", status=1)
    assert "must end in .csv or .json" in told and not out.exists()


def test_the_exported_model_takes_images(folder, workdir, tmp_path):
    told = call(
        "export", f"--workdir={workdir}", f"--out={tmp_path / 'served'}"
    )
    assert "6 classes that takes images and features" in told
    image = folder / "images" / "wren" / "3.png"
    code = (
        "import sys, tensorflow as tf\n"
        f"model = tf.saved_model.load({str(tmp_path / 'served' / '1')!r})\n"
        f"content = open({str(image)!r}, 'rb').read()\n"
        "answer = model.signatures['serving_default'](images=[content])\n"
        "assert 'gmn_tf' not in sys.modules\n"
        "print(answer['classes'][0, 0].numpy().decode())\n"
    )
    best = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    ).stdout.strip()
    printed = call(
        "predict", f"--workdir={workdir}", f"--images={image}", "--top_k=1"
    )
    (row,) = csv.DictReader(printed.splitlines())

    assert row["class"] == best
    card = (tmp_path / "served" / "1" / "MODEL_CARD.md").read_text("utf-8")
    assert 'signatures["images"]' in card and "net.weights.h5" in card


def test_what_does_not_fit_is_told_before_features_are_made(folder, tmp_path):
    shutil.copytree(folder / "images", tmp_path / "own" / "images")
    shutil.copy(folder / "classes.csv", tmp_path / "own")
    (tmp_path / "own" / "images" / "owl").rename(tmp_path / "own/images/olw")
    flags = (
        f"--source={tmp_path / 'own'}",
        "--backbone=mobilenet",
        "--weights=random",
        f"--data_dir={tmp_path / 'data'}",
    )
    told = call("prepare_data", "--dataset=own", *flags, status=1)
    assert "images/olw names a class" in told and "'owl'" in told
    told = call("prepare_data", "--dataset=../../evil", *flags, status=1)
    assert "not a usable name" in told
    assert {path.name for path in tmp_path.iterdir()} == {"own"}


def test_moved_weights_are_asked_for(folder, workdir, tmp_path):
    moved = tmp_path / "moved.weights.h5"
    here = folder / "net.weights.h5"
    here.rename(moved)
    flags = f"--workdir={workdir}", f"--images={folder / 'images' / 'owl'}"
    told = call("predict", *flags, status=1)
    assert "--weights=FILE" in told
    call("predict", *flags, f"--weights={moved}")
    moved.rename(here)
