"""Eq. 1, 7, 8, 9: the Wasserstein losses with gradient penalty.

The printed signs of Eq. 1 and 9 are the reverse of Eq. 7 and 8; the latter
are right and followed here: the critic scores real samples high.
"""

import tensorflow as tf

EPSILON = 1e-12  # keeps the root's gradient finite where a critic is flat


def generator_loss(fake_scores):
    """-E D(fake), the adversarial part of Eq. 5. Scores `[batch]`."""
    return -tf.reduce_mean(fake_scores)


def wasserstein_loss(real_scores, fake_scores):
    """E D(fake) - E D(real), what the critic minimises. Scores `[batch]`."""
    return tf.reduce_mean(fake_scores) - tf.reduce_mean(real_scores)


def gradient_norms(gradients):
    """|| grad_x D ||, `[batch, dx]` -> `[batch]`, never in half precision."""
    if gradients.dtype.size < 4:
        gradients = tf.cast(gradients, tf.float32)
    return tf.sqrt(tf.reduce_sum(tf.square(gradients), axis=-1) + EPSILON)


def gradient_penalty(norms):
    """E (|| grad_x D(x_hat) || - 1)^2 from the norms `[batch]`."""
    return tf.reduce_mean(tf.square(norms - 1.0))


def interpolate(real, fake, mix):
    """x_hat = mix real + (1 - mix) fake: `[batch, d]`, with mix `[batch]`."""
    mix = tf.cast(mix, real.dtype)[:, tf.newaxis]
    return mix * real + (1.0 - mix) * fake


def critic_loss(critic, real, fake, condition, mix, penalty_weight: float):
    """Eq. 1 with the signs of Eq. 7-8, and its parts.

    The critic's first layer is linear. So its output at x_hat is the mix of
    its outputs at real and fake, and grad_x D follows from the gradient at
    that output: both are exact, and spare the largest products of the step.

    Args:
        critic: a `gmn_tf.Critic`.
        real: `[batch, dx]` real features.
        fake: `[batch, dx]` synthetic features of the same classes.
        condition: `[batch, h]`, `critic.condition` of those classes.
        mix: `[batch]` numbers from U[0, 1].
        penalty_weight: lambda.

    Returns:
        The loss, and a dictionary of its parts.
    """
    projections = critic.project(tf.stack([real, fake]), condition)
    mixed_projection = interpolate(*tf.unstack(projections), mix)
    with tf.GradientTape() as tape:
        tape.watch(mixed_projection)
        mixed_scores = critic.score(mixed_projection)
    gradients = tape.gradient(mixed_scores, mixed_projection)
    kernel = tf.cast(critic.feature_layer.kernel, gradients.dtype)
    gradients = tf.matmul(gradients, kernel, transpose_b=True)
    norms = gradient_norms(gradients)
    penalty = gradient_penalty(norms)
    real_scores, fake_scores = tf.unstack(critic.score(projections))
    loss = wasserstein_loss(real_scores, fake_scores) + penalty_weight * penalty
    return loss, {
        "critic_loss": loss,
        "critic_real_score": tf.reduce_mean(real_scores),
        "critic_fake_score": tf.reduce_mean(fake_scores),
        "gradient_penalty": penalty,
        "gradient_norm": tf.reduce_mean(norms),
    }
