"""Images of many files with their features: decoded in parallel, batched."""

import contextlib
import itertools
import os
import pathlib
from collections.abc import Iterator, Sequence
from concurrent import futures
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from gmn_tf.images import pillow
from gmn_tf.images.backbones import Backbone
from gmn_tf.images.orientation import UPRIGHT
from gmn_tf.utils.errors import first_line
from gmn_tf.utils.progress import progress

BATCHES_AHEAD = 2  # decoded while the network computes


class Image(NamedTuple):
    """An image file and its feature.

    Attributes:
        path: the file.
        feature: `[dx]`, or None.
        reason: why there is no feature; empty if there is one.
        turned: EXIF's number of the orientation that it was turned from; 0 if
            it was upright.
        transparent: whether some of it was.
    """

    path: pathlib.Path
    feature: np.ndarray | None
    reason: str = ""
    turned: int = 0
    transparent: bool = False


def batches(
    paths: Sequence[str | os.PathLike],
    backbone: Backbone,
    size: int,
    quiet: bool,
) -> Iterator[list[Image]]:
    """The images of some files, in their order, `size` at a time.

    A progress bar counts them, unless `quiet`.
    """
    network = compiled(backbone)
    read = reader(backbone)
    with contextlib.ExitStack() as stack:
        pool = futures.ThreadPoolExecutor(os.cpu_count())
        stack.callback(pool.shutdown, cancel_futures=True)
        advance = stack.enter_context(
            progress("Features", len(paths), quiet, "image")
        )
        submitted = (
            pool.submit(decode, pathlib.Path(path), backbone, read)
            for path in paths
        )
        waiting = list(itertools.islice(submitted, BATCHES_AHEAD * size))
        while waiting:
            batch = [future.result() for future in waiting[:size]]
            waiting = waiting[size:] + list(itertools.islice(submitted, size))
            pixels = [pixels for _, pixels in batch if pixels is not None]
            features = iter(network(tf.stack(pixels)).numpy() if pixels else ())
            advance(len(batch))
            yield [
                image
                if image.reason
                else image._replace(feature=next(features))
                for image, _ in batch
            ]


def compiled(backbone: Backbone):
    """Pixels `[n, size, size, 3]` -> features, as a graph made once."""
    side = backbone.description["image_size"]
    pixels = tf.TensorSpec([None, side, side, 3], tf.float32)
    return tf.function(backbone.features, input_signature=[pixels])


def decode(path: pathlib.Path, backbone: Backbone, read) -> tuple:
    """An image without its feature, and its pixels or None.

    Args:
        path: the file.
        backbone: for whose network it is resized.
        read: what `reader` returned.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        return Image(path, None, first_line(error)), None
    if not content:
        return Image(path, None, "an empty file"), None
    try:
        pixels, orientation, transparent = read(content)
    except tf.errors.OpError:
        try:
            pixels, orientation, transparent = pillow.decode(content)
        except ValueError as error:
            return Image(path, None, str(error)), None
        with tf.device("CPU:0"):
            pixels = backbone.resized(pixels)
    turned = int(orientation) if orientation != UPRIGHT else 0
    return Image(path, None, "", turned, bool(transparent)), pixels


def reader(backbone: Backbone):
    """Content of a file -> what `Backbone.image_and_remarks` gives."""

    @tf.function(input_signature=[tf.TensorSpec([], tf.string)])
    def read(content):
        with tf.device("CPU:0"):
            return backbone.image_and_remarks(content)

    return read
