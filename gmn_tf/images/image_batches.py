"""Images of many files with their features: decoded in parallel, batched."""

import contextlib
import io
import itertools
import os
import pathlib
import re
from collections.abc import Iterator, Sequence
from concurrent import futures
from typing import NamedTuple

import numpy as np
import PIL.ExifTags
import PIL.Image
import tensorflow as tf

from gmn_tf.images.backbones import Backbone
from gmn_tf.utils.errors import first_line
from gmn_tf.utils.progress import progress

BATCHES_AHEAD = 2  # decoded while the network computes
UPRIGHT = 1  # EXIF's number of this orientation
# What TensorFlow puts around its messages.
_NODE = re.compile(r"\{\{.*?\}\}\s*|\s*\[Op:\w*\].*", re.DOTALL)


class Image(NamedTuple):
    """An image file and its feature.

    Attributes:
        path: the file.
        feature: `[dx]`, or None.
        reason: why there is no feature; empty if there is one.
        turned: EXIF's number of its orientation; 0 if it is upright.
    """

    path: pathlib.Path
    feature: np.ndarray | None
    reason: str = ""
    turned: int = 0


def batches(
    paths: Sequence[str | os.PathLike],
    backbone: Backbone,
    size: int,
    quiet: bool,
) -> Iterator[list[Image]]:
    """The images of some files, in their order, `size` at a time.

    A progress bar counts them, unless `quiet`.
    """
    side = backbone.description["image_size"]
    pixels = tf.TensorSpec([None, side, side, 3], tf.float32)
    network = tf.function(backbone.features, input_signature=[pixels])
    with contextlib.ExitStack() as stack:
        pool = futures.ThreadPoolExecutor(os.cpu_count())
        stack.callback(pool.shutdown, cancel_futures=True)
        advance = stack.enter_context(
            progress("Features", len(paths), quiet, "image")
        )
        submitted = (
            pool.submit(_decode, pathlib.Path(path), backbone) for path in paths
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


def _decode(path: pathlib.Path, backbone: Backbone) -> tuple:
    try:
        content = path.read_bytes()
        if not content:
            return Image(path, None, "an empty file"), None
        with tf.device("CPU:0"):
            pixels = backbone.image(content)
    except OSError as error:
        return Image(path, None, first_line(error)), None
    except tf.errors.InvalidArgumentError as error:
        reason = ValueError(_NODE.sub("", error.message).strip() or "no image")
        return Image(path, None, first_line(reason)), None
    try:
        with PIL.Image.open(io.BytesIO(content)) as image:
            turned = image.getexif().get(PIL.ExifTags.Base.Orientation, UPRIGHT)
            misread = (image.format, image.mode) == ("BMP", "P")
    except Exception:  # Pillow may fail where TensorFlow does not
        return Image(path, None), pixels
    if misread:  # by TensorFlow
        return Image(path, None, "a BMP with a palette; save it as PNG"), None
    is_turned = isinstance(turned, int) and turned != UPRIGHT
    return Image(path, None, turned=turned if is_turned else 0), pixels
