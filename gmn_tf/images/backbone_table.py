"""The networks that turn images into features: one row each.

To add a network of keras.applications, add its row. Presets of KerasHub need
none: see `hub_backbones`.

Nothing here imports TensorFlow, so that --help and bad flags answer at once.
"""

import os
import pathlib
from typing import NamedTuple

from gmn_tf.utils import hub_presets
from gmn_tf.utils.errors import InputError, check_choice

IMAGENET = "imagenet"  # weights that keras.applications downloads
RANDOM = "random"  # weights for tests: they recognise no class
SUFFIXES = (".weights.h5", ".h5", ".keras")


class Kind(NamedTuple):
    """One network of keras.applications.

    Attributes:
        function: the function that builds it.
        module: the module of keras.applications with its `preprocess_input`.
        image_size: rows and columns of the images it was trained on.
    """

    function: str
    module: str
    image_size: int


_KINDS = (
    Kind("ConvNeXtTiny", "convnext", 224),
    Kind("ConvNeXtSmall", "convnext", 224),
    Kind("ConvNeXtBase", "convnext", 224),
    Kind("ConvNeXtLarge", "convnext", 224),
    Kind("ConvNeXtXLarge", "convnext", 224),
    Kind("DenseNet121", "densenet", 224),
    Kind("DenseNet169", "densenet", 224),
    Kind("DenseNet201", "densenet", 224),
    Kind("EfficientNetB0", "efficientnet", 224),
    Kind("EfficientNetB1", "efficientnet", 240),
    Kind("EfficientNetB2", "efficientnet", 260),
    Kind("EfficientNetB3", "efficientnet", 300),
    Kind("EfficientNetB4", "efficientnet", 380),
    Kind("EfficientNetB5", "efficientnet", 456),
    Kind("EfficientNetB6", "efficientnet", 528),
    Kind("EfficientNetB7", "efficientnet", 600),
    Kind("EfficientNetV2B0", "efficientnet_v2", 224),
    Kind("EfficientNetV2B1", "efficientnet_v2", 240),
    Kind("EfficientNetV2B2", "efficientnet_v2", 260),
    Kind("EfficientNetV2B3", "efficientnet_v2", 300),
    Kind("EfficientNetV2S", "efficientnet_v2", 384),
    Kind("EfficientNetV2M", "efficientnet_v2", 480),
    Kind("EfficientNetV2L", "efficientnet_v2", 480),
    Kind("InceptionResNetV2", "inception_resnet_v2", 299),
    Kind("InceptionV3", "inception_v3", 299),
    Kind("MobileNet", "mobilenet", 224),
    Kind("MobileNetV2", "mobilenet_v2", 224),
    Kind("MobileNetV3Large", "mobilenet_v3", 224),
    Kind("MobileNetV3Small", "mobilenet_v3", 224),
    Kind("NASNetLarge", "nasnet", 331),
    Kind("NASNetMobile", "nasnet", 224),
    Kind("ResNet50", "resnet", 224),
    Kind("ResNet101", "resnet", 224),
    Kind("ResNet152", "resnet", 224),
    Kind("ResNet50V2", "resnet_v2", 224),
    Kind("ResNet101V2", "resnet_v2", 224),
    Kind("ResNet152V2", "resnet_v2", 224),
    Kind("VGG16", "vgg16", 224),
    Kind("VGG19", "vgg19", 224),
    Kind("Xception", "xception", 299),
)

BACKBONES = {kind.function.lower(): kind for kind in _KINDS}


def check(name: str, weights: str) -> None:
    """Checks what can be checked without TensorFlow.

    Args: see `backbones.load`.

    Raises:
        InputError: for an unknown network, or a file that is missing or of an
            unknown kind.
    """
    is_path = os.sep in name
    if name not in BACKBONES and (is_path or hub_presets.is_preset(name)):
        _check_preset(name, weights)
        return
    check_choice("backbone", name, (*BACKBONES, "hub:PRESET"))
    if weights in (IMAGENET, RANDOM):
        return
    path = pathlib.Path(weights).expanduser()
    if not path.is_file() or not path.name.endswith(SUFFIXES):
        raise InputError(
            f"There are no weights for --backbone={name}.",
            f"--weights={IMAGENET}, or a file saved by Keras, with the ending "
            + ", ".join(SUFFIXES),
            f"{weights!r}, which is "
            + ("another kind of file" if path.is_file() else "not a file"),
            "Say where the file is, with --weights=FILE. If its ending is not "
            "one of these, rename it or save it with model.save_weights.",
        )


def _check_preset(name: str, weights: str) -> None:
    """Raises InputError for a preset of KerasHub that cannot be opened."""
    if weights != IMAGENET and not hub_presets.is_preset(weights):
        raise InputError(
            f"{weights} is not the preset {name}.",
            f"no --weights, as a preset has its own; or {hub_presets.SAVED}, "
            "if it was moved",
            "no folder with a config.json",
            "Say where the folder is, with --weights=FOLDER.",
        )
    source = name if weights == IMAGENET else weights
    hub_presets.check(source, "backbone", hub_presets.IMAGES)
