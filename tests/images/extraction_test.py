import csv
import dataclasses
import itertools
import json
import pathlib
import shlex
import shutil
from unittest import mock

import numpy as np
import PIL.Image
import pytest

from gmn_tf import commands
from gmn_tf.images import backbones, extraction, image_folder, pillow
from gmn_tf.images.feature_store import FeatureStore
from gmn_tf.utils.errors import InputError
from tests.support import full_disk, image_toys, in_process, real_data

DIM = image_toys.DIM
COUNT = sum(image_toys.COUNTS.values())
UNFINISHED = "unfinished_features"


@pytest.fixture(scope="module")
def backbone():
    return image_toys.backbone()


@pytest.fixture
def images(tmp_path):
    return image_toys.write(tmp_path / "images")


@pytest.fixture
def extract(images, tmp_path, backbone):
    """Extracts into `out`, two images in a batch."""

    def run(out=None, **options):
        options = {"batch_size": 2, "quiet": True, **options}
        options.setdefault("backbone", backbone)
        return extraction.run(images, out or tmp_path / "out", **options)

    return run


def rows(path: pathlib.Path) -> list[dict]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def files(folder: pathlib.Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {".lock"}


def features(folder: pathlib.Path) -> np.ndarray:
    return np.load(folder / "features.npy", allow_pickle=False)


def by_file(folder: pathlib.Path) -> dict[str, np.ndarray]:
    names = [row["file"] for row in rows(folder / "labels.csv")]
    return dict(zip(names, features(folder), strict=True))


def test_every_image_has_its_feature_and_its_class(
    extract, images, tmp_path, backbone
):
    summary = extract()
    out = tmp_path / "out"
    assert files(out) == {"features.npy", "labels.csv", "extraction.json"}
    assert features(out).shape == (COUNT, DIM)
    assert features(out).dtype == np.float32
    labels = rows(out / "labels.csv")
    listing = image_folder.scan(images)
    assert [(r["class"], r["file"]) for r in labels] == listing.images
    assert labels[7] == {"class": "heron", "file": "heron/0.png"}
    for name, feature in by_file(out).items():
        image = backbone.image((images / name).read_bytes())
        expected = backbone.features(image[None])[0]
        np.testing.assert_allclose(feature, expected, rtol=1e-4, atol=1e-6)
    record = json.loads((out / "extraction.json").read_text("utf-8"))
    assert record == json.loads(json.dumps(summary.record))
    assert record["backbone"] == backbone.description
    assert record["classes"] == image_toys.COUNTS
    assert record["images"] == summary.computed == COUNT


def test_the_batch_size_does_not_matter(extract, tmp_path):
    for size in (1, 5):
        extract(tmp_path / str(size), batch_size=size)
    one, five = (features(tmp_path / size) for size in ("1", "5"))
    np.testing.assert_allclose(one, five, rtol=1e-4, atol=1e-6)
    assert len(np.unique(one.round(6), axis=0)) == COUNT


def test_features_of_paths_are_those_extracted(
    extract, images, tmp_path, backbone
):
    extract()
    names = ["owl/0.png", "finch/3.jpg", "owl/2.png"]
    (images / "owl/1.jpg").write_bytes(b"")
    found, unreadable, turned, transparent = extraction.features_of(
        [images / names[0], images / "owl/1.jpg"]
        + [images / name for name in names[1:]],
        backbone,
        "skip",
        batch_size=3,
    )
    expected = np.stack([by_file(tmp_path / "out")[name] for name in names])
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    assert unreadable == {str(images / "owl/1.jpg"): "an empty file"}
    assert turned == {} and transparent == []

    with pytest.raises(InputError, match=r"owl/1.jpg \(an empty file\)"):
        extraction.features_of([images / "owl/1.jpg"], backbone)
    with pytest.raises(InputError, match="None of the images can be read"):
        extraction.features_of([images / "owl/1.jpg"], backbone, "skip")
    found, unreadable, *_ = extraction.features_of([], backbone)
    assert found.shape == (0, DIM) and unreadable == {}


def interrupted(after: int):
    """Interrupts an extraction after it has written so many batches."""
    write = FeatureStore.write
    counter = itertools.count(1)

    def stopping(self, images):
        write(self, images)
        if next(counter) == after:
            raise KeyboardInterrupt

    return mock.patch.object(FeatureStore, "write", stopping)


def test_an_interrupted_extraction_continues(extract, tmp_path):
    extract(tmp_path / "whole")
    out = tmp_path / "out"
    with interrupted(2), pytest.raises(KeyboardInterrupt):
        extract()
    assert files(out) == {UNFINISHED}
    # What a kill in the middle of writing leaves behind.
    (out / UNFINISHED / ".tmp-killed").mkdir()
    (out / UNFINISHED / ".tmp-killed" / "x.npz").write_bytes(b"half")

    summary = extract()
    assert summary.computed == COUNT - 2 * 2
    assert files(out) == files(tmp_path / "whole")
    np.testing.assert_allclose(
        features(out), features(tmp_path / "whole"), rtol=1e-4, atol=1e-6
    )
    assert (out / "labels.csv").read_bytes() == (
        tmp_path / "whole" / "labels.csv"
    ).read_bytes()


def test_a_batch_cut_off_is_computed_again(extract, tmp_path):
    with interrupted(2), pytest.raises(KeyboardInterrupt):
        extract()
    batch = next((tmp_path / "out" / UNFINISHED).glob("*.npz"))
    batch.write_bytes(batch.read_bytes()[:100])
    assert extract().computed == COUNT - 2
    assert features(tmp_path / "out").shape == (COUNT, DIM)


def test_what_is_finished_is_left_alone(extract, tmp_path):
    extract()
    out = tmp_path / "out"

    def times():
        return {name: (out / name).stat().st_mtime_ns for name in files(out)}

    before = times()
    summary = extract()
    assert summary.computed == 0
    assert times() == before
    assert "nothing was computed" in str(summary)


def test_only_new_images_are_computed(extract, images, tmp_path):
    extract()
    before = by_file(tmp_path / "out")
    image_toys.draw(50).save(images / "heron" / "00.png")
    summary = extract()
    assert summary.computed == 1
    after = by_file(tmp_path / "out")
    assert set(after) == {*before, "heron/00.png"}
    for name, feature in before.items():
        np.testing.assert_allclose(after[name], feature, rtol=1e-4, atol=1e-6)

    # A changed file of the same name is seen too, and one that is gone.
    image_toys.draw(51).save(images / "owl" / "0.png")
    shutil.rmtree(images / "finch")
    assert extract().computed == 1
    changed = by_file(tmp_path / "out")
    assert len(changed) == COUNT + 1 - image_toys.COUNTS["finch"]
    assert np.abs(changed["owl/0.png"] - before["owl/0.png"]).max() > 1e-4


@pytest.mark.parametrize("finished", [True, False])
def test_features_of_another_backbone_are_not_mixed_in(
    finished, extract, tmp_path, backbone
):
    if finished:
        extract()
    else:
        with interrupted(1), pytest.raises(KeyboardInterrupt):
            extract()
    description = {**backbone.description, "weights_sha256": "0" * 64}
    other = dataclasses.replace(backbone, description=description)
    with pytest.raises(InputError, match="of another backbone"):
        extract(backbone=other)
    assert extract().computed == (0 if finished else COUNT - 2)


def test_features_of_images_not_turned_are_not_mixed_in(
    extract, tmp_path, backbone
):
    old = {**backbone.description}
    del old["exif_orientation"]
    extract(backbone=dataclasses.replace(backbone, description=old))
    with pytest.raises(InputError, match="exif_orientation=None"):
        extract()


def test_an_image_is_tried_again_when_a_library_was_installed(
    extract, images, monkeypatch
):
    pillow_heif = pytest.importorskip("pillow_heif")
    pillow_heif.from_pillow(image_toys.draw(0)).save(images / "owl" / "a.heic")
    (images / "owl" / "a.heic").rename(images / "owl" / "a.jpg")
    with monkeypatch.context() as context:
        context.setattr(pillow, "pillow_heif", None)
        context.setattr(pillow, "_FORMATS", ("JPEG",))
        with pytest.raises(InputError, match="pip install pillow-heif"):
            extract()
    assert extract().record["images"] == COUNT + 1


# Not even the first batch fits; or all batches do, but not all features.
@pytest.mark.parametrize("size, left", [(100, COUNT), (6000, 0)])
def test_a_disk_that_is_full_leaves_nothing_half_written(
    size, left, extract, tmp_path
):
    with (
        full_disk.no_file_above(size),
        pytest.raises((OSError, InputError)),
    ):
        extract()
    kept = {path.name for path in (tmp_path / "out").rglob("*")}
    assert (UNFINISHED in kept) == (left < COUNT)
    assert not any(name.startswith(".tmp") for name in kept)
    # With room, it goes on.
    assert extract().computed == left
    assert features(tmp_path / "out").shape == (COUNT, DIM)


@pytest.mark.parametrize(
    "name",
    [
        "features.npy",
        "unreadable.csv",
        "extraction.json",
        f"{UNFINISHED}/thesis.txt",
    ],
)
def test_files_of_others_are_not_overwritten(name, extract, tmp_path):
    path = tmp_path / "out" / name
    path.parent.mkdir(parents=True)
    path.write_text('{"tool": "mine"}')
    found = name.partition("/")[0]
    with pytest.raises(InputError, match=f"{found} was not written by this"):
        extract()
    assert files(tmp_path / "out") == {found}
    assert path.read_text() == '{"tool": "mine"}'


def test_features_do_not_go_among_the_images(extract, images):
    with pytest.raises(InputError, match="among the images"):
        extract(images / "out")
    assert files(images) == set(image_toys.COUNTS)


@pytest.fixture
def spoilt(images):
    """Names of spoilt files, and what is said of each."""
    whole = (images / "finch" / "1.jpg").read_bytes()
    (images / "finch" / "1.jpg").write_bytes(whole[: len(whole) // 2])
    (images / "heron" / "text.jpg").write_text("hello", encoding="utf-8")
    image_toys.draw(0).convert("F").save(images / "heron" / "floats.tif")
    (images / "blank").mkdir()
    (images / "blank" / "empty.PNG").write_bytes(b"")
    return {
        "blank/empty.PNG": "an empty file",
        "finch/1.jpg": "image file is truncated",
        "heron/floats.tif": "more than 16 bits a number",
        "heron/text.jpg": "not an image that can be read",
    }


def test_it_stops_at_unreadable_images_and_then_skips_them(
    extract, spoilt, tmp_path
):
    out = tmp_path / "out"
    with pytest.raises(InputError, match=r"blank/empty.PNG \(an empty file\)"):
        extract()
    assert "features.npy" not in files(out)

    summary = extract(unreadable="skip")
    assert summary.computed <= COUNT + 1  # the first batch was kept
    found = {r["file"]: r["reason"] for r in rows(out / "unreadable.csv")}
    assert set(found) == set(spoilt) == set(summary.record["unreadable"])
    for name, reason in spoilt.items():
        assert reason in found[name]
    assert set(by_file(out)).isdisjoint(spoilt)
    assert len(features(out)) == COUNT - 1
    text = str(summary)
    assert "left out (see unreadable.csv): 4" in text
    assert "Classes without any image: 1: blank" in text

    assert extract(unreadable="skip").computed == 0
    with pytest.raises(InputError, match="Cannot read some images: 4"):
        extract()


def test_mended_images_are_read_again(extract, spoilt, images, tmp_path):
    extract(unreadable="skip")
    for number, name in enumerate(spoilt):
        (images / name).unlink()
        image_toys.draw(number).save((images / name).with_suffix(".png"))
    summary = extract()
    assert summary.record["unreadable"] == {}
    assert len(features(tmp_path / "out")) == COUNT + 3
    assert "unreadable.csv" not in files(tmp_path / "out")


def test_nothing_is_written_if_no_image_can_be_read(images, tmp_path, backbone):
    for _, name in image_folder.scan(images).images:
        (images / name).write_bytes(b"no image")
    out = tmp_path / "out"
    with pytest.raises(InputError, match="None of the images"):
        extraction.run(images, out, backbone, "skip", quiet=True)
    assert files(out) == {UNFINISHED}


def test_the_summary_says_what_is_turned_or_no_image(extract, images, tmp_path):
    exif = PIL.Image.Exif()
    exif[PIL.ExifTags.Base.Orientation] = 6
    image_toys.draw(1).save(images / "owl" / "camera.jpg", exif=exif)
    cut_out = image_toys.draw(1)
    cut_out.putalpha(0)
    cut_out.save(images / "owl" / "cut_out.png")
    (images / "owl" / "notes.txt").write_text("x", encoding="utf-8")
    (images / "owl" / ".hidden.jpg").write_text("x", encoding="utf-8")
    image_toys.draw(1).save(images / "loose.png")
    (images / "nobody").mkdir()
    summary = extract()
    assert summary.record["turned"] == {"owl/camera.jpg": 6}
    assert summary.record["transparent"] == ["owl/cut_out.png"]
    assert summary.record["left_out"] == {
        "loose.png": image_folder.NO_CLASS,
        "owl/.hidden.jpg": image_folder.HIDDEN,
        "owl/notes.txt": "no image by its ending (.txt)",
    }
    text = str(summary)
    assert "Turned upright, as EXIF orientation says: 1: owl/camera.jpg" in text
    assert "Transparent in parts, where white shows through: 1: owl/cut" in text
    assert extract().record == summary.record
    assert "Left out: in no folder of a class: 1: loose.png." in text
    assert "Left out: no image by its ending (.txt): 1: owl/notes.txt." in text
    assert "Left out: hidden, because the name begins with a dot: 1:" in text
    assert "nobody" in text


def test_damaged_records_are_refused_or_made_again(extract, tmp_path):
    extract()
    path = tmp_path / "out" / "extraction.json"
    whole = path.read_text("utf-8")
    path.write_text(whole[:-50], encoding="utf-8")
    with pytest.raises(InputError, match="Cannot read"):
        extract()
    path.write_text(whole, encoding="utf-8")
    with (tmp_path / "out" / "features.npy").open("r+b") as file:
        file.truncate(1000)
    assert extract().computed == COUNT
    assert features(tmp_path / "out").shape == (COUNT, DIM)


def test_the_command_says_what_is_there(tmp_path):
    images = image_toys.write(tmp_path / "images", {"finch": 2, "owl": 1})
    out = tmp_path / "what comes out"
    found = in_process.call(
        commands.extract_features,
        f"--images={images}",
        f"--out={out}",
        "--backbone=mobilenet",
        "--weights=random",
    )
    assert found.status == 0, found.stderr
    assert "3 images in 2 classes: 1024 numbers each" in found.stdout
    (line,) = [x for x in found.stdout.splitlines() if x.startswith("Next: ")]
    assert shlex.split(line, comments=True)[1:] == [
        "bin/prepare_data",
        "--source=DIR",
        f"--features={out}",
        "--dataset=NAME",
    ]
    assert "image/s" in found.stderr
    assert features(out).shape == (3, 1024)


@pytest.mark.parametrize(
    "flags, text",
    [
        (["--out=o"], "--images is missing"),
        (["--out=o", "--images=none"], "There are no images"),
        (["--out=o", "--images=.", "--backbone=resnet1"], "mean 'resnet"),
        (["--out=o", "--images=.", "--unreadable=no"], "--unreadable"),
        (["--out=o", "--images=.", "--weights=no.h5"], "which is not a file"),
    ],
)
def test_bad_flags_end_in_a_clear_error(flags, text):
    assert text in in_process.fail(commands.extract_features, *flags)


def test_real_photographs_have_the_features_of_the_same_network():
    scipy_io = pytest.importorskip("scipy.io")
    weights = (
        real_data.FOLDER / "backbones" / "mobilenet_1.0_224_imagenet.weights.h5"
    )
    for path in (
        weights,
        real_data.FOLDER / "cub_images",
        real_data.FOLDER / "CUB",
    ):
        if not path.exists():
            pytest.skip(f"needs {path}")
    source = real_data.FOLDER / "cub_images" / "images"
    known = scipy_io.loadmat(real_data.FOLDER / "CUB" / "mobilenet.mat")
    columns = {
        name.item().rpartition("/")[2]: column
        for column, name in enumerate(known["image_files"].ravel())
    }
    names = [name for _, name in image_folder.scan(source).images][::200]
    found, unreadable, *_ = extraction.features_of(
        [source / name for name in names],
        backbones.load("mobilenet", str(weights)),
    )
    chosen = [columns[name.rpartition("/")[2]] for name in names]
    expected = known["features"][:1024, chosen].T
    cosines = np.sum(found * expected, axis=1) / (
        np.linalg.norm(found, axis=1) * np.linalg.norm(expected, axis=1)
    )
    assert not unreadable and len(names) == 6
    assert cosines.min() > 0.98
