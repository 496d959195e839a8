"""Images in one folder per class: FOLDER/CLASS/IMAGE."""

import os
import pathlib
from collections.abc import Iterator
from typing import NamedTuple

from gmn_tf.utils.errors import InputError, listed
from gmn_tf_datasets.zero_shot.custom.features import IMAGES


class Listing(NamedTuple):
    """The contents of a folder of images.

    Attributes:
        images: class name, and path in the folder, of each image, sorted.
        classes: names of the class folders, sorted; some may be empty.
        others: other files in the class folders, and images beside them.
    """

    images: list[tuple[str, str]]
    classes: list[str]
    others: list[str]


def scan(folder: str | os.PathLike) -> Listing:
    """Lists a folder of images; hidden files are left out.

    Raises:
        InputError: if there are no images in folders of classes, or names
            that are not UTF-8, which no CSV file could hold.
    """
    folder = pathlib.Path(folder)
    if not folder.is_dir():
        raise InputError(
            "There are no images.",
            "--images, a folder with one folder of images per class",
            f"{str(folder)!r}, which is not a folder",
            "Check the path of --images.",
        )
    top = _visible(folder)
    classes = [path for path in top if path.is_dir()]
    images, others = [], [p.name for p in top if _is_image(p)]
    for path in (file for name in classes for file in _visible(name)):
        name = f"{path.parent.name}/{path.name}"
        if _is_image(path):
            images.append((path.parent.name, name))
        else:
            others.append(name)
    if not images:
        raise InputError(
            f"{folder} has no images in folders of classes.",
            "FOLDER/CLASS/IMAGE, with images " + ", ".join(IMAGES),
            f"{len(classes)} folders and {len(others)} other files: "
            + listed(others),
            "Put the images of each class into a folder with its name.",
        )
    return Listing(images, [path.name for path in classes], others)


def _visible(folder: pathlib.Path) -> list[pathlib.Path]:
    paths = [p for p in folder.iterdir() if not p.name.startswith(".")]
    for path in paths:
        try:
            path.name.encode()
        except UnicodeEncodeError as error:
            raise InputError(
                f"Cannot read a name in {folder}.",
                "names in UTF-8",
                ascii(path.name),
                "Rename the file or folder.",
            ) from error
    return sorted(paths, key=lambda path: path.name)


def _is_image(path: pathlib.Path) -> bool:
    return path.suffix.lower() in IMAGES and path.is_file()


def find(path: str | os.PathLike) -> list[pathlib.Path]:
    """An image, or all images in a folder and the folders in it, sorted.

    Raises:
        InputError: if there is none.
    """
    path = pathlib.Path(path)
    if path.is_file():
        return [path]
    found = sorted(_images_below(path)) if path.is_dir() else []
    if not found:
        raise InputError(
            f"There are no images in {path}.",
            "an image, or a folder with images: " + ", ".join(IMAGES),
            "no image" if path.is_dir() else "no such file or folder",
            "Check the path of --images.",
        )
    return found


def _images_below(folder: pathlib.Path) -> Iterator[pathlib.Path]:
    for path in _visible(folder):
        if path.is_dir():
            yield from _images_below(path)
        elif _is_image(path):
            yield path
