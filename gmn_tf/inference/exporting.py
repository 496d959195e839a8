"""A run as a model for other runtimes, checked in each before it is there."""

import pathlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from gmn_tf.data.feature_scaling import FeatureScaling
from gmn_tf.inference import format_table, formats
from gmn_tf.inference.prediction import Predictor
from gmn_tf.inference.serving import FEATURES, IMAGES, ServingModel
from gmn_tf.utils import files
from gmn_tf.utils.errors import InputError

# Of a probability; float32 in another order gives about 1e-6.
ALLOWED = 1e-3
SIZES = (1e-2, 1e-1, 1.0, 1.0, 1.0, 10.0)  # of made features, against usual


class Checked(NamedTuple):
    """A written model, and how far its answers are from bin/predict's.

    Attributes:
        name: of its file.
        runtime: what it was called in.
        signature: `features` or `images`.
        size: in bytes.
        difference: the largest one of a probability.
    """

    name: str
    runtime: str
    signature: str
    size: int
    difference: float


def export(
    predictor: Predictor,
    out: pathlib.Path,
    card: Callable[[Sequence[Checked]], str],
    backbone=None,
    top_k: int = 5,
    format_names: Sequence[str] = (format_table.SAVED_MODEL,),
) -> tuple[pathlib.Path, list[Checked]]:
    """Writes the next version of an exported model, whole or not at all.

    Args:
        predictor: see `ServingModel`.
        out: folder of all versions, each in one with its number as its name,
            as TensorFlow Serving wants them.
        card: makes the text of the model card, MODEL_CARD.md beside the
            model, from what was written.
        backbone: see `ServingModel`.
        top_k: see `ServingModel`.
        format_names: keys of `format_table.MODULES`.

    Returns:
        The folder of the new version, and what is in it.

    Raises:
        InputError: if the folder cannot be written, a format is not possible,
            or a written model answers otherwise than the predictor.
    """
    format_table.check(format_names)
    files.check_writable(out, "--out")
    model = ServingModel(predictor, backbone, top_k)
    expected = _expected(predictor, backbone)
    with files.reporting_write_errors(out, tf.errors.OpError, flag="--out"):
        there = out.iterdir() if out.exists() else ()
        numbers = [int(p.name) for p in there if p.name.isdecimal()]
        version = out / str(max(numbers, default=0) + 1)
        with files.replacing(version) as folder:
            folder.mkdir()
            written = [
                _checked(file, made.runtime, expected)
                for name, made in formats.FORMATS.items()
                if name in format_names
                for file in made.write(model, folder)
            ]
            check_differences(written)
            for name, text in {
                "MODEL_CARD.md": card(written),
                "classes.txt": "\n".join(predictor.classes.names) + "\n",
            }.items():
                (folder / name).write_text(text, encoding="utf-8")
    return version, written


def _checked(file: formats.File, runtime: str, expected: dict) -> Checked:
    size = sum(path.stat().st_size for path in file.paths)
    difference = largest_difference(file.answer, *expected[file.signature])
    return Checked(file.name, runtime, file.signature, size, difference)


def largest_difference(answer, inputs, expected) -> float:
    """The largest difference of a probability, in batches of three sizes.

    Args:
        answer: see `formats.File`.
        inputs: `[n, ...]`.
        expected: probabilities of all classes `[n, C]`.
    """
    differences = []
    for size in (len(inputs), 1, 2):
        labels, found = answer(inputs[:size])
        wanted = expected[:size]
        differences.append(np.take_along_axis(wanted, labels, 1) - found)
        if found.shape[1] < wanted.shape[1]:  # the likeliest
            likeliest = -np.sort(-wanted, axis=1)[:, : found.shape[1]]
            differences.append(likeliest - found)
    return max(float(np.abs(one).max()) for one in differences)


def check_differences(written: Sequence[Checked]) -> None:
    """Raises InputError for a model that answers otherwise than the run."""
    for one in written:
        if not one.difference <= ALLOWED:  # nor NaN
            raise InputError(
                f"The written {one.name} answers otherwise than the run.",
                f"probabilities that differ by at most {ALLOWED:g}",
                f"a difference of {one.difference:.2g} in {one.runtime}, "
                f"signature {one.signature}",
                "Choose another --format, or install the versions that gmn_tf "
                "was tested with: pip install -U 'gmn_tf[formats]'.",
            )


def _expected(predictor: Predictor, backbone) -> dict:
    """Inputs for each signature, and the run's own probabilities of them."""
    classes = predictor.classes
    rows = made_features(classes.feature_scaling, classes.feature_dim)
    if backbone is None:
        return {FEATURES: (rows, predictor.probabilities(rows))}
    images = made_images(backbone.description["image_size"])
    features = backbone.features(images).numpy()
    rows = np.concatenate([features, rows])
    expected = predictor.probabilities(rows)
    return {
        FEATURES: (rows, expected),
        IMAGES: (images, expected[: len(images)]),
    }


def made_features(scaling: FeatureScaling, dim: int) -> np.ndarray:
    """Features `[n, dx]` in the range of the training's, if it is known."""
    rng = np.random.default_rng(0)
    rows = np.outer(SIZES, np.ones(dim)) * rng.normal(size=(len(SIZES), dim))
    if scaling.factor:
        factor = np.asarray(scaling.factor)
        rows = rows / np.where(factor == 0.0, 1.0, factor) + scaling.offset
    return rows.astype(np.float32)


def made_images(size: int) -> np.ndarray:
    """Images `[3, size, size, 3]`: noise, a slope of colours, and black."""
    noise = np.random.default_rng(0).integers(0, 256, (size, size, 3))
    place = np.linspace(0, 255, size).round()
    slope = np.stack(
        np.broadcast_arrays(place, place[:, None], 255 - place), axis=-1
    )
    return np.stack([noise, slope, np.zeros_like(slope)]).astype(np.float32)
