"""Parts of a folder of images, with keys that change when their files do."""

import hashlib
import itertools
import json
import os
import pathlib
from typing import NamedTuple

IMAGES_IN_A_PART = 128


class Part(NamedTuple):
    """Some images of one class, computed and kept together.

    Attributes:
        key: digest of the backbone, and of the files' names, sizes and times.
        class_name: of all of them.
        files: their paths in the folder of images.
    """

    key: str
    class_name: str
    files: list[str]


def divide(root: pathlib.Path, images, backbone: dict) -> list[Part]:
    """The parts of images that are sorted by class.

    Args:
        root: the folder of images.
        images: class and path in the folder of each.
        backbone: what makes their features.
    """
    parts = []
    for class_name, group in itertools.groupby(images, lambda image: image[0]):
        files = [file for _, file in group]
        for start in range(0, len(files), IMAGES_IN_A_PART):
            chunk = files[start : start + IMAGES_IN_A_PART]
            states = [_state(root / file) for file in chunk]
            text = json.dumps([backbone, list(zip(chunk, states))])
            key = hashlib.sha256(text.encode()).hexdigest()[:32]
            parts.append(Part(key, class_name, chunk))
    return parts


def _state(path: pathlib.Path) -> tuple[int, int, int, bool]:
    """What changes when a file does, though it be copied with its times."""
    stat = path.stat()
    return (
        stat.st_size,
        stat.st_mtime_ns,
        stat.st_ctime_ns,
        os.access(path, os.R_OK),
    )
