"""How many multiplications a training step must do, counted.

Only matrix products count; all else is a few per cent. Additions double the
number: a multiplication with its addition is two operations.
"""

import itertools

from gmn_tf.config import Config
from gmn_tf.data.zero_shot_data import ZeroShotData
from gmn_tf.method.variants import (
    CLASSIFICATION,
    CONDITIONAL,
    CYCLE,
    MATCHING,
    VARIANTS,
)

# Guidances whose products are counted.
COUNTED = {MATCHING, CLASSIFICATION, CYCLE}


def step_operations(config: Config, data: ZeroShotData) -> int:
    """Operations of one training step, of a variant of the paper.

    A product of `[n, i]` and `[i, j]` takes n i j multiplications; the
    gradients with respect to both its factors take as many each. With B samples
    a critic step and M to match, g and c the weights of generator and critic
    (all layers, but the first of the critic, `[dx, h]`):

    * critic step: B g for the fakes. First layer: 2 B dx h forwards (real and
      fake) and as many backwards; B dx h for grad_x D, and 2 B dx h for the
      gradient of that. Other layers: 3 B c forwards (real, fake, mixed) and
      4 B c backwards; B c for grad_x D, and 2 B c.
    * generator step: 3 (B + M) g, and 2 B (dx h + c) through the critic.
    * what is computed per class: see `_embedding_products`.
    * gradient matching: see `_matching_products`.
    * L_CLS: 2 B dx S, with a weight vector per class from dx da S; 2 B (dx da +
      da S) where there are more classes than dimensions. L_cycle: 2 B dx da.

    Args:
        config: the settings.
        data: the sizes.
    """
    variant = VARIANTS[config.variant]
    batch, steps = config.batch_size, config.critic_steps
    dx = data.feature_dim
    noise = config.noise_dim
    if config.noise == "concat":
        noise += data.embeddings.shape[1]
    g = _mlp([noise, *config.generator_units, dx])
    c = _mlp([*config.critic_units, 1])
    first = dx * config.critic_units[0]
    total = 0
    if variant.critic:
        total += 3 * batch * g
        total += steps * batch * (g + 7 * first + 10 * c)
        total += 2 * batch * (first + c)
    if MATCHING in variant.guidance:
        total += 3 * config.matching_classes * config.matching_fake * g
        total += _matching_products(config, data)
    S, da = data.num_seen, data.embeddings.shape[1]
    if CLASSIFICATION in variant.guidance:
        if config.compatibility == "linear":
            total += 2 * batch * dx * S
        elif da > S:
            total += dx * da * S + 2 * batch * dx * S
        else:
            total += 2 * batch * (dx * da + da * S)
    if CYCLE in variant.guidance:
        total += 2 * batch * dx * da
    return 2 * (total + _embedding_products(config, data, variant))


def _mlp(sizes) -> int:
    return sum(i * j for i, j in itertools.pairwise(sizes))


def _embedding_products(config, data, variant) -> int:
    """The layers on embeddings, once per class or per sample.

    Noise: for all critic steps together, and forwards and backwards for the
    generator's. Critic: the same for each of its steps, and forwards alone.
    """
    classes, da = data.embeddings.shape
    batch, steps = config.batch_size, config.critic_steps
    total = 0
    if config.noise == "latent":
        layers = 1 if config.noise_covariance == "identity" else 2
        layer = layers * da * config.noise_dim
        total += 2 * min(batch, classes) * layer
        if variant.critic:
            total += min(steps * batch, classes) * layer
        if MATCHING in variant.guidance:
            total += 2 * min(config.matching_classes, classes) * layer
    if variant.critic == CONDITIONAL:
        layer = da * config.critic_units[0]
        total += (2 * steps + 1) * min(batch, classes) * layer
    return total


def _matching_products(config, data) -> int:
    """Eq. 2-4 for R real and F fake samples of each class.

    Real samples go forwards, fake ones backwards too: R + 2 F. Scores take
    dx r + r S, residuals S u, with u columns in W and r in its part in the
    embeddings' span. Inner products by kernels: (dx + u) for each pair of
    samples, and backwards dx + 2 u and 2 dx + 2 u; by matrices, dx u for each
    sample, and 2 dx u backwards.
    """
    S, dx, u = data.num_seen, data.feature_dim, data.embeddings.shape[1]
    R, F = config.matching_real, config.matching_fake
    if config.compatibility == "linear":
        scores, residuals, u = dx * S, 0, S
    else:
        span = min(S, u)
        scores, residuals = span * (dx + S), S * u
    pairs = R * F + R * R + F * F
    if pairs * (dx + u) < (R + F) * dx * u:
        inner = (
            pairs * (dx + u) + R * F * (dx + 2 * u) + F * F * (2 * dx + 2 * u)
        )
    else:
        inner = (R + 3 * F) * dx * u
    total = config.matching_classes * (
        (R + 2 * F) * (scores + residuals) + inner
    )
    if config.theta_reset_steps > 1:  # f is trained too
        total += 2 * config.batch_size * scores
    return total
