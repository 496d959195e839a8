"""Images drawn by tests, and how images can be spoilt."""

import pathlib

import numpy as np
import PIL.Image

COUNTS = {"finch": 7, "heron": 4, "owl": 3}
SIZES = ((40, 33), (50, 36), (32, 32))


def draw(folder: pathlib.Path, number: int = 0) -> PIL.Image.Image:
    """An image of noise, of one of a few sizes."""
    random = np.random.default_rng(number)
    columns, rows = SIZES[number % len(SIZES)]
    noise = random.integers(0, 256, (rows, columns, 3), np.uint8)
    return PIL.Image.fromarray(noise)
