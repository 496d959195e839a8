"""Images in one folder per class, FOLDER/CLASS/IMAGE, or in any folders.

Every file is accounted for: it is an image, or left out for a reason.
"""

import collections
import os
import pathlib
from typing import NamedTuple

from gmn_tf.images import pillow
from gmn_tf.utils.errors import InputError, counted, first_line, listed
from gmn_tf_datasets.zero_shot.custom.features import IMAGES

HIDDEN = "hidden, because the name begins with a dot"
NO_IMAGE = "no image by its ending"
NO_FILE = "a link that leads nowhere, or no file"
AGAIN = "a folder that was read already"
ABOVE = "a link to a folder that contains all of these"
NO_CLASS = "in no folder of a class"
TOO_DEEP = "in a folder inside the folder of a class"


class Listing(NamedTuple):
    """The contents of a folder of images.

    Attributes:
        images: class name, and path in the folder, of each image, sorted.
        classes: names of the class folders, sorted; some may be empty.
        left_out: reasons of all other files, by path in the folder.
    """

    images: list[tuple[str, str]]
    classes: list[str]
    left_out: dict[str, str]


def scan(folder: str | os.PathLike) -> Listing:
    """Lists a folder of images in folders of classes.

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
    folders, files, left_out = _walk(folder)
    images = []
    for path in files:
        name = path.relative_to(folder)
        if len(name.parts) == 2:
            images.append((name.parent.name, name.as_posix()))
        else:
            deep = len(name.parts) > 2
            left_out[path] = TOO_DEEP if deep else NO_CLASS
    classes = sorted(p.name for p in folders if p.parent == folder)
    others = {
        path.relative_to(folder).as_posix(): reason
        for path, reason in sorted(left_out.items())
    }
    if not images:
        raise InputError(
            f"{folder} has no images in folders of classes.",
            "FOLDER/CLASS/IMAGE, with images " + ", ".join(IMAGES),
            f"{counted(len(classes), 'folder')} and "
            + ("; ".join(by_reason(others)) or "no file"),
            "Put the images of each class into a folder with its name.",
        )
    return Listing(sorted(images), classes, others)


def find(
    path: str | os.PathLike,
) -> tuple[list[pathlib.Path], dict[str, str]]:
    """An image, or all images in a folder and the folders in it, sorted.

    Returns:
        The images; reasons of all other files, by path.

    Raises:
        InputError: if there is no image.
    """
    path = pathlib.Path(path)
    if path.is_file():
        return [path], {}
    _, found, left_out = _walk(path) if path.is_dir() else ((), [], {})
    others = {str(file): reason for file, reason in sorted(left_out.items())}
    if not found:
        raise InputError(
            f"There are no images in {path}.",
            "an image, or a folder with images: " + ", ".join(IMAGES),
            ("; ".join(by_reason(others)) or "an empty folder")
            if path.is_dir()
            else "no such file or folder",
            "Check the path of --images.",
        )
    return sorted(found), others


def by_reason(left_out: dict[str, str]) -> list[str]:
    """How many files were left out for each reason, and the first of them."""
    files = collections.defaultdict(list)
    for file, reason in left_out.items():
        files[reason].append(file)
    return [
        f"{reason}: {len(those)}: {listed(those, 3)}"
        for reason, those in files.items()
    ]


def _walk(root: pathlib.Path) -> tuple[list, list, dict]:
    """All folders and images below a folder; reasons of all other files.

    Links are followed, but no folder is read twice: what was found without
    links keeps its name. A link to a folder above would lead back here, by way
    of everything else that lies there.
    """
    known = {_identity(parent): ABOVE for parent in root.resolve().parents}
    known[_identity(root)] = AGAIN
    folders, images, left_out = [], [], {}
    waiting, links = [root], collections.deque()
    while waiting or links:
        folder = waiting.pop() if waiting else links.popleft()
        try:
            if folder != root:
                if _identity(folder) in known:
                    left_out[folder] = known[_identity(folder)]
                    continue
                known[_identity(folder)] = AGAIN
                folders.append(folder)
            inside = sorted(folder.iterdir(), key=lambda path: path.name)
        except OSError as error:
            left_out[folder] = first_line(error)
            continue
        for path in inside:
            _check_name(path)
            if path.name.startswith("."):
                left_out[path] = HIDDEN
            elif os.path.isdir(path):
                (links if path.is_symlink() else waiting).append(path)
            elif reason := _no_image(path):
                left_out[path] = reason
            else:
                images.append(path)
    return folders, images, left_out


def _identity(folder: pathlib.Path) -> tuple[int, int]:
    """Equal for the same folder, whatever links lead there."""
    stat = folder.stat()
    return stat.st_dev, stat.st_ino


def _no_image(path: pathlib.Path) -> str:
    """Why a file is left out; empty for an image."""
    if not os.path.isfile(path):
        return NO_FILE
    ending = path.suffix.lower()
    if ending not in IMAGES:
        return f"{NO_IMAGE} ({ending or 'none'})"
    return pillow.needed(ending)


def _check_name(path: pathlib.Path) -> None:
    try:
        path.name.encode()
    except UnicodeEncodeError as error:
        raise InputError(
            f"Cannot read a name in {path.parent}.",
            "names in UTF-8",
            ascii(path.name),
            "Rename the file or folder.",
        ) from error
