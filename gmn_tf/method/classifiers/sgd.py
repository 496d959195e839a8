"""Section 3.4: a compatibility x^T W a + b^T a, trained by SGD.

theta is trained in the span of the embeddings (see `compatibility`), and then
folded into one weight vector and one bias for each class. The losses differ:
see `bilinear`, `linear`, `devise` and `ale`.
"""

from collections.abc import Callable
from typing import NamedTuple

import keras
import tensorflow as tf

from gmn_tf.data import on_disk
from gmn_tf.method import compatibility
from gmn_tf.method.classifiers import base


class SGD(NamedTuple):  # which tf.function compares by value
    """Settings of a classifier's training; see `gmn_tf.Config`."""

    learning_rate: float
    decay: float
    momentum: float
    weight_decay: float
    batch_size: int
    epochs: int


@keras.saving.register_keras_serializable("gmn_tf")
class SpanEmbedder(base.Embedder):
    """theta of Eq. 6, kept in the span of the embeddings it was trained with.

    Args:
        embedding_dim: d_a.
        feature_dim: d_x.
        units: r, the size of the span.
    """

    def __init__(
        self, embedding_dim: int, feature_dim: int, units: int, **kwargs
    ):
        super().__init__(**kwargs)
        self.sizes = {
            "embedding_dim": embedding_dim,
            "feature_dim": feature_dim,
            "units": units,
        }

        def weight(name, *shape):
            return self.add_weight(shape, "zeros", trainable=False, name=name)

        self.kernel = weight("kernel", feature_dim, units)
        self.bias = weight("bias", units)
        self.basis = weight("basis", embedding_dim, units)
        self.built = True

    @classmethod
    def of(cls, theta, basis) -> "SpanEmbedder":
        """The embedder of theta `[dx, r]`, `[r]` with the basis `[da, r]`."""
        made = cls(basis.shape[0], *theta[0].shape)
        made.set_weights([*theta, basis])
        return made

    @property
    def theta(self):
        """W `[dx, da]` and b `[da]` of Eq. 6, out of the span."""
        return compatibility.times((self.kernel, self.bias), self.basis)

    def term(self, embeddings) -> base.Term:
        """x^T W a + b^T a as columns; outside the span a has no effect."""
        return base.Term(False, *compatibility.times(self.theta, embeddings))

    def scaled(self, factor: float) -> "SpanEmbedder":
        """theta multiplied."""
        theta = factor * self.kernel, factor * self.bias
        return SpanEmbedder.of(theta, tf.convert_to_tensor(self.basis))


def fit_in_span(
    task: base.Task,
    settings: NamedTuple,
    seed: int,
    on_epoch: Callable[[], None] = lambda: None,
    *,
    losses: Callable,
    with_bias: bool = True,
) -> base.Classifier:
    """Trains theta of Eq. 6; the last epoch counts.

    Args:
        task: what to learn from.
        settings: the fields of `SGD`, and others for `losses`.
        seed: decides the initial values and the order of samples.
        on_epoch: called after each epoch.
        losses: function of scores `[n, classes]`, labels and `settings`; a
            function of a module, so that graphs are reused.
        with_bias: whether there is b beside W.

    Raises:
        InputError: if training diverged.
    """
    basis = compatibility.span_basis(task.embeddings)
    competing = (task.embeddings @ basis)[: task.num_competing]
    theta = train(
        task,
        basis.shape[1],
        tf.constant(competing),
        settings,
        losses,
        seed,
        on_epoch,
        with_bias,
    )
    embedder = SpanEmbedder.of(theta, basis)
    return base.assemble([embedder.term(task.embeddings)], [embedder])


def train(
    task: base.Task,
    units: int,
    embeddings,
    settings: NamedTuple,
    losses: Callable,
    seed: int,
    on_epoch: Callable[[], None],
    with_bias: bool = True,
):
    """theta with `units` columns after all epochs; see `fit_in_span`.

    Args:
        task: see `fit_in_span`.
        units: the size of the span, or the number of classes.
        embeddings: `[classes, units]` of those that compete, or None for one
            column per class.
        settings: see `fit_in_span`.
        losses: see `fit_in_span`.
        seed: see `fit_in_span`.
        on_epoch: see `fit_in_span`.
        with_bias: see `fit_in_span`.

    Raises:
        InputError: if training diverged.
    """
    features, labels = task.features, tf.constant(task.samples.labels)
    weights, bias = compatibility.initial_theta(
        features.shape[1], units, [seed, 0]
    )
    theta = (weights, bias) if with_bias else (weights,)
    velocity = tuple(map(tf.zeros_like, theta))
    run_epoch = base.epoch_for(features, _epoch)
    for epoch in range(settings.epochs):
        order = tf.random.experimental.stateless_shuffle(
            tf.range(len(task.samples)), [seed, epoch + 1]
        )
        rate = settings.learning_rate * settings.decay**epoch
        theta, velocity = run_epoch(
            theta,
            velocity,
            (features, labels, embeddings),
            order,
            tf.constant(rate, tf.float32),
            settings,
            losses,
            task.dtype,
        )
        on_epoch()
    base.check_converged(theta, "classifier_learning_rate")
    return theta if with_bias else (*theta, tf.zeros_like(bias))


@tf.function
def _epoch(
    theta, velocity, data, order, learning_rate, settings, losses, dtype
):
    """One pass of SGD with momentum and (coupled) L2 weight decay."""
    features, labels, embeddings = data
    for start in tf.range(0, tf.size(order), settings.batch_size):
        rows = order[start : start + settings.batch_size]
        batch = on_disk.gather(features, rows)
        with tf.GradientTape() as tape:
            tape.watch(theta)
            pair = theta if len(theta) == 2 else (*theta, 0.0)
            class_scores = compatibility.scores(batch, pair, embeddings, dtype)
            loss = tf.reduce_mean(
                losses(class_scores, tf.gather(labels, rows), settings)
            )
        # In graphs, TensorFlow loses the shape where a sample is one number.
        gradients = [
            tf.ensure_shape(gradient, part.shape)
            for gradient, part in zip(tape.gradient(loss, theta), theta)
        ]
        velocity = tuple(
            settings.momentum * v + g + settings.weight_decay * t
            for v, g, t in zip(velocity, gradients, theta)
        )
        theta = tuple(t - learning_rate * v for t, v in zip(theta, velocity))
    return theta, velocity


def cross_entropy(class_scores, labels, settings):
    """-log softmax of the true class, `[n]`."""
    return compatibility.cross_entropy(class_scores, labels)
