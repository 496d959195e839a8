"""Section 3.4: the final classifier, f of Eq. 6 over seen and unseen classes.

theta is trained by SGD in the span of the embeddings (see `compatibility`).
"""

from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from gmn_tf.data import on_disk
from gmn_tf.data.zero_shot_data import Samples
from gmn_tf.method import compatibility
from gmn_tf.utils.errors import InputError


class SGD(NamedTuple):  # which tf.function compares by value
    """Settings of the classifier's training; see `gmn_tf.Config`."""

    learning_rate: float
    decay: float
    momentum: float
    weight_decay: float
    batch_size: int
    epochs: int


@keras.saving.register_keras_serializable("gmn_tf")
class Classifier(keras.Model):
    """f(x, a) as a model: features in, scores of all classes out.

    Args:
        feature_dim: d_x.
        num_classes: C.
        embedding_dim: d_a, or None for the linear f.
        span_dim: r, the size of the embeddings' span.
    """

    def __init__(
        self,
        feature_dim: int,
        num_classes: int,
        embedding_dim: int | None,
        span_dim: int,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.sizes = {
            "feature_dim": feature_dim,
            "num_classes": num_classes,
            "embedding_dim": embedding_dim,
            "span_dim": span_dim,
        }
        self.kernel = self.add_weight((feature_dim, span_dim), name="kernel")
        self.bias = self.add_weight((span_dim,), name="bias")
        self.penalties = self.add_weight(
            (num_classes,), "zeros", trainable=False, name="penalties"
        )
        self.embeddings = self.basis = None
        if embedding_dim is not None:
            self.embeddings = self.add_weight(
                (num_classes, embedding_dim), name="embeddings", trainable=False
            )
            self.basis = self.add_weight(
                (embedding_dim, span_dim), name="basis", trainable=False
            )

    def build(self, features_shape):
        self.built = True

    def penalise_seen(self, num_seen: int, penalty: float) -> None:
        """Lowers the scores of the classes 0..num_seen-1 (`calibration`)."""
        seen = np.arange(self.sizes["num_classes"]) < num_seen
        self.penalties.assign(np.where(seen, penalty, 0.0))

    @property
    def theta(self):
        """W `[dx, units]` and b `[units]` of Eq. 6, in full."""
        kernel, bias = map(tf.convert_to_tensor, (self.kernel, self.bias))
        if self.basis is None:
            return kernel, bias
        return (
            tf.matmul(kernel, self.basis, transpose_b=True),
            tf.linalg.matvec(self.basis, bias),
        )

    def call(self, features):
        """Features `[n, dx]` -> scores `[n, C]`, higher is likelier."""
        embeddings = None
        if self.embeddings is not None:
            embeddings = tf.matmul(self.embeddings, self.basis)
        scores = compatibility.scores(
            features, (self.kernel, self.bias), embeddings
        )
        return scores - self.penalties

    def get_config(self):
        return {**super().get_config(), **self.sizes}


def with_classes(model: Classifier, embeddings: np.ndarray) -> Classifier:
    """The same f over more classes, known by their embeddings alone.

    Args:
        model: a bilinear classifier over C classes.
        embeddings: `[k, da]` of the classes C..C+k-1; what is of them outside
            the span of the first C counts for nothing.

    Raises:
        InputError: for a linear classifier, which knows no embeddings.
    """
    if model.embeddings is None:
        raise InputError(
            "The linear classifier has nothing to say about a new class.",
            "a run with --compatibility=bilinear",
            "linear",
            "add classes by synthesising samples of them",
        )
    old = model.embeddings.numpy()
    larger = Classifier(
        **{**model.sizes, "num_classes": len(old) + len(embeddings)}
    )
    larger.build((None, model.sizes["feature_dim"]))
    larger.kernel.assign(model.kernel)
    larger.bias.assign(model.bias)
    larger.basis.assign(model.basis)
    larger.embeddings.assign(np.concatenate([old, embeddings]))
    larger.penalties.assign(
        np.concatenate([model.penalties.numpy(), np.zeros(len(embeddings))])
    )
    return larger


def fit(
    samples: Samples,
    embeddings: np.ndarray | None,
    num_classes: int,
    sgd: SGD,
    seed: int,
    num_competing: int | None = None,
    on_epoch: Callable[[], None] = lambda: None,
) -> Classifier:
    """Trains f with cross-entropy; the last epoch counts.

    Args:
        samples: real and synthetic samples, labels 0..C-1.
        embeddings: `[C, da]`, or None for the linear f.
        num_classes: C.
        sgd: the optimiser's settings.
        seed: decides the initial values and the order of samples.
        num_competing: the cross-entropy runs over the classes 0..n-1 with this
            n; without it over all. Real samples alone must compete among the
            seen classes: against unseen ones, which never occur, f would
            only learn never to choose those.
        on_epoch: called after each epoch.

    Raises:
        InputError: if training diverged.
    """
    feature_dim = samples.features.shape[1]
    basis = None if embeddings is None else compatibility.span_basis(embeddings)
    units = num_classes if basis is None else basis.shape[1]
    competing = None
    if basis is not None:
        competing = tf.constant((embeddings @ basis)[:num_competing])
    features, labels = samples.features, tf.constant(samples.labels)
    if isinstance(features, np.ndarray):
        features = tf.constant(features)
    theta = compatibility.initial_theta(feature_dim, units, [seed, 0])
    velocity = tuple(map(tf.zeros_like, theta))
    for epoch in range(sgd.epochs):
        order = tf.random.experimental.stateless_shuffle(
            tf.range(len(samples)), [seed, epoch + 1]
        )
        theta, velocity = _epoch(
            theta,
            velocity,
            (features, labels, competing),
            order,
            tf.constant(sgd.learning_rate * sgd.decay**epoch, tf.float32),
            sgd,
        )
        on_epoch()
    if not all(np.isfinite(part).all() for part in theta):
        raise InputError(
            "Training the classifier diverged.",
            "finite weights after the last epoch",
            "NaN or infinite weights",
            "lower --classifier_learning_rate",
        )
    model = Classifier(
        feature_dim,
        num_classes,
        None if basis is None else basis.shape[0],
        units,
    )
    model.build((None, feature_dim))
    model.kernel.assign(theta[0])
    model.bias.assign(theta[1])
    if basis is not None:
        model.embeddings.assign(embeddings)
        model.basis.assign(basis)
    return model


# Retraced for every shape: `scores` takes its order of products from shapes.
@tf.function
def _epoch(theta, velocity, data, order, learning_rate, sgd: SGD):
    """One pass of SGD with momentum and (coupled) L2 weight decay."""
    features, labels, embeddings = data
    for start in tf.range(0, tf.size(order), sgd.batch_size):
        rows = order[start : start + sgd.batch_size]
        batch = on_disk.gather(features, rows)
        with tf.GradientTape() as tape:
            tape.watch(theta)
            class_scores = compatibility.scores(batch, theta, embeddings)
            loss = tf.reduce_mean(
                compatibility.cross_entropy(
                    class_scores, tf.gather(labels, rows)
                )
            )
        gradients = tape.gradient(loss, theta)
        velocity = tuple(
            sgd.momentum * v + g + sgd.weight_decay * t
            for v, g, t in zip(velocity, gradients, theta)
        )
        theta = tuple(t - learning_rate * v for t, v in zip(theta, velocity))
    return theta, velocity
