"""Presets of KerasHub: pretrained models by name, or in a folder.

KerasHub is an extra. Nothing here imports it before a preset is opened.
"""

import importlib.util
import operator
import os
import pathlib
from typing import Any

from gmn_tf.utils import files
from gmn_tf.utils.errors import InputError, first_line, hint

PREFIX = "hub:"
CONFIG = "config.json"
TOKENIZER, IMAGES = "tokenizer.json", "image_converter.json"
_NO_CODE = ("vocabulary.json", "model.weights.json")
WEIGHTS = ("model.weights.h5", "model.weights.json")  # whole, or in parts
SAVED = (
    "a folder that KerasHub's save_to_preset wrote, with config.json and "
    "model.weights.h5"
)
# Where a preset's own classes are; what else it names is not imported.
_PACKAGES = ("keras", "keras_hub", "builtins")


def is_preset(source: str | os.PathLike) -> bool:
    """Whether a text names a preset: `hub:NAME`, or its folder."""
    text = os.fspath(source)
    # Whatever the text is: os.path answers, where pathlib raises.
    folder = os.path.expanduser(text)
    return text.startswith(PREFIX) or os.path.isfile(f"{folder}/{CONFIG}")


def name_of(source: str | os.PathLike) -> str:
    """What a preset is called, `hub:NAME`, wherever it lies."""
    folder = folder_of(source)
    text = os.fspath(source).removeprefix(PREFIX)
    return PREFIX + (folder.resolve().name if folder else text)


def folder_of(source: str | os.PathLike) -> pathlib.Path | None:
    """The folder of a preset; None for one that KerasHub downloads."""
    text = os.path.expanduser(os.fspath(source).removeprefix(PREFIX))
    return pathlib.Path(text).absolute() if os.path.isdir(text) else None


def check(source: str | os.PathLike, flag: str, needed: str = "") -> None:
    """Raises InputError for what can be seen without KerasHub.

    Args:
        source: `hub:NAME`, `hub:FOLDER` or a folder.
        flag: that names it, for the advice.
        needed: a file that it has to have as well.
    """
    if importlib.util.find_spec("keras_hub") is None:
        raise _not_installed(source, "no package keras_hub")
    folder = folder_of(source)
    if folder is None:
        text = os.fspath(source).removeprefix(PREFIX)
        if os.sep in text and "://" not in text:
            raise InputError(
                f"There is no preset {text}.",
                f"{SAVED}; or the name of a preset",
                "no such folder",
                f"Correct --{flag}.",
            )
        return
    config = _read_json(folder / CONFIG)
    # Others come from Hugging Face or timm, and KerasHub converts them.
    if "registered_name" not in config:
        return
    for names in (WEIGHTS, *([(needed,)] if needed else [])):
        if not any((folder / name).is_file() for name in names):
            raise InputError(
                f"{folder} is not a whole preset of KerasHub.",
                f"{SAVED}" + f" and {needed}" * bool(needed),
                f"no {names[0]} in it",
                f"Correct --{flag}, or save that part of the preset there, "
                "too, with its save_to_preset.",
            )
    for path in sorted(folder.glob("*.json")):
        if path.name not in _NO_CODE:
            _check_classes(path, _read_json(path))


def _not_installed(source: str | os.PathLike, received: str) -> InputError:
    return InputError(
        f"{name_of(source)} needs KerasHub, which is not installed as it "
        "should be.",
        "the packages keras-hub and tensorflow-text",
        received,
        "Install them: pip install 'gmn_tf[hub]'.",
    )


def _read_json(path: pathlib.Path) -> dict:
    return files.read_json(path, SAVED, "Save the preset again.")


def _check_classes(path: pathlib.Path, content: object) -> None:
    """Raises InputError if a file names code that is not KerasHub's."""
    if isinstance(content, list):
        for item in content:
            _check_classes(path, item)
    if not isinstance(content, dict):
        return
    module = content.get("module")
    package = str(module or "keras").partition(".")[0]
    is_lambda = content.get("class_name") in ("Lambda", "__lambda__")
    if "class_name" in content and (package not in _PACKAGES or is_lambda):
        raise InputError(
            f"{path} names code that KerasHub does not have.",
            "classes of keras and keras_hub",
            f"{module}.{content['class_name']}",
            "Take a preset from KerasHub, or one that you have saved yourself.",
        )
    for item in content.values():
        _check_classes(path, item)


def load(
    source: str | os.PathLike, flag: str, kind: str, **options: Any
) -> Any:
    """What a class of KerasHub makes of a preset, with its weights.

    Args:
        source: as `check` takes it.
        flag: that names it, for the advice.
        kind: the class, as in `models.Backbone`.
        **options: of its `from_preset`.

    Raises:
        InputError: for a preset that cannot be had or read.
    """
    check(source, flag)
    try:
        import keras_hub
    except Exception as error:  # libraries of TensorFlow that do not fit it
        raise _not_installed(source, first_line(error)) from error
    folder = folder_of(source)
    preset = os.fspath(source).removeprefix(PREFIX)
    known = keras_hub.models.Backbone.presets
    if folder is None and "://" not in preset and preset not in known:
        raise InputError(
            f"KerasHub has no preset {preset!r}.",
            "one of its presets, as in hub:clip_vit_base_patch16, or a folder",
            preset,
            hint(f"Correct --{flag}.", preset, known),
        )
    try:
        made_by = operator.attrgetter(kind)(keras_hub)
        return made_by.from_preset(str(folder or preset), **options)
    except ImportError as error:
        raise _not_installed(source, first_line(error)) from error
    except Exception as error:  # a download, or damage, fails in many ways
        raise InputError(
            f"KerasHub cannot open the preset {preset}.",
            SAVED if folder else "a connection to where KerasHub keeps it",
            first_line(error),
            f"Save the preset again, or correct --{flag}."
            if folder
            else "Try again, or name a folder of the preset instead.",
        ) from error
