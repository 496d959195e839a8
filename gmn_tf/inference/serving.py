"""A run as a SavedModel that needs TensorFlow alone."""

import pathlib

import tensorflow as tf

from gmn_tf.inference.prediction import Predictor, mean_probabilities
from gmn_tf.utils import files

FEATURES, IMAGES = "features", "images"
DEFAULT = tf.saved_model.DEFAULT_SERVING_SIGNATURE_DEF_KEY


class ServingModel(tf.Module):
    """The classifiers' weights, the names of the classes, and a backbone.

    What bin/predict refuses is refused here too, as a call that fails.

    Args:
        predictor: the classifiers and their label map.
        backbone: a `gmn_tf.images.backbones.Backbone`; None serves
            features alone.
        top_k: how many classes an answer has.
    """

    def __init__(self, predictor: Predictor, backbone=None, top_k: int = 5):
        super().__init__()
        self.feature_dim = predictor.classes.feature_dim
        self.scaled = predictor.classes.feature_scaling
        self.represent = predictor.represent
        self.terms = [
            [
                term._replace(
                    weights=tf.Variable(term.weights, trainable=False),
                    bias=tf.Variable(term.bias, trainable=False),
                )
                for term in model.terms
            ]
            for model in predictor.classifiers
        ]
        self.names = tf.constant(predictor.classes.names)
        self.top_k = min(top_k, len(predictor.classes.names))
        self.backbone = backbone
        # What is an attribute is saved. TensorFlow Serving does not look for
        # variables inside those of Keras.
        networks = [predictor.classifiers[0].representation]
        networks += [] if backbone is None else [backbone.model]
        self.weights = [
            variable.value
            for network in networks
            if network is not None
            for variable in network.variables
        ]

    def classify(self, features):
        """Raw features `[n, dx]` -> names and probabilities `[n, k]`."""
        _check_some(features)
        tf.debugging.assert_all_finite(
            features, "Features must be finite numbers."
        )
        return self._answer(features)

    def classify_images(self, images):
        """Contents of image files `[n]` -> names and probabilities."""
        _check_some(images)
        size = self.backbone.description["image_size"]
        pixels = tf.map_fn(
            self.backbone.image,
            images,
            fn_output_signature=tf.TensorSpec([size, size, 3], tf.float32),
        )
        return self._answer(self.backbone.features(pixels))

    def _answer(self, features):
        probabilities = mean_probabilities(
            self.represent(self.scaled(features)), self.terms
        )
        best, labels = tf.math.top_k(probabilities, self.top_k)
        return {"classes": tf.gather(self.names, labels), "scores": best}

    def signatures(self) -> dict:
        """Named signatures; the default takes images, if it can."""
        rows = tf.TensorSpec([None, self.feature_dim], name=FEATURES)
        functions = {FEATURES: tf.function(self.classify, [rows])}
        if self.backbone is not None:
            files = tf.TensorSpec([None], tf.string, name=IMAGES)
            functions[IMAGES] = tf.function(self.classify_images, [files])
        return {**functions, DEFAULT: list(functions.values())[-1]}


def _check_some(inputs) -> None:
    """Makes a call without any input fail."""
    tf.debugging.assert_positive(
        tf.shape(inputs)[0], "An empty batch: give at least one input."
    )


def export(
    predictor: Predictor,
    out: pathlib.Path,
    card: str,
    backbone=None,
    top_k: int = 5,
) -> pathlib.Path:
    """Writes the next version of a served model, whole or not at all.

    Args:
        predictor, backbone, top_k: see `ServingModel`.
        out: folder of all versions, each in one with its number as its name,
            as TensorFlow Serving wants them.
        card: text of the model card, MODEL_CARD.md beside the model.

    Returns:
        The folder of the new version.

    Raises:
        InputError: if the folder cannot be written.
    """
    model = ServingModel(predictor, backbone, top_k)
    with files.reporting_write_errors(out, tf.errors.OpError, flag="--out"):
        out.mkdir(parents=True, exist_ok=True)
        numbers = [
            int(path.name) for path in out.iterdir() if path.name.isdecimal()
        ]
        version = out / str(max(numbers, default=0) + 1)
        with files.replacing(version) as folder:
            tf.saved_model.save(model, str(folder), model.signatures())
            (folder / "MODEL_CARD.md").write_text(card, encoding="utf-8")
            (folder / "classes.txt").write_text(
                "\n".join(predictor.classes.names) + "\n", encoding="utf-8"
            )
    return version
