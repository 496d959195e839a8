"""The formats that a run is exported in; no TensorFlow is needed to look."""

import importlib.util
from collections.abc import Sequence

from gmn_tf.utils.errors import InputError, check_choice, listed

SAVED_MODEL, TFLITE, ONNX = "saved_model", "tflite", "onnx"
# What writes and runs each, beside TensorFlow: modules of the extra `formats`.
MODULES = {
    SAVED_MODEL: (),
    TFLITE: ("ai_edge_litert",),
    ONNX: ("onnx", "onnxruntime", "tf2onnx"),
}


def check(formats: Sequence[str]) -> None:
    """Checks that these formats exist and can be written here.

    Raises:
        InputError: for an unknown format, none at all, or one whose packages
            are not installed.
    """
    for name in formats or [""]:
        check_choice("format", name, MODULES)
    missing = [
        module
        for name in formats
        for module in MODULES[name]
        if importlib.util.find_spec(module) is None
    ]
    if missing:
        raise InputError(
            f"--format={','.join(formats)} is not possible: packages are not "
            "installed.",
            "the packages of the extra `formats`",
            f"no module {listed(missing)}",
            "pip install 'gmn_tf[formats]', or pip install -e '.[formats]' "
            f"where gmn_tf was cloned. --format={SAVED_MODEL} needs neither.",
        )
