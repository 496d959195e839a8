"""A run as a SavedModel that needs TensorFlow alone."""

import pathlib

import numpy as np
import tensorflow as tf

from gmn_tf.inference.prediction import Predictor
from gmn_tf.utils import files
from gmn_tf.utils.errors import InputError

FEATURES, IMAGES = "features", "images"
DEFAULT = tf.saved_model.DEFAULT_SERVING_SIGNATURE_DEF_KEY


class ServingModel(tf.Module):
    """Classifiers as plain matrices, the classes' names, and a backbone.

    Args:
        predictor: what is to be served.
        backbone: a `gmn_tf.images.backbones.Backbone`; None serves
            features alone.
        top_k: how many classes an answer has.
    """

    def __init__(self, predictor: Predictor, backbone=None, top_k: int = 5):
        super().__init__()
        theta = [_per_class(model) for model in predictor.classifiers]
        self.kernels = tf.Variable([one[0] for one in theta], trainable=False)
        self.biases = tf.Variable([one[1] for one in theta], trainable=False)
        self.names = tf.constant(predictor.classes.names)
        self.top_k = min(top_k, len(predictor.classes.names))
        self.backbone = backbone
        # Keras's variables are saved with what is an attribute of a module.
        self.network = None if backbone is None else backbone.model

    def classify(self, features):
        """Features `[n, dx]` -> names and probabilities `[n, k]`."""
        scores = tf.einsum("nd,mdc->mnc", features, self.kernels)
        scores += self.biases[:, tf.newaxis]
        probabilities = tf.reduce_mean(tf.nn.softmax(scores), axis=0)
        best, labels = tf.math.top_k(probabilities, self.top_k)
        return {"classes": tf.gather(self.names, labels), "scores": best}

    def classify_images(self, images):
        """Contents of image files `[n]` -> names and probabilities."""
        size = self.backbone.description["image_size"]
        pixels = tf.map_fn(
            self.backbone.image,
            images,
            fn_output_signature=tf.TensorSpec([size, size, 3], tf.float32),
        )
        return self.classify(self.backbone.features(pixels))

    def signatures(self) -> dict:
        """Named signatures; the default takes images, if it can."""
        dim = self.kernels.shape[1]
        functions = {
            FEATURES: tf.function(
                self.classify,
                [tf.TensorSpec([None, dim], tf.float32, name="features")],
            )
        }
        if self.backbone is not None:
            functions[IMAGES] = tf.function(
                self.classify_images,
                [tf.TensorSpec([None], tf.string, name="images")],
            )
        return {**functions, DEFAULT: list(functions.values())[-1]}


def export(
    predictor: Predictor,
    out: pathlib.Path,
    card: str,
    backbone=None,
    top_k: int = 5,
) -> pathlib.Path:
    """Writes the next version of a served model, whole or not at all.

    Args:
        predictor: what is to be served.
        out: folder of all versions, each in one with its number as its name,
            as TensorFlow Serving wants them.
        card: text of the model card, MODEL_CARD.md beside the model.
        backbone: see `ServingModel`.
        top_k: see `ServingModel`.

    Returns:
        The folder of the new version.

    Raises:
        InputError: if the folder cannot be written.
    """
    model = ServingModel(predictor, backbone, top_k)
    try:
        out.mkdir(parents=True, exist_ok=True)
        numbers = [
            int(path.name) for path in out.iterdir() if _is_version(path)
        ]
        version = out / str(max(numbers, default=0) + 1)
        with files.replacing(version) as folder:
            tf.saved_model.save(model, str(folder), model.signatures())
            (folder / "MODEL_CARD.md").write_text(card, encoding="utf-8")
            (folder / "classes.txt").write_text(
                "\n".join(predictor.classes.names) + "\n", encoding="utf-8"
            )
    except (OSError, tf.errors.OpError) as error:
        raise InputError(
            f"Cannot write the model into {out}.",
            "a folder that can be made and written",
            str(error).splitlines()[0],
            "choose another --out, or make room",
        ) from error
    return version


def _is_version(path: pathlib.Path) -> bool:
    return path.name.isdecimal()


def _per_class(model) -> tuple[np.ndarray, np.ndarray]:
    """f(x, a) for given classes: one weight vector `[dx]` and bias for each."""
    kernel, bias = model.kernel.numpy(), model.bias.numpy()
    if model.embeddings is not None:
        embeddings = model.embeddings.numpy() @ model.basis.numpy()
        kernel, bias = kernel @ embeddings.T, embeddings @ bias
    return kernel, bias - model.penalties.numpy()
