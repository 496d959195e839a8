"""Images that tests draw, and a small network that sees them."""

import pathlib

import keras
import numpy as np
import PIL.Image

from gmn_tf.images.backbones import Backbone

COUNTS = {"finch": 7, "heron": 4, "owl": 3}
SIZES = ((40, 33), (50, 36), (32, 32))  # columns, rows
SIDE = 32  # of what the network sees
DIM = 256  # of its features


def draw(number: int) -> PIL.Image.Image:
    """An image of noise, of one of a few sizes."""
    columns, rows = SIZES[number % len(SIZES)]
    noise = np.random.default_rng(number).integers(0, 256, (rows, columns, 3))
    return PIL.Image.fromarray(noise.astype(np.uint8))


def write(folder: pathlib.Path, counts=None) -> pathlib.Path:
    """Writes as many images of each class as asked for; gives the folder."""
    number = 0
    for name, count in (counts or COUNTS).items():
        (folder / name).mkdir(parents=True)
        for image in range(count):
            suffix = ("png", "jpg")[image % 2]
            draw(number).save(folder / name / f"{image}.{suffix}")
            number += 1
    return folder


def mobilenet(include_top, weights, input_shape, pooling) -> keras.Model:
    """Stands for that of `keras.applications`: as many features, two layers."""
    assert (include_top, weights, pooling) == (False, None, "avg")
    return keras.Sequential(
        [
            keras.Input(input_shape),
            keras.layers.Conv2D(1024, 7, strides=29, activation="relu"),
            keras.layers.GlobalAveragePooling2D(),
        ]
    )


def backbone() -> Backbone:
    """A network that is built and run in a moment."""
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            keras.Input([SIDE, SIDE, 3]),
            keras.layers.Conv2D(DIM, 5, strides=3, activation="relu"),
            keras.layers.GlobalAveragePooling2D(),
        ]
    )
    description = {
        "name": "mobilenet",  # whose preprocessing it uses
        "weights": "random",
        "weights_sha256": "1" * 64,
        "image_size": SIDE,
        "preprocessing": "keras.applications.mobilenet.preprocess_input",
        "exif_orientation": "applied",
        "transparency": "on white",
        "feature_dim": DIM,
    }
    return Backbone(model, description)
