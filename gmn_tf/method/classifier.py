"""Section 3.4: the final classifier, f of Eq. 6 over seen and unseen classes.

theta is trained by SGD in the span of the embeddings (see `compatibility`),
and then folded into one weight vector and one bias for each class. Predicting,
scoring and exporting use these: scores = x W + c.
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
    """f(x, a) of given classes as a model: features in, scores out.

    Args:
        feature_dim: d_x.
        num_classes: C.
        embedding_dim: d_a, or None for the linear f.
        units: r, the size of the span in which theta was trained; theta is
            kept for classes that are added later.
    """

    def __init__(
        self,
        feature_dim: int,
        num_classes: int,
        embedding_dim: int | None = None,
        units: int | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.sizes = {
            "feature_dim": feature_dim,
            "num_classes": num_classes,
            "embedding_dim": embedding_dim,
            "units": units,
        }

        def weight(name, *shape):
            return self.add_weight(shape, "zeros", trainable=False, name=name)

        self.kernel = weight("kernel", feature_dim, num_classes)
        self.bias = weight("bias", num_classes)
        self.penalties = weight("penalties", num_classes)
        if embedding_dim is not None:
            self.theta_kernel = weight("theta_kernel", feature_dim, units)
            self.theta_bias = weight("theta_bias", units)
            self.basis = weight("basis", embedding_dim, units)
        self.built = True

    def get_config(self):
        return {**super().get_config(), **self.sizes}

    @classmethod
    def from_config(cls, config):
        if "span_dim" in config:
            raise ValueError(
                "a classifier of an earlier version of gmn_tf, which kept "
                "theta and the embeddings instead of weights for each class"
            )
        return super().from_config(config)

    def penalise_seen(self, num_seen: int, penalty: float) -> None:
        """Lowers the scores of the classes 0..num_seen-1 (`calibration`)."""
        seen = np.arange(self.sizes["num_classes"]) < num_seen
        self.penalties.assign(np.where(seen, penalty, 0.0))

    @property
    def theta(self):
        """W `[dx, units]` and b `[units]` of Eq. 6, out of the span."""
        if self.sizes["embedding_dim"] is None:
            return self.kernel, self.bias
        theta = self.theta_kernel, self.theta_bias
        return compatibility.times(theta, self.basis)

    @property
    def class_weights(self):
        """W `[dx, C]` and c `[C]`, the penalties included."""
        return tf.convert_to_tensor(self.kernel), self.bias - self.penalties

    def call(self, features):
        """Features `[n, dx]` -> scores `[n, C]`, higher is likelier."""
        return compatibility.scores(features, self.class_weights)


def with_classes(model: Classifier, embeddings: np.ndarray) -> Classifier:
    """The same f over more classes, known by their embeddings alone.

    Args:
        model: a bilinear classifier over C classes.
        embeddings: `[k, da]` of the classes C..C+k-1; the part of them outside
            the span of the first C has no effect.

    Raises:
        InputError: for a linear classifier, which knows no embeddings.
    """
    if model.sizes["embedding_dim"] is None:
        raise InputError(
            "A linear classifier cannot score a class by its description.",
            "a run with --compatibility=bilinear",
            "linear",
            "Add the classes with synthetic samples of them (--synthesize).",
        )
    kernel, bias, penalties, *theta_and_basis = model.get_weights()
    new_kernel, new_bias = compatibility.times(
        model.theta, np.asarray(embeddings, kernel.dtype)
    )
    return _classifier(
        np.concatenate([kernel, new_kernel], axis=1),
        np.concatenate([bias, new_bias]),
        np.concatenate([penalties, np.zeros(len(embeddings))]),
        *theta_and_basis,
    )


def _classifier(kernel, bias, penalties, *theta_and_basis) -> Classifier:
    """A classifier with these weights."""
    basis_shape = theta_and_basis[-1].shape if theta_and_basis else ()
    model = Classifier(*kernel.shape, *basis_shape)
    model.set_weights([kernel, bias, penalties, *theta_and_basis])
    return model


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
    units, competing = num_classes, None
    if embeddings is not None:
        basis = compatibility.span_basis(embeddings)
        units = basis.shape[1]
        competing = tf.constant((embeddings @ basis)[:num_competing])
    features, labels = samples.features, tf.constant(samples.labels)
    if isinstance(features, np.ndarray):
        features = tf.constant(features)
    theta = compatibility.initial_theta(features.shape[1], units, [seed, 0])
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
            "Lower --classifier_learning_rate.",
        )
    penalties = np.zeros(num_classes)
    if embeddings is None:
        return _classifier(*theta, penalties)
    whole = compatibility.times(theta, basis)
    class_weights = compatibility.times(whole, embeddings)
    return _classifier(*class_weights, penalties, *theta, basis)


@tf.function
def _epoch(theta, velocity, data, order, learning_rate, sgd: SGD):
    """One pass of SGD with momentum and (coupled) L2 weight decay."""
    features, labels, embeddings = data
    for start in tf.range(0, tf.size(order), sgd.batch_size):
        rows = order[start : start + sgd.batch_size]
        batch = on_disk.gather(features, rows)
        with tf.GradientTape() as tape:
            tape.watch(theta)
            losses = compatibility.cross_entropy(
                compatibility.scores(batch, theta, embeddings),
                tf.gather(labels, rows),
            )
            loss = tf.reduce_mean(losses)
        gradients = tape.gradient(loss, theta)
        velocity = tuple(
            sgd.momentum * v + g + sgd.weight_decay * t
            for v, g, t in zip(velocity, gradients, theta)
        )
        theta = tuple(t - learning_rate * v for t, v in zip(theta, velocity))
    return theta, velocity
