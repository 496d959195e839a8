"""Features from images: pooled networks of keras.applications and KerasHub.

Extraction, prediction and serving all use `Backbone.image` and
`Backbone.features`, so that an image has the same feature everywhere.
"""

import dataclasses
import hashlib
import itertools
import math
import pathlib
import re
import warnings

import keras
import numpy as np
import tensorflow as tf

from gmn_tf.images import (
    backbone_records,
    backbone_table,
    decoding,
    hub_backbones,
    orientation,
)
from gmn_tf.images.backbone_table import BACKBONES, IMAGENET, RANDOM
from gmn_tf.utils import hub_presets
from gmn_tf.utils.errors import InputError, check_same, first_line

_UNNAMED = re.compile(r"variable(_\d+)?")  # as Keras calls such a weight
EFFICIENT_NET_STD = (0.229, 0.224, 0.225)  # of ImageNet's red, green, blue


@dataclasses.dataclass(frozen=True)
class Backbone:
    """A network that turns an image into a feature.

    Attributes:
        model: the network, `[n, size, size, 3]` preprocessed images ->
            `[n, dx]` features.
        description: what it is, for JSON: `name`, `weights` (the name of
            their file; then `weights_path` is where it was), `weights_sha256`,
            `image_size`, `preprocessing`, `exif_orientation`, `transparency`,
            `feature_dim`; of a preset of KerasHub, `model_sha256` of all its
            towers.
        tower: of a preset, which prepares images in its own way.
    """

    model: keras.Model
    description: dict
    tower: hub_backbones.Tower | None = None

    def image(self, content: tf.Tensor | bytes) -> tf.Tensor:
        """Decodes an image, resizes it for the network and turns it upright.

        The aspect ratio is not kept, unless a preset does so.

        Args:
            content: see `decoding.decode`.

        Returns:
            `[size, size, 3]` red, green and blue, 0..255.

        Raises:
            tf.errors.InvalidArgumentError: see `decoding.decode`.
        """
        return self.image_and_remarks(content)[0]

    def image_and_remarks(self, content: tf.Tensor | bytes) -> tuple:
        """The same, EXIF's number of the orientation before, and transparency.

        That is, whether some pixels were transparent.
        """
        pixels, transparent = decoding.decode(content)
        number = orientation.exif_orientation(content)
        upright = orientation.turned(self.resized(pixels), number)
        return upright, number, transparent

    def resized(self, pixels: tf.Tensor | np.ndarray) -> tf.Tensor:
        """`[rows, columns, 3]` -> float32 `[size, size, 3]`, for `features`."""
        if self.tower is not None:
            return self.tower.resized(pixels)
        size = [self.description["image_size"]] * 2
        return tf.image.resize(pixels, size, "bilinear", antialias=True)

    def features(self, images: tf.Tensor) -> tf.Tensor:
        """The features of images.

        Args:
            images: `[n, size, size, 3]` red, green and blue, 0..255.

        Returns:
            `[n, dx]` features.
        """
        images = tf.convert_to_tensor(images, tf.float32)
        if self.tower is not None:
            return self.model(self.tower.scaled(images), training=False)
        module = BACKBONES[self.description["name"]].module
        preprocess = getattr(keras.applications, module).preprocess_input
        return self.model(preprocess(images), training=False)


def load(name: str, weights: str, image_size: int | None = None) -> Backbone:
    """The backbone of that name, ready to use.

    Args:
        name: a key of `BACKBONES`, or a preset of KerasHub, `hub:NAME` or its
            folder.
        weights: `imagenet` (downloaded by Keras, once), `random` (the same
            each time; for tests, as they recognise no class), or a file of
            weights for this network without its top. A preset has its own;
            any other value is the folder where it is now.
        image_size: rows and columns of the images; default: as in training.

    Raises:
        InputError: if there is no such backbone, or its weights cannot be
            downloaded or read.
    """
    backbone_table.check(name, weights)
    if name not in BACKBONES:
        return _load_preset(name, weights)
    kind = BACKBONES[name]
    size = image_size or kind.image_size
    model = _build(name, size, weights)
    description = {"name": name, "weights": weights}
    if weights == RANDOM:
        _draw(model)
    elif weights != IMAGENET:
        path = pathlib.Path(weights).expanduser().absolute()
        _load_file(model, path, name)
        description.update(weights=path.name, weights_path=str(path))
    model.trainable = False
    description.update(
        weights_sha256=checksum(model),
        image_size=size,
        preprocessing=f"keras.applications.{kind.module}.preprocess_input",
        feature_dim=int(model.output_shape[-1]),
        **backbone_records.READ,
    )
    if weights != IMAGENET and kind.module == "efficientnet":
        _normalise_as_imagenet(model)
    return Backbone(model, description)


def _load_preset(name: str, weights: str) -> Backbone:
    """The image tower of a preset of KerasHub."""
    source = name if weights == IMAGENET else weights
    tower = hub_backbones.load(source)
    tower.model.trainable = False
    folder = hub_presets.folder_of(source)
    description = {
        "name": hub_presets.name_of(name),
        "weights": hub_presets.name_of(source),
        **({"weights_path": str(folder)} if folder else {}),
        "weights_sha256": checksum(tower.model),
        "model_sha256": checksum(tower.whole),
        "image_size": tower.image_size,
        "preprocessing": tower.preprocessing,
        "feature_dim": int(tower.model.output_shape[-1]),
        **backbone_records.READ,
    }
    return Backbone(tower.model, description, tower)


def from_description(description: dict, weights: str | None = None) -> Backbone:
    """The backbone that some features came from.

    Args:
        description: its `Backbone.description`.
        weights: where its weights are now; default: where they were.

    Raises:
        InputError: if the weights are missing, or other ones.
    """
    try:
        name, there = str(description["name"]), str(description["weights"])
        size = int(description["image_size"])
        there = weights or str(description.get("weights_path", there))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            "This does not describe a backbone.",
            'the entry "backbone" that bin/extract_features wrote',
            f"{type(error).__name__}: {error}",
            "Extract the features again.",
        ) from error
    backbone = load(name, there, size)
    check_same(
        f"{there} has other weights of {name} than those that made the "
        "features.",
        backbone_records.network(description),
        backbone_records.network(backbone.description),
        f"Give the weights {description['weights']} that made the features, "
        "with --weights=FILE.",
    )
    backbone_records.check_read_alike(description, backbone.description)
    return backbone


def _build(name: str, size: int, weights: str) -> keras.Model:
    """The network without its top, its output pooled; its weights may follow.

    Raises:
        InputError: if they cannot be downloaded, or the size is impossible.
    """
    kind = BACKBONES[name]
    try:
        return getattr(keras.applications, kind.function)(
            include_top=False,
            weights=IMAGENET if weights == IMAGENET else None,
            input_shape=(size, size, 3),
            pooling="avg",
        )
    except Exception as error:  # a download fails in many ways
        if weights == IMAGENET:
            raise InputError(
                f"Keras cannot download the ImageNet weights of {name}.",
                "a connection to where keras.applications keeps them",
                first_line(error),
                "Try again, or give a file with --weights=FILE.",
            ) from error
        raise InputError(
            f"Keras cannot build {name} for images of {size} x {size}.",
            f"a size that it takes, such as {kind.image_size}",
            first_line(error),
            "Extract the features again.",
        ) from error


def _load_file(model: keras.Model, path: pathlib.Path, name: str) -> None:
    """Loads weights; raises InputError if they are not for `name`."""
    floats = [w for w in model.weights if w.dtype.startswith("float")]
    for weight in floats:  # what stays NaN is missing in the file
        weight.assign(np.full(weight.shape, np.nan))
    problem = ""
    try:
        # Keras warns of each layer it does not find, and continues.
        with warnings.catch_warnings(action="ignore"):
            # Of a .keras file this reads the weights, and runs no code in it.
            model.load_weights(path)
    except Exception as error:  # a damaged file makes Keras raise anything
        problem = first_line(error)
    gaps = [w.path for w in floats if np.isnan(w.numpy()).any()]
    if problem or gaps:
        raise InputError(
            f"{path} has no weights for --backbone={name}.",
            f"weights of keras.applications.{BACKBONES[name].function}, "
            "include_top=False",
            problem or f"{len(gaps)} arrays missing or NaN, such as {gaps[0]}",
            "Check --weights and --backbone.",
        )


def _draw(model: keras.Model) -> None:
    """Gives every matrix random values that keep the scale of its input."""
    random = np.random.default_rng(0)
    for weight in model.weights:
        shape = weight.shape
        if len(shape) < 2:
            continue
        # In depthwise kernels, [rows, columns, channels, 1], each channel has
        # one input.
        inputs = math.prod(shape[:-2]) * (shape[-2] if shape[-1] > 1 else 1)
        scale = math.sqrt(2.0 / inputs)
        weight.assign(random.normal(0.0, scale, shape).astype("float32"))


def checksum(model: keras.Model) -> str:
    """SHA-256 of a network's weights: their order, names, shapes, values.

    It does not depend on the file they were in. The names of layers are left
    out, because Keras numbers unnamed layers differently in each model. It
    does so with unnamed weights, which are numbered here as in the first model
    of a process.
    """
    digest = hashlib.sha256()
    unnamed = itertools.count()
    for number, weight in enumerate(model.weights):
        values = np.ascontiguousarray(weight)
        name = weight.name
        if _UNNAMED.fullmatch(name):
            name = f"variable_{next(unnamed)}".removesuffix("_0")
        text = f"{number} {name} {values.shape} {values.dtype}\n"
        digest.update(text.encode())
        digest.update(values.tobytes())
    return digest.hexdigest()


def _normalise_as_imagenet(model: keras.Model) -> None:
    """Normalises the input as Keras does with weights="imagenet".

    There it divides by the root of the standard deviation once more, in a
    layer that it leaves out otherwise; without this, the same weights from a
    file would give other features.
    """
    layer = next(
        layer
        for layer in model.layers
        if isinstance(layer, keras.layers.Normalization)
    )
    layer.adapt_variance.assign(layer.adapt_variance * EFFICIENT_NET_STD)
    layer.finalize_state()
