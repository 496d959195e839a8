"""Images that tests draw, in one folder per class."""

import pathlib

import numpy as np
import PIL.Image

COUNTS = {"finch": 7, "heron": 4, "owl": 3}
SIZES = ((40, 33), (50, 36), (32, 32))  # columns, rows
SIDE = 32  # of what the network sees


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
