"""Images of many files with their features: decoded in parallel, batched."""

import collections
import io
import itertools
import os
import pathlib
import re
from collections.abc import Iterator
from concurrent import futures
from typing import NamedTuple

import numpy as np
import PIL.ExifTags
import PIL.Image
import tensorflow as tf

from gmn_tf.images.backbones import Backbone

BATCHES_AHEAD = 2  # decoded, or being so, while the network computes
UPRIGHT = 1  # EXIF's number
# What TensorFlow puts around its messages.
_NODE = re.compile(r"\{\{.*?\}\}\s*|\s*\[Op:\w*\].*", re.DOTALL)


class Image(NamedTuple):
    """What became of an image file.

    Attributes:
        path: the file.
        feature: `[dx]`, or None.
        reason: why there is none.
        orientation: as EXIF numbers them.
    """

    path: pathlib.Path
    feature: np.ndarray | None
    reason: str = ""
    orientation: int = UPRIGHT


def batches(paths, backbone: Backbone, size: int) -> Iterator[list[Image]]:
    """The images of some files, in their order, `size` at a time."""
    shape = (None, backbone.image_size, backbone.image_size, 3)
    network = tf.function(
        backbone.features, input_signature=[tf.TensorSpec(shape, tf.float32)]
    )
    decoded = _decoded(paths, backbone, BATCHES_AHEAD * size)
    while batch := list(itertools.islice(decoded, size)):
        pixels = [pixels for _, pixels in batch if pixels is not None]
        features = iter(network(tf.stack(pixels)).numpy() if pixels else ())
        yield [
            image if image.reason else image._replace(feature=next(features))
            for image, _ in batch
        ]


def _decoded(paths, backbone: Backbone, ahead: int) -> Iterator[tuple]:
    """Images and their pixels, decoded in parallel and ahead of their use."""
    pool = futures.ThreadPoolExecutor(os.cpu_count())
    paths = iter(paths)

    def submit(path):
        return pool.submit(_decode, pathlib.Path(path), backbone)

    try:
        waiting = collections.deque(map(submit, itertools.islice(paths, ahead)))
        while waiting:
            decoded = waiting.popleft().result()
            waiting.extend(map(submit, itertools.islice(paths, 1)))
            yield decoded
    finally:
        pool.shutdown(cancel_futures=True)


def _decode(path: pathlib.Path, backbone: Backbone) -> tuple:
    try:
        content = path.read_bytes()
        if not content:
            return Image(path, None, "an empty file"), None
        with tf.device("CPU:0"):
            pixels = backbone.image(content)
    except OSError as error:
        return Image(path, None, error.strerror or str(error)), None
    except tf.errors.InvalidArgumentError as error:
        reason = _NODE.sub("", error.message).strip().splitlines()
        return Image(path, None, reason[0] if reason else "no image"), None
    orientation, trouble = _look(content)
    return Image(path, None, trouble, orientation), None if trouble else pixels


def _look(content: bytes) -> tuple[int, str]:
    """Orientation of an image, and what TensorFlow misreads, by its header."""
    try:
        with PIL.Image.open(io.BytesIO(content)) as image:
            exif = image.getexif()
            orientation = exif.get(PIL.ExifTags.Base.Orientation, UPRIGHT)
            if (image.format, image.mode) == ("BMP", "P"):
                return UPRIGHT, "a BMP with a palette; save it as PNG"
            return int(orientation), ""
    except Exception:
        return UPRIGHT, ""  # whatever Pillow says of what could be decoded
