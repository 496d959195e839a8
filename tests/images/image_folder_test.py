"""Every file of a folder is an image, or is left out for a reason."""

import os
import pathlib
import random

import pytest

from gmn_tf.images import custom_images, image_folder, pillow
from gmn_tf.images.image_folder import (
    ABOVE,
    AGAIN,
    HIDDEN,
    NO_CLASS,
    NO_FILE,
    TOO_DEEP,
    find,
    scan,
)
from gmn_tf.utils.errors import InputError


@pytest.fixture
def make(tmp_path):
    """Makes empty files, folders (that end in /) and links in `photos`."""
    root = tmp_path / "photos"
    root.mkdir()

    def make(*names: str, **links: str) -> pathlib.Path:
        for name in names:
            path = root / name
            folder = path if name.endswith("/") else path.parent
            folder.mkdir(parents=True, exist_ok=True)
            if folder != path:
                path.touch()
        for name, target in links.items():
            (root / name).symlink_to(target)
        return root

    return make


def found(root: pathlib.Path) -> tuple[list[str], dict[str, str]]:
    """What `find` finds, by paths in the folder."""
    images, left_out = find(root)
    return [path.relative_to(root).as_posix() for path in images], {
        os.path.relpath(path, root): why for path, why in left_out.items()
    }


def test_endings_of_images_in_capitals_and_of_others(make):
    names = ["a.JPG", "b.jfif", "c.TIFF", "d.Avif", "e.webp", "f.JPEG"]
    root = make(*names, "notes.txt", "raw.CR2", "none", "x.jpg/y.png")
    images, left_out = found(root)
    assert images == sorted([*names, "x.jpg/y.png"])
    assert left_out == {
        "none": "no image by its ending (none)",
        "notes.txt": "no image by its ending (.txt)",
        "raw.CR2": "no image by its ending (.cr2)",
    }


def test_what_needs_a_library_is_told(make, monkeypatch):
    root = make("a.jpg", "b.HEIC", "c.heif")
    monkeypatch.setattr(pillow, "pillow_heif", None)
    images, left_out = found(root)
    assert images == ["a.jpg"]
    assert left_out == dict.fromkeys(["b.HEIC", "c.heif"], pillow.NEEDS_HEIF)
    (line,) = image_folder.by_reason(left_out)
    assert line == f"{pillow.NEEDS_HEIF}: 2: b.HEIC, c.heif"

    monkeypatch.setattr(pillow, "pillow_heif", object())
    assert found(root) == (["a.jpg", "b.HEIC", "c.heif"], {})


def test_what_is_no_file_is_told(make):
    root = make("a.jpg", ".b.jpg", ".thumbs/c.jpg", lost="nowhere", me="me")
    (root / "gone.jpg").symlink_to("nowhere.jpg")
    os.mkfifo(root / "pipe.jpg")  # reading it would never end
    images, left_out = found(root)
    assert images == ["a.jpg"]
    assert left_out == {
        ".b.jpg": HIDDEN,
        ".thumbs": HIDDEN,
        **dict.fromkeys(["gone.jpg", "lost", "me", "pipe.jpg"], NO_FILE),
    }


def test_no_folder_is_read_twice(make, tmp_path):
    (tmp_path / "elsewhere" / "far").mkdir(parents=True)
    (tmp_path / "elsewhere" / "far" / "e.jpg").touch()
    (tmp_path / "elsewhere" / "back").symlink_to(tmp_path / "photos")
    root = make(
        "b/c/d.jpg",
        "z.jpg",
        loop=".",
        a_link="b/c",  # comes before what it leads to
        up="..",
        top="/",
        out="../elsewhere",
        out_again="../elsewhere/far",
        image="z.jpg",
    )
    (root / "image").rename(root / "image.jpg")
    images, left_out = found(root)
    assert images == ["b/c/d.jpg", "image.jpg", "out/far/e.jpg", "z.jpg"]
    assert left_out == {
        **dict.fromkeys(["loop", "a_link", "out/back", "out_again"], AGAIN),
        **dict.fromkeys(["up", "top"], ABOVE),
    }


@pytest.mark.parametrize("seed", range(8))
def test_trees_with_random_links_are_read_once(seed, make, tmp_path):
    chance = random.Random(seed)
    folders = [make("first.jpg"), tmp_path / "beside"]
    for number in range(12):
        folders.append(chance.choice(folders) / f"folder{number}")
        folders[-1].mkdir(parents=True)
        (folders[-1] / f"{number}.jpg").touch()
    for number in range(14):
        target = chance.choice([*folders, tmp_path])
        link = chance.choice(folders[2:]) / f"link{number}"
        link.symlink_to(target, target_is_directory=True)
    images = find(folders[0])[0]
    real = [path.resolve() for path in images]
    assert len(set(real)) == len(real)
    # What lies there without any link is found by its own name.
    names = os.walk(folders[0])
    inside = {pathlib.Path(f) / n for f, _, all in names for n in all}
    assert inside <= set(images)


def test_one_image_is_taken_whatever_its_name(make):
    root = make("photo")
    assert find(root / "photo") == ([root / "photo"], {})


def test_images_lie_in_folders_of_classes(make):
    root = make(
        *("owl/1.jpg", "owl/2.PNG", "owl/notes.txt", "owl/more/3.jpg"),
        *("finch/1.jpg", "nobody/", "loose.jpg", "classes.csv"),
        owl_too="owl",
        all=".",
    )
    listing = scan(root)
    assert listing.classes == ["finch", "nobody", "owl"]
    assert listing.images == [
        ("finch", "finch/1.jpg"),
        ("owl", "owl/1.jpg"),
        ("owl", "owl/2.PNG"),
    ]
    assert listing.left_out == {
        "all": AGAIN,
        "classes.csv": "no image by its ending (.csv)",
        "loose.jpg": NO_CLASS,
        "owl/more/3.jpg": TOO_DEEP,
        "owl/notes.txt": "no image by its ending (.txt)",
        "owl_too": AGAIN,
    }


def test_folders_without_images_are_refused(make):
    root = make("notes.txt")
    for path in (root, root / "none"):
        with pytest.raises(InputError, match="There are no images in"):
            find(path)
    with pytest.raises(InputError, match="not a folder"):
        scan(root / "none")
    make("loose.png")
    with pytest.raises(
        InputError, match="no images in folders of classes"
    ) as e:
        scan(root)
    assert f"0 folders and {NO_CLASS}: 1: loose.png" in str(e.value)
    make("a/")
    (root / "a" / os.fsdecode(b"caf\xe9.png")).write_bytes(b"")
    for read in (find, scan):
        with pytest.raises(InputError, match="names in UTF-8"):
            read(root)


@pytest.mark.parametrize(
    ("name", "folder", "advised"),
    [
        ("a/b", "a_b", "'a_b'"),
        ("and/or/not", "and_or_not", "'and_or_not'"),
        ("a/b", "a", "'a_b'"),  # with b in it
        (".NET", "NET", "'NET'"),
        ("x" * 256, "x" * 255, repr("x" * 255)),
    ],
)
@pytest.mark.parametrize("kind", ["seen", "unseen"])
def test_a_class_that_no_folder_can_be_called_is_explained(
    name, folder, advised, kind, tmp_path
):
    lines = "class,seen,f\nowl,seen,7\nkite,seen,2\nwren,unseen,3\n"
    (tmp_path / "classes.csv").write_text(f"{lines}{name},{kind},5\n")
    for one in ("owl", "kite", folder):
        (tmp_path / one).mkdir()
        (tmp_path / one / "1.jpg").touch()
    arguments = ("none", "random", "stop", "att", True, None)
    with pytest.raises(InputError) as error:
        custom_images.features_folder(tmp_path, "x", "data", *arguments)
    assert "No folder of images can have" in str(error.value)
    assert advised in error.value.action


def test_a_class_of_files_that_are_left_out_says_why(tmp_path, monkeypatch):
    monkeypatch.setattr(pillow, "pillow_heif", None)
    lines = "class,seen,f\nowl,seen,7\nkite,seen,2\nrail,seen,4\nwren,no,3\n"
    (tmp_path / "classes.csv").write_text(lines)
    for file in ("owl/1.jpg", "Kite/2.heic", "Kite/3.heic"):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).touch()
    arguments = ("none", "random", "stop", "att", True, None)
    with pytest.raises(InputError, match="seen class kite has no") as error:
        custom_images.features_folder(tmp_path, "x", "data", *arguments)
    assert error.value.received == (
        "2 seen classes without any; left out there: "
        f"{pillow.NEEDS_HEIF}: 2: Kite/2.heic, Kite/3.heic"
    )
    for file in ("2.heic", "3.heic"):
        (tmp_path / "Kite" / file).unlink()
    with pytest.raises(InputError, match="seen class kite has no") as error:
        custom_images.features_folder(tmp_path, "x", "data", *arguments)
    assert error.value.received == "2 seen classes without any"
