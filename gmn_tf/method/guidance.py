"""Eq. 5, its terms beside the critic's: beta L_GM, L_CLS and L_cycle.

Each guidance is a layer with two methods, called in every step:

* `targets(batch)`: what does not depend on the generator;
* `loss(fake, synthesise, batch, targets)`: its loss, already weighted, and the
  parts of it to watch. `fake` are the samples the critic sees in this step,
  `synthesise(noise, labels)` makes others.

A guidance with weights of its own trains them by
`own_loss(batch, synthesise)` after the generator's step, or lets them move
with the generator: see `GuidanceLayer`.
"""

import keras
import numpy as np
import tensorflow as tf

from gmn_tf.data.zero_shot_data import Samples
from gmn_tf.method import compatibility, gradient_matching

BLOCK = 1024  # samples that the regressor is fitted on at once


class GuidanceLayer(keras.layers.Layer):
    """What guidances with networks of their own can say beside the above.

    Attributes:
        own_optimizer: that of `GMN` which moves what `own_loss` trains.
        representation: a `representation.Representation` by which the final
            classifiers may see features, or None.
    """

    own_optimizer = "theta_optimizer"
    representation = None

    @property
    def joint_variables(self) -> list:
        """Variables that move with the generator, down the same loss."""
        return []

    @property
    def own_variables(self) -> list:
        """Variables that `own_loss` trains: all others."""
        joint = {id(variable) for variable in self.joint_variables}
        return [v for v in self.trainable_variables if id(v) not in joint]

    def attach(self, generator) -> None:
        """Called once with the generator that is guided."""

    def targets(self, batch):
        """Nothing, unless a guidance says otherwise."""
        return None  # AutoGraph cannot convert an empty body.


class GradientMatching(GuidanceLayer):
    """beta L_GM (Eq. 4), and the compatibility f whose gradients are matched.

    theta = (W, b) is drawn again every N steps and trained on real data in
    between, so that gradients are matched all along f's training (the paper);
    with N = 1 it is always fresh and never trained (the release). It is kept in
    the span of the embeddings (see `compatibility`); the gradients are those
    with respect to all of it.

    Args:
        embeddings: `[S, da]` of the seen classes, or None for the linear f.
        theta_shape: (dx, units) of W; units is r = min(S, da), the size of the
            span, or S for the linear f.
        distance: `per_unit` or `global`.
        weight: beta.
        norm_weight: weight of the added || g_r - g_s ||_p; 0 leaves it out.
        norm_order: p.
        reset_steps: N.
    """

    def __init__(
        self,
        embeddings,
        theta_shape: tuple[int, int],
        distance: str,
        weight: float,
        norm_weight: float = 0.0,
        norm_order: float = 2.0,
        reset_steps: int = 1,
    ):
        super().__init__(name="gradient_matching")
        self.embeddings = self.span_embeddings = None
        if embeddings is not None:
            basis = compatibility.span_basis(embeddings)
            self.embeddings = tf.convert_to_tensor(embeddings)
            self.span_embeddings = tf.convert_to_tensor(embeddings @ basis)
        self.theta_shape = theta_shape
        self.distance = gradient_matching.DISTANCES[distance]
        self.weight = weight
        self.norm_weight = norm_weight
        self.norm_order = norm_order
        self.reset_steps = reset_steps
        self.theta = ()
        if reset_steps > 1:
            self.theta = (
                self.add_weight(theta_shape, name="theta_w"),
                self.add_weight(theta_shape[1:], name="theta_b"),
            )
        self.built = True

    def targets(self, batch):
        """theta at this step, and g_r of the step's classes."""
        theta = self._current_theta(batch)
        classes = batch["matching"]
        return theta, self._gradient(
            classes["features"], classes["labels"], theta
        )

    def loss(self, fake, synthesise, batch, targets):
        """beta L_GM on fresh samples of the step's classes."""
        theta, real_gradient = targets
        classes = batch["matching"]
        fakes = synthesise(classes["noise"], classes["labels"])
        fake_gradient = self._gradient(fakes, classes["labels"], theta)
        distances, parts = self.distance(real_gradient, fake_gradient)
        parts["matching_loss"] = distances
        if self.norm_weight:
            norms = gradient_matching.norm_distance(
                real_gradient, fake_gradient, self.norm_order
            )
            distances += self.norm_weight * norms
            parts["matching_norm"] = norms
        share = classes["share"]
        parts = {
            name: tf.reduce_sum(share * value) for name, value in parts.items()
        }
        return self.weight * tf.reduce_sum(share * distances), parts

    def own_loss(self, batch, synthesise):
        """Cross-entropy of f on real seen samples, which trains theta."""
        samples = batch["theta"]
        class_scores = self._scores(samples["features"], self.theta)
        return tf.reduce_mean(
            compatibility.cross_entropy(class_scores, samples["labels"])
        )

    def _scores(self, features, theta):
        return compatibility.scores(features, theta, self.span_embeddings)

    def _gradient(self, features, labels, theta):
        return gradient_matching.compatibility_gradient(
            features, self._scores(features, theta), labels, self.embeddings
        )

    def _current_theta(self, batch):
        def fresh():
            return compatibility.initial_theta(
                *self.theta_shape, batch["theta_seed"], self.variable_dtype
            )

        if not self.theta:
            return fresh()
        theta = tf.cond(
            tf.equal(batch["step"] % self.reset_steps, 0),
            fresh,
            lambda: tuple(map(tf.convert_to_tensor, self.theta)),
        )
        for variable, value in zip(self.theta, theta):
            variable.assign(value)
        return theta


class Frozen(GuidanceLayer):
    """A guidance by a linear model of features that was trained in advance.

    Args:
        embeddings: `[S, da]` of the seen classes, or None.
        model: weights `[dx, units]` and bias `[units]`; neither is moved.
        weight: of its loss in the generator's.
    """

    def __init__(self, embeddings, model, weight: float):
        super().__init__()
        self.embeddings = (
            None if embeddings is None else tf.convert_to_tensor(embeddings)
        )
        self.model = tuple(map(tf.convert_to_tensor, model))
        self.weight = weight
        self.built = True


class Classification(Frozen):
    """L_CLS: cross-entropy of the fakes under a frozen f (Xian et al.).

    The model is theta of Eq. 6, trained on real seen samples; without
    embeddings that of the linear f.
    """

    def __init__(self, embeddings, theta, weight: float):
        # With more classes than dimensions two products are cheaper than one.
        if embeddings is not None and len(embeddings) < embeddings.shape[1]:
            theta = compatibility.times(theta, embeddings)
            embeddings = None
        super().__init__(embeddings, theta, weight)

    def loss(self, fake, synthesise, batch, targets):
        """weight L_CLS on the samples the critic sees."""
        class_scores = compatibility.scores(fake, self.model, self.embeddings)
        labels = batch["generator"]["labels"]
        loss = tf.reduce_mean(compatibility.cross_entropy(class_scores, labels))
        return self.weight * loss, {"classification_loss": loss}


class Cycle(Frozen):
    """L_cycle: squared error of a frozen regressor on the fakes (Felix et al.).

    The model is W `[dx, da]` and b `[da]` from `fit_regressor`.
    """

    def loss(self, fake, synthesise, batch, targets):
        """weight E || R(fake) - a ||^2 on the samples the critic sees."""
        error = compatibility.scores(fake, self.model)
        error -= tf.gather(self.embeddings, batch["generator"]["labels"])
        loss = tf.reduce_mean(tf.reduce_sum(tf.square(error), axis=-1))
        return self.weight * loss, {"cycle_loss": loss}


def fit_regressor(
    samples: Samples, embeddings: np.ndarray, ridge: float
) -> tuple[np.ndarray, np.ndarray]:
    """L_cycle's regressor R(x) = W^T x + b, by ridge regression.

        min  E || R(x) - a ||^2 + ridge v || W ||^2

    with v the mean variance of a feature, so that `ridge` does not depend on
    the scale of features. Solved in closed form from sums over blocks of
    samples: scikit-learn's Ridge needs all of them in memory.

    Args:
        samples: `[n, dx]` features and labels, rows of `embeddings`.
        embeddings: `[S, da]`.
        ridge: > 0; the larger it is, the smaller is W.

    Returns:
        W `[dx, da]` and b `[da]`, of the type of the embeddings.
    """
    count, dx = len(samples), samples.features.shape[1]
    totals, second, cross = np.zeros(dx), 0.0, 0.0
    for start in range(0, count, BLOCK):
        block = slice(start, start + BLOCK)
        features = samples.features[block].astype(np.float64)
        totals += features.sum(axis=0)
        second += features.T @ features
        cross += features.T @ embeddings[samples.labels[block]]
    mean = totals / count
    counts = np.bincount(samples.labels, minlength=len(embeddings))
    mean_embedding = counts @ embeddings / count
    covariance = second / count - np.outer(mean, mean)
    penalty = ridge * np.trace(covariance) / dx * np.eye(dx)
    weights = np.linalg.solve(
        covariance + penalty, cross / count - np.outer(mean, mean_embedding)
    )
    bias = mean_embedding - mean @ weights
    return weights.astype(embeddings.dtype), bias.astype(embeddings.dtype)
