"""Each format: how it is written, and how its own runtime answers."""

import json
import logging
import pathlib
import re
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import (
    convert_variables_to_constants_v2,
)

from gmn_tf.inference.format_table import ONNX, SAVED_MODEL, TFLITE
from gmn_tf.inference.serving import IMAGES, PROBABILITIES, ServingModel
from gmn_tf.utils.errors import InputError, first_line, listed

OPSET = 18  # of ONNX; the newest that tf2onnx 1.17 writes


class File(NamedTuple):
    """A written model that takes one kind of input, for one runtime.

    Attributes:
        name: of the file, or what stands for several.
        paths: what belongs to it.
        signature: `features` or `images`.
        answer: inputs `[n, ...]`, for images those of `[n, size, size, 3]`
            whole numbers, -> labels and their probabilities `[n, k]`, the
            likeliest first, or those of all classes.
    """

    name: str
    paths: tuple[pathlib.Path, ...]
    signature: str
    answer: Callable


class Format(NamedTuple):
    """A format.

    Attributes:
        runtime: what runs it.
        write: a model and a folder -> the files.
    """

    runtime: str
    write: Callable[[ServingModel, pathlib.Path], list[File]]


def write_saved_model(model: ServingModel, folder: pathlib.Path) -> list[File]:
    """A SavedModel; it takes the contents of image files."""
    tf.saved_model.save(model, str(folder), model.signatures())
    loaded = tf.saved_model.load(str(folder)).signatures
    labels = {name: label for label, name in enumerate(model.names.numpy())}

    def caller(signature):
        def answer(inputs):
            if signature == IMAGES:
                inputs = [tf.io.encode_png(np.uint8(one)) for one in inputs]
            found = loaded[signature](
                **{signature: tf.convert_to_tensor(inputs)}
            )
            names = found["classes"].numpy()
            found_labels = np.vectorize(labels.__getitem__)(names)
            return found_labels, found["scores"].numpy()

        return answer

    paths = tuple(p for p in folder.rglob("*") if p.is_file())
    return [
        File("saved_model.pb", paths, signature, caller(signature))
        for signature in model.tensor_signatures()
    ]


def write_tflite(model: ServingModel, folder: pathlib.Path) -> list[File]:
    """LiteRT's files, formerly TensorFlow Lite, with its own operations."""
    from ai_edge_litert.interpreter import Interpreter

    def convert(signature, function, path):
        converter = tf.lite.TFLiteConverter.from_concrete_functions(
            [function.get_concrete_function()], model
        )
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        path.write_bytes(converter.convert())
        run = Interpreter(model_path=str(path)).get_signature_runner()
        return lambda inputs: run(**{signature: inputs})[PROBABILITIES]

    return _each(model, folder, TFLITE, convert)


def write_onnx(model: ServingModel, folder: pathlib.Path) -> list[File]:
    """ONNX files, with the names of the classes in their metadata."""
    import onnx
    import onnxruntime
    import tf2onnx

    # What it lacks is in the error that follows.
    logging.getLogger("tf2onnx").setLevel(logging.CRITICAL)
    names = [name.decode() for name in model.names.numpy()]

    def convert(signature, function, path):
        # Otherwise a tensor that a layer holds becomes an input.
        frozen = convert_variables_to_constants_v2(
            function.get_concrete_function()
        )
        graph, _ = tf2onnx.convert.from_function(
            tf.function(
                lambda inputs: {PROBABILITIES: frozen(inputs)[0]},
                function.input_signature,
                autograph=False,
            ),
            input_signature=function.input_signature,
            opset=OPSET,
        )
        onnx.helper.set_model_props(
            graph, {"classes": json.dumps(names, ensure_ascii=False)}
        )
        onnx.save(graph, path)
        session = onnxruntime.InferenceSession(
            path, providers=["CPUExecutionProvider"]
        )
        return lambda inputs: session.run([PROBABILITIES], {signature: inputs})[
            0
        ]

    return _each(model, folder, ONNX, convert)


def _each(model, folder, format_name: str, convert) -> list[File]:
    """One file for each signature, by `convert` of a library."""
    files = []
    for signature, function in model.tensor_signatures().items():
        path = folder / f"{signature}.{format_name}"
        try:
            answer = convert(signature, function, path)
            answer(np.zeros([1, *function.input_signature[0].shape[1:]], "f4"))
        except OSError:
            raise
        except Exception as error:  # the libraries have many
            raise InputError(
                f"This model cannot be written as {format_name}, signature "
                f"{signature}.",
                f"operations that {FORMATS[format_name].runtime} has",
                _lacking(error) or first_line(error),
                f"Leave {format_name} out of --format, or the backbone with "
                "--backbone=off.",
            ) from error
        files.append(File(path.name, (path,), signature, _with_labels(answer)))
    return files


def _lacking(error: Exception) -> str:
    """The operations that a converter says it lacks, if that is the error."""
    found = re.findall(r"'tf\.(\w+)' op is neither", str(error))
    return f"the operations {listed(sorted(set(found)))}" if found else ""


def _with_labels(answer):
    """Gives probabilities of all classes their labels."""

    def call(inputs):
        found = answer(np.asarray(inputs, np.float32))
        return np.tile(np.arange(found.shape[1]), (len(found), 1)), found

    return call


FORMATS = {
    SAVED_MODEL: Format("TensorFlow", write_saved_model),
    TFLITE: Format("LiteRT", write_tflite),
    ONNX: Format("ONNX Runtime", write_onnx),
}
