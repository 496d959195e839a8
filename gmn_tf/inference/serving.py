"""What an exported model computes: one formula for all formats."""

import tensorflow as tf

from gmn_tf.inference.prediction import Predictor, mean_probabilities

FEATURES, IMAGES, PROBABILITIES = "features", "images", "probabilities"
DEFAULT = tf.saved_model.DEFAULT_SERVING_SIGNATURE_DEF_KEY


class ServingModel(tf.Module):
    """The classifiers' weights, the names of the classes, and a backbone.

    A SavedModel has `signatures`, which decode images and name classes. What
    bin/predict refuses is refused there too, as a call that fails. Other
    formats have `tensor_signatures`: from arrays of float32 to those.

    Args:
        predictor: the classifiers and their label map.
        backbone: a `gmn_tf.images.backbones.Backbone`; None serves
            features alone.
        top_k: how many classes an answer of `signatures` has.
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

    def probabilities(self, features, precision: str = "float64"):
        """Raw features `[n, dx]` -> probabilities `[n, C]`.

        Args:
            features: `[n, dx]`, as they were extracted.
            precision: of their scaling; see `FeatureScaling`.
        """
        scaled = self.scaled(features, precision)
        return mean_probabilities(self.represent(scaled), self.terms)

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
        size = self.image_size
        pixels = tf.map_fn(
            self.backbone.image,
            images,
            fn_output_signature=tf.TensorSpec([size, size, 3], tf.float32),
        )
        return self._answer(self.backbone.features(pixels))

    def _answer(self, features):
        best, labels = tf.math.top_k(self.probabilities(features), self.top_k)
        return {"classes": tf.gather(self.names, labels), "scores": best}

    @property
    def image_size(self) -> int:
        """Rows and columns of the images that the backbone takes."""
        return self.backbone.description["image_size"]

    def signatures(self) -> dict:
        """Named signatures; the default takes images, if it can."""
        rows = tf.TensorSpec([None, self.feature_dim], name=FEATURES)
        functions = {FEATURES: tf.function(self.classify, [rows])}
        if self.backbone is not None:
            files = tf.TensorSpec([None], tf.string, name=IMAGES)
            functions[IMAGES] = tf.function(self.classify_images, [files])
        return {**functions, DEFAULT: list(functions.values())[-1]}

    def tensor_signatures(self) -> dict:
        """The same for runtimes without texts, files and float64.

        `features` takes raw features `[n, dx]`. `images` takes upright images
        `[n, size, size, 3]`, red, green and blue, 0..255. Both give the
        probabilities of all classes `[n, C]`, in the order of the labels.
        """

        def of_features(features):
            return {PROBABILITIES: self.probabilities(features, "float32")}

        rows = tf.TensorSpec([None, self.feature_dim], name=FEATURES)
        functions = {
            FEATURES: tf.function(of_features, [rows], autograph=False)
        }
        if self.backbone is not None:

            def of_images(images):
                return of_features(self.backbone.features(images))

            shape = [None, self.image_size, self.image_size, 3]
            pixels = tf.TensorSpec(shape, name=IMAGES)
            functions[IMAGES] = tf.function(
                of_images, [pixels], autograph=False
            )
        return functions


def _check_some(inputs) -> None:
    """Makes a call without any input fail."""
    tf.debugging.assert_positive(
        tf.shape(inputs)[0], "An empty batch: give at least one input."
    )
