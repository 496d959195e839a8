"""Features from folders of images."""

import collections
import os
import pathlib
import shutil
import time
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from gmn_tf.images import backbones, extraction_result
from gmn_tf.images.backbones import Backbone
from gmn_tf.images.extraction_parts import Content, Folder
from gmn_tf.images.extraction_summary import Summary, examples
from gmn_tf.images.image_batches import UPRIGHT, Image, batches
from gmn_tf.images.image_folder import list_images, scan
from gmn_tf.images.image_parts import Part, divide
from gmn_tf.utils import locks
from gmn_tf.utils.errors import InputError, check_choice
from gmn_tf.utils.progress import progress

__all__ = ["Summary", "features_of", "list_images", "run"]

BATCH_SIZE = 32
UNREADABLE = ("stop", "skip")


def features_of(
    paths: Iterable[str | os.PathLike],
    backbone: Backbone,
    on_batch: Callable[[int], object] = lambda images: None,
    batch_size: int = BATCH_SIZE,
) -> tuple[np.ndarray, list[tuple[str, str]]]:
    """Features of image files.

    Args:
        paths: the files.
        backbone: what makes the features.
        on_batch: called with the number of images of each batch done.
        batch_size: images that the network sees at once.

    Returns:
        `[n, dx]` features of those that can be read, in their order; path and
        reason of the others.
    """
    features = [np.empty((0, backbone.description["feature_dim"]), np.float32)]
    unreadable = []
    for batch in batches(paths, backbone, batch_size):
        features += [i.feature[None] for i in batch if not i.reason]
        unreadable += [(str(i.path), i.reason) for i in batch if i.reason]
        on_batch(len(batch))
    return np.concatenate(features), unreadable


def run(
    images: str | os.PathLike,
    out: str | os.PathLike,
    backbone: Backbone,
    unreadable: str = "stop",
    batch_size: int = BATCH_SIZE,
    quiet: bool = False,
) -> Summary:
    """Writes the features of a folder of images; goes on if interrupted.

    Args:
        images: a folder with one folder of images per class.
        out: the folder for what `extraction_result` lists.
        backbone: what makes the features.
        unreadable: `stop` at images that cannot be read, or `skip` them.
        batch_size: images that the network sees at once.
        quiet: whether to show no progress.

    Raises:
        InputError: if there are no images, some cannot be read and it is to
            stop there, or `out` is not for these features.
    """
    check_choice("unreadable", unreadable, UNREADABLE)
    images, out = pathlib.Path(images), pathlib.Path(out)
    _check_outside(images, out)
    listing, description = scan(images), backbone.description
    Folder(out).check_same_run(description)
    with locks.exclusive(out):
        folder = Folder(out)  # again, as nobody else can change it now
        folder.check_same_run(description)
        identity = backbones.identity(description)
        parts = divide(images, listing.images, identity)
        if unreadable == "stop":
            _check_readable(folder.unreadable(parts))
        if folder.is_complete(parts, description, listing):
            shutil.rmtree(folder.parts, ignore_errors=True)
            return Summary(images, out, folder.record, 0, 0.0)
        began = time.monotonic()
        folder.start(description)
        missing = [part for part in parts if folder.notes(part) is None]
        found = batches(_paths(images, missing), backbone, batch_size)
        count = sum(len(part.files) for part in missing)
        quiet = quiet or not count
        with progress("Features", count, quiet, "image") as advance:
            for batch in _keeping(found, missing, folder, images):
                advance(len(batch))
                if unreadable == "stop":
                    _check_readable(_reasons(batch, images))
        record = extraction_result.write(folder, parts, description, listing)
        seconds = time.monotonic() - began
        return Summary(images, out, record, count, seconds)


def _keeping(found, missing: list[Part], folder: Folder, root) -> Iterator:
    """Passes batches on, and keeps each part as soon as it is whole."""
    waiting, images = collections.deque(missing), []
    for batch in found:
        images += batch
        while waiting and len(images) >= len(waiting[0].files):
            part = waiting.popleft()
            size = len(part.files)
            folder.write(part, _content(images[:size], root))
            del images[:size]
        yield batch


def _content(images: list[Image], root: pathlib.Path) -> Content:
    turned = [image for image in images if image.orientation != UPRIGHT]
    return Content(
        np.array([i.feature for i in images if not i.reason], np.float32),
        _reasons(images, root),
        {_name(image, root): image.orientation for image in turned},
    )


def _reasons(images: list[Image], root: pathlib.Path) -> dict[str, str]:
    return {_name(i, root): i.reason for i in images if i.reason}


def _name(image: Image, root: pathlib.Path) -> str:
    return image.path.relative_to(root).as_posix()


def _paths(root: pathlib.Path, parts: list[Part]) -> Iterator[pathlib.Path]:
    return (root / file for part in parts for file in part.files)


def _check_outside(images: pathlib.Path, out: pathlib.Path) -> None:
    """Raises InputError if features would lie among the images' classes."""
    if out.is_file():
        raise InputError(
            "The features need a folder.",
            "--out, a folder that is there or can be made",
            f"{out}, a file",
            "choose another --out",
        )
    if out.resolve().is_relative_to(images.resolve()):
        raise InputError(
            "The features would lie among the images.",
            f"--out beside {images}, not in it",
            str(out),
            "choose another --out",
        )


def _check_readable(reasons: dict[str, str]) -> None:
    if reasons:
        raise InputError(
            f"Some images cannot be read: {len(reasons)} so far.",
            "whole JPEG, PNG, GIF, BMP or WebP files",
            examples(f"{file} ({reason})" for file, reason in reasons.items()),
            "mend or remove them and give the same command, which goes on; or "
            "leave them out, with --unreadable=skip",
        )
