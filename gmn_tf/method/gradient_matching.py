"""Eq. 2-4: synthetic samples should give f the gradients of real ones.

g_r and g_s are the gradients of the cross-entropy over the seen classes with
respect to theta = (W, b), on real and on synthetic samples of one class. All
functions take several classes at once on the first axis.

f is linear in theta, so g is known by two factors: X^T R for W and the column
sums of R for b, where R is the gradient with respect to X W + b. All that
Eq. 4 asks for are inner products of gradients, and those need no matrix of
W's size: <g_r, g_s> = sum(R_r * (X_r X_s^T R_s)).
"""

from typing import NamedTuple

import tensorflow as tf

from gmn_tf.method import compatibility

EPSILON = 1e-12  # keeps roots and quotients of vanishing gradients finite


class FactoredGradient(NamedTuple):
    """A gradient with respect to theta for each of several classes.

    Attributes:
        features: X, `[classes, n, dx]`.
        residuals: R, `[classes, n, units]`.
    """

    features: tf.Tensor
    residuals: tf.Tensor

    @property
    def weights(self):
        """g for W, written out: `[classes, dx, units]`."""
        return tf.matmul(self.features, self.residuals, transpose_a=True)

    @property
    def bias(self):
        """g for b: `[classes, units]`."""
        return tf.reduce_sum(self.residuals, axis=1)


def compatibility_gradient(features, class_scores, labels, embeddings):
    """Eq. 2-3: the gradient of f's cross-entropy, one for each class.

    Args:
        features: `[classes, n, dx]` samples, n of each class.
        class_scores: `[classes, n, S]` their scores f(x, a).
        labels: `[classes]` their classes, as rows of `embeddings`.
        embeddings: `[S, da]` of the seen classes, or None (linear f).

    Returns:
        The `FactoredGradient`.
    """
    samples = features.shape[1]
    sample_labels = tf.repeat(labels[:, tf.newaxis], samples, axis=1)
    with tf.GradientTape() as tape:
        tape.watch(class_scores)
        losses = compatibility.cross_entropy(class_scores, sample_labels)
        # The mean over a class's samples; the sum over classes keeps each
        # class's gradient apart, because no sample belongs to two.
        loss = tf.reduce_sum(tf.reduce_mean(losses, axis=1))
    residuals = tape.gradient(loss, class_scores)
    if embeddings is not None:
        residuals = tf.tensordot(residuals, embeddings, 1)
    return FactoredGradient(features, residuals)


def weight_products(real: FactoredGradient, fake: FactoredGradient):
    """<g_r, g_s>, <g_r, g_r> and <g_s, g_s> for W, column by column.

    Returns:
        Three of `[classes, units]`.
    """
    n, m = real.features.shape[1], fake.features.shape[1]
    feature_dim, units = real.features.shape[2], real.residuals.shape[2]
    kernels = (n * m + n * n + m * m) * (feature_dim + units)
    if kernels < (n + m) * feature_dim * units:
        return _products(_by_kernel, real, fake)
    return _products(_dot, real.weights, fake.weights)


def bias_products(real: FactoredGradient, fake: FactoredGradient):
    """The same for b: three of `[classes]`."""
    return _products(_dot, real.bias, fake.bias)


def _products(product, real, fake):
    return product(real, fake), product(real, real), product(fake, fake)


def _dot(first, second):
    return tf.reduce_sum(first * second, axis=1)


def _by_kernel(first: FactoredGradient, second: FactoredGradient):
    """<g_1, g_2> for W's columns, without a matrix of W's size."""
    kernel = tf.matmul(first.features, second.features, transpose_b=True)
    return _dot(first.residuals, tf.matmul(kernel, second.residuals))


def cosine(product, first_square, second_square):
    """<a, b> / (|a| |b|) from the three inner products."""
    return product * tf.math.rsqrt(first_square * second_square + EPSILON**2)


def per_unit_distance(real: FactoredGradient, fake: FactoredGradient):
    """The release's form of Eq. 4: one cosine per column of W.

    Args:
        real: g_r.
        fake: g_s.

    Returns:
        The distance `[classes]`: 1 - cos averaged over the columns of W, plus
        1 - cos for b; and both cosines, `[classes]`, as parts.
    """
    cosines = cosine(*weight_products(real, fake))
    weight_cosine = tf.reduce_mean(cosines, axis=-1)
    bias_cosine = cosine(*bias_products(real, fake))
    return (1.0 - weight_cosine) + (1.0 - bias_cosine), {
        "cosine_weights": weight_cosine,
        "cosine_bias": bias_cosine,
    }


def global_distance(real: FactoredGradient, fake: FactoredGradient):
    """Eq. 4 as printed: one cosine over all of theta; else as above."""
    weights = [
        tf.reduce_sum(product, axis=-1)
        for product in weight_products(real, fake)
    ]
    biases = bias_products(real, fake)
    joined = [weight + bias for weight, bias in zip(weights, biases)]
    return 1.0 - cosine(*joined), {
        "cosine_weights": cosine(*weights),
        "cosine_bias": cosine(*biases),
    }


DISTANCES = {"per_unit": per_unit_distance, "global": global_distance}


def norm_distance(real: FactoredGradient, fake: FactoredGradient, order: float):
    """|| g_r - g_s ||_p over all of theta: `[classes]`."""
    difference = tf.concat(
        [real.weights - fake.weights, (real.bias - fake.bias)[:, tf.newaxis]],
        axis=1,
    )
    # Divided by the largest entry, so that high powers stay in range.
    largest = EPSILON + tf.stop_gradient(
        tf.reduce_max(tf.abs(difference), axis=(1, 2))
    )
    scaled = difference / largest[:, tf.newaxis, tf.newaxis]
    # |0|^p has no gradient for p < 2, hence the second EPSILON; the third is
    # for the root of a difference that vanishes.
    powers = (tf.square(scaled) + EPSILON**2) ** (order / 2.0)
    total = tf.reduce_sum(powers, axis=(1, 2)) + EPSILON
    return largest * total ** (1.0 / order)
