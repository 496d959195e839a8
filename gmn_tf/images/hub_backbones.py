"""Backbones of KerasHub: a preset's network, pooled, and its own images.

Images are resized and scaled as the preset says: most keep the proportions and
cut off what is too much.
"""

import json
import os
from typing import NamedTuple

import keras
import tensorflow as tf

from gmn_tf.utils import hub_presets
from gmn_tf.utils.errors import InputError, first_line

FLAG = "backbone"
PROJECTED = "image embedding"  # that a text tower's can be compared with
CLASS_TOKEN, MEAN = "class token", "mean"
# Networks whose first token stands for the whole image.
_WITH_CLASS_TOKEN = ("DINO", "DeiT", "ViT")
_SETTINGS = (
    *("image_size", "scale", "offset", "interpolation", "antialias"),
    *("crop_to_aspect_ratio", "pad_to_aspect_ratio"),
)


class Tower(NamedTuple):
    """The image tower of a preset.

    Attributes:
        model: `[n, size, size, 3]` prepared images -> `[n, dx]` features.
        converter: the preset's layer that prepares images.
        whole: the model that it is a part of, or the same.
        image_size: rows and columns of the images.
        preprocessing: how images are prepared and features pooled, as text.
    """

    model: keras.Model
    converter: keras.layers.Layer
    whole: keras.Model
    image_size: int
    preprocessing: str

    def resized(self, pixels: tf.Tensor) -> tf.Tensor:
        """`[rows, columns, 3]` -> float32 `[size, size, 3]`."""
        return self.converter.resizing(tf.cast(pixels, tf.float32))

    def scaled(self, images: tf.Tensor) -> tf.Tensor:
        """`[n, size, size, 3]`, about 0..255 -> what the network sees."""
        for name, combine in (("scale", tf.multiply), ("offset", tf.add)):
            value = getattr(self.converter, name)
            if value is not None:
                images = combine(images, tf.constant(value, images.dtype))
        return images


def load(source: str | os.PathLike) -> Tower:
    """The image tower of a preset, with its weights.

    Args:
        source: `hub:NAME`, or the folder of a preset.

    Raises:
        InputError: for a preset that cannot be opened, or is of no images.
    """
    whole = hub_presets.load(source, FLAG, "models.Backbone")
    converter = hub_presets.load(source, FLAG, "layers.ImageConverter")
    size = converter.image_size
    try:
        if not size or size[0] != size[1]:
            raise ValueError(f"its images have the size {size}")
        if getattr(whole, "data_format", "") == "channels_first":
            raise ValueError("its images have their colours first")
        model, pooling = _pooled(whole, int(size[0]))
    except (ValueError, TypeError, AttributeError) as error:
        raise InputError(
            f"{hub_presets.name_of(source)} cannot be a backbone.",
            "a network of square images with one output, such as CLIP, "
            "SigLIP, DINOv2, ViT or ResNet",
            f"{type(whole).__name__}: {first_line(error)}",
            f"Choose another preset with --{FLAG}.",
        ) from error
    settings = converter.get_config()
    kept = {name: settings[name] for name in _SETTINGS if name in settings}
    text = f"keras_hub {type(converter).__name__} {json.dumps(kept)}; {pooling}"
    return Tower(model, converter, whole, int(size[0]), text)


def _pooled(whole: keras.Model, size: int) -> tuple[keras.Model, str]:
    """The network with one vector for each image, and what that is."""
    images = keras.Input((size, size, 3), name="images")
    if hasattr(whole, "get_vision_embeddings"):
        embeddings = whole.get_vision_embeddings(images)
        return keras.Model(images, embeddings), PROJECTED
    inputs = keras.tree.flatten(whole.input)
    if len(inputs) != 1 or len(inputs[0].shape) != 4:
        raise ValueError("its input is not images alone")
    named = whole.input if isinstance(whole.input, dict) else ()
    features = whole(dict.fromkeys(named, images) if named else images)
    rank = len(features.shape)
    is_first = type(whole).__name__.startswith(_WITH_CLASS_TOKEN)
    if rank == 3 and is_first and getattr(whole, "use_class_token", True):
        return keras.Model(images, features[:, 0]), CLASS_TOKEN
    if rank not in (3, 4):
        raise ValueError(f"its output has {rank} axes")
    layers = keras.layers
    pool = {3: layers.GlobalAveragePooling1D, 4: layers.GlobalAveragePooling2D}
    return keras.Model(images, pool[rank]()(features)), MEAN
