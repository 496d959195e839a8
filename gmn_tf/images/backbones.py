"""Features from images: the pooled networks of keras.applications.

Extraction, prediction and serving all use `Backbone.image` and
`Backbone.features`, so that a feature is the same wherever it is made.
"""

import pathlib

import keras
import tensorflow as tf

from gmn_tf.images import backbone_table, backbone_weights
from gmn_tf.images.backbone_table import BACKBONES, IMAGENET, RANDOM
from gmn_tf.utils.errors import InputError

# What must be equal for features to be of one kind.
IDENTITY = ("name", "weights_sha256", "image_size", "preprocessing")
EFFICIENT_NET = "efficientnet"


class Backbone:
    """A network that turns an image into a feature.

    Attributes:
        description: what it is, for JSON: `name`, `weights` (of a file, its
            name; and `weights_path`, where it was), `weights_sha256`,
            `image_size`, `preprocessing`, `feature_dim`.
        model: the network, `[n, size, size, 3]` preprocessed images ->
            `[n, dx]` features.

    Args:
        model: see above.
        description: see above.
    """

    def __init__(self, model: keras.Model, description: dict):
        self.model = model
        self.description = description
        self.image_size = description["image_size"]
        module = BACKBONES[description["name"]].module
        self._module = getattr(keras.applications, module)

    def image(self, content: tf.Tensor | bytes) -> tf.Tensor:
        """Decodes one image and makes it as large as the network wants.

        Its proportions are not kept, nor is an EXIF orientation followed.

        Args:
            content: scalar string tensor, or bytes: a JPEG, PNG, BMP, WebP or
                GIF (of which the first frame is taken).

        Returns:
            `[size, size, 3]` red, green and blue, 0..255.

        Raises:
            tf.errors.InvalidArgumentError: if it is none of these.
        """
        pixels = tf.io.decode_image(
            content, channels=3, expand_animations=False
        )
        pixels = tf.ensure_shape(pixels, [None, None, 3])
        size = [self.image_size, self.image_size]
        return tf.image.resize(pixels, size, "bilinear", antialias=True)

    def features(self, images: tf.Tensor) -> tf.Tensor:
        """What the network makes of images.

        Args:
            images: `[n, size, size, 3]` red, green and blue, 0..255.

        Returns:
            `[n, dx]` features.
        """
        images = tf.convert_to_tensor(images, tf.float32)
        preprocessed = self._module.preprocess_input(images)
        return self.model(preprocessed, training=False)


def load(name: str, weights: str, image_size: int | None = None) -> Backbone:
    """The backbone of that name, ready to use.

    Args:
        name: a key of `BACKBONES`.
        weights: `imagenet` (downloaded by Keras, once), `random` (the same
            each time; for tests, as no class can be recognised by them), or
            a file of weights for this network without its top.
        image_size: rows and columns of the images; default: as in training.

    Raises:
        InputError: if there is no such backbone, or its weights cannot be
            had.
    """
    backbone_table.check(name, weights)
    kind = BACKBONES[name]
    size = image_size or kind.image_size
    model = backbone_weights.build(name, size, weights == IMAGENET)
    description = {"name": name, "weights": weights}
    if backbone_table.is_file(weights):
        path = pathlib.Path(weights).expanduser().absolute()
        backbone_weights.load_file(model, path, name)
        description.update(weights=path.name, weights_path=str(path))
    elif weights == RANDOM:
        backbone_weights.draw(model)
    model.trainable = False
    description.update(
        weights_sha256=backbone_weights.checksum(model),
        image_size=size,
        preprocessing=f"keras.applications.{kind.module}.preprocess_input",
        feature_dim=int(model.output_shape[-1]),
    )
    if weights != IMAGENET and kind.module == EFFICIENT_NET:
        backbone_weights.normalise_as_imagenet(model)
    return Backbone(model, description)


def from_description(description: dict, weights: str | None = None) -> Backbone:
    """The backbone that some features came from.

    Args:
        description: its `Backbone.description`.
        weights: where its weights are now; default: where they were.

    Raises:
        InputError: if the weights are gone, or are other ones.
    """
    try:
        name, there, expected = (
            str(description[key])
            for key in ("name", "weights", "weights_sha256")
        )
        size = int(description["image_size"])
        there = weights or str(description.get("weights_path", there))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            "This is no description of a backbone.",
            'the entry "backbone" that bin/extract_features wrote',
            f"{type(error).__name__}: {error}",
            "extract the features again",
        ) from error
    gone = not pathlib.Path(there).expanduser().is_file()
    if weights is None and backbone_table.is_file(there) and gone:
        raise InputError(
            f"The weights of {name} that the features came from are gone.",
            there,
            "no such file",
            "say where it is now, with --weights=FILE",
        )
    backbone = load(name, there, size)
    found = backbone.description["weights_sha256"]
    if found != expected:
        raise InputError(
            f"These are not the weights of {name} that the features came from.",
            f"{description['weights']}, SHA-256 of its arrays {expected}",
            f"{there}, SHA-256 of its arrays {found}",
            "give the file that the features were extracted with: --weights",
        )
    return backbone


def identity(description: dict) -> dict:
    """The part of a description that features of one kind have in common."""
    return {name: description.get(name) for name in IDENTITY}
