"""The weights of a backbone: from a file, drawn, and their checksum."""

import hashlib
import math
import pathlib
import warnings

import keras
import numpy as np

from gmn_tf.images.backbone_table import BACKBONES, IMAGENET
from gmn_tf.utils.errors import InputError

EFFICIENT_NET_STD = (0.229, 0.224, 0.225)  # of ImageNet's red, green, blue


def checksum(model: keras.Model) -> str:
    """SHA-256 of a network's weights: their order, names, shapes, values.

    It does not depend on the file they were in. Layers are left nameless,
    because Keras numbers those without a name anew for each model it builds.
    """
    digest = hashlib.sha256()
    for number, weight in enumerate(model.weights):
        values = np.ascontiguousarray(weight)
        text = f"{number} {weight.name} {values.shape} {values.dtype}\n"
        digest.update(text.encode())
        digest.update(values.tobytes())
    return digest.hexdigest()


def build(name: str, size: int, imagenet: bool) -> keras.Model:
    """The network without its top, its output pooled.

    Args:
        name: a key of `BACKBONES`.
        size: rows and columns of the images.
        imagenet: whether Keras downloads its weights, or they come later.

    Raises:
        InputError: if they cannot be downloaded, or the size is impossible.
    """
    function = getattr(keras.applications, BACKBONES[name].function)
    try:
        return function(
            include_top=False,
            weights=IMAGENET if imagenet else None,
            input_shape=(size, size, 3),
            pooling="avg",
        )
    except Exception as error:
        if not imagenet:
            raise InputError(
                f"Keras cannot build {name} for images of {size} x {size}.",
                f"a size that it takes, as {BACKBONES[name].image_size}",
                _first_line(error),
                "extract the features again",
            ) from error
        # A download fails in many ways.
        raise InputError(
            f"Keras could not get the ImageNet weights of {name}.",
            "a connection to where keras.applications keeps them, once",
            _first_line(error),
            "try again, or give a file with --weights=FILE",
        ) from error


def load_file(model: keras.Model, path: pathlib.Path, name: str) -> None:
    """Takes the weights of a file; InputError if they are not for `name`."""
    _forget(model)
    try:
        # Keras warns of each layer it does not find, and goes on.
        with warnings.catch_warnings(action="ignore"):
            # Of a .keras file this reads the weights, and no code it brings.
            model.load_weights(path)
        _check_no_gaps(model)
    except Exception as error:
        # A damaged file makes Keras raise almost anything.
        raise InputError(
            f"{path} has no weights for --backbone={name}.",
            f"weights of keras.applications.{BACKBONES[name].function}, "
            "include_top=False",
            _first_line(error),
            "check --weights and --backbone",
        ) from error


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _forget(model: keras.Model) -> None:
    """Makes all weights NaN, to see which of them a file brings."""
    for weight in _real(model):
        weight.assign(np.full(weight.shape, np.nan))


def _check_no_gaps(model: keras.Model) -> None:
    gaps = [w.path for w in _real(model) if np.isnan(w.numpy()).any()]
    if gaps:
        raise ValueError(
            f"{len(gaps)} arrays are missing or NaN, {gaps[0]} among them"
        )


def _real(model: keras.Model) -> list:
    return [w for w in model.weights if w.dtype.startswith("float")]


def draw(model: keras.Model) -> None:
    """Gives every matrix new values that keep the scale of what goes in."""
    random = np.random.default_rng(0)
    for weight in model.weights:
        shape = weight.shape
        if len(shape) < 2:
            continue
        # Of depthwise kernels, [rows, columns, channels, 1], each channel
        # sees only itself.
        inputs = math.prod(shape[:-2]) * (shape[-2] if shape[-1] > 1 else 1)
        scale = math.sqrt(2.0 / inputs)
        weight.assign(random.normal(0.0, scale, shape).astype("float32"))


def normalise_as_imagenet(model: keras.Model) -> None:
    """Turns what Keras builds elsewhere into what it builds for ImageNet.

    With weights="imagenet" it divides by the root of the standard deviation
    once more, in a layer that it leaves out otherwise; the same weights from
    a file would give other features.
    """
    layer = next(
        layer
        for layer in model.layers
        if isinstance(layer, keras.layers.Normalization)
    )
    layer.adapt_variance.assign(layer.adapt_variance * EFFICIENT_NET_STD)
    layer.finalize_state()
