"""Beyond Table 3: CADA-VAE (Schonfeld et al., CVPR 2019).

Two variational auto-encoders, of features and of embeddings, share a space of
codes. That of embeddings is the generator: its noise N(mu(a), Sigma(a)) is the
encoder of embeddings, and the rest of it the decoder of features.

    L = reconstruction   |x - D_x(z_x)| + |a - D_a(z_a)|
        + kl_weight       (KL(q(z | x) || N) + KL(q(z | a) || N))
        + cross_weight    (|x - D_x(z_a)| + |a - D_a(z_x)|)
        + distance_weight W(q(z | x), q(z | a))

z_x ~ q(z | x) and z_a ~ q(z | a) are codes, |.| sums over dimensions, and W is
the 2-Wasserstein distance. Each weight grows linearly from 0 within a share of
all steps. The final classifiers see codes: see `representation.Codes`. Settings
are those of the authors' code; this is a re-implementation from the
description.
"""

import tensorflow as tf

from gmn_tf.method import encoder as encoding
from gmn_tf.method.autoencoding import absolute_error
from gmn_tf.method.guidance import GuidanceLayer
from gmn_tf.method.representation import Codes

# When the weights grow, in shares of all steps (the authors: in 100 epochs).
KL_RAMP, CROSS_RAMP, DISTANCE_RAMP = (0.0, 0.93), (0.21, 0.75), (0.06, 0.22)
EPSILON = 1e-12  # keeps the root's gradient finite where both are equal


def ramp(step, steps: int, begin: float, end: float):
    """0 before the share `begin` of all steps, 1 from `end` on, linear between.

    Args:
        step: number of the step, `[]`.
        steps: of the whole training.
        begin: share of it.
        end: share of it.
    """
    share = tf.cast(step, tf.float32) / steps
    return tf.clip_by_value((share - begin) / (end - begin), 0.0, 1.0)


def wasserstein(means, stddevs):
    """W_2 of two normal distributions with diagonal covariances.

    Args:
        means: two of `[n, dz]`.
        stddevs: two of `[n, dz]`, the roots of the diagonals.

    Returns:
        `[n]`.
    """
    squares = tf.square(means[0] - means[1])
    squares += tf.square(stddevs[0] - stddevs[1])
    return tf.sqrt(tf.reduce_sum(squares, axis=-1) + EPSILON)


class Alignment(GuidanceLayer):
    """L above; the encoder of features and the decoder D_a go with G.

    Args:
        encoder: q(z | x), an `encoder.Encoder` that sees no embedding.
        decoder: D_a, a `regression.Regressor` of codes.
        embeddings: `[C, da]`.
        steps: of the whole training.
        kl_weight: when it has grown.
        cross_weight: the same.
        distance_weight: the same.
        has_codes: whether the final classifiers see codes.
    """

    def __init__(
        self,
        encoder,
        decoder,
        embeddings,
        steps: int,
        kl_weight: float,
        cross_weight: float,
        distance_weight: float,
        has_codes: bool = True,
    ):
        super().__init__(name="alignment")
        self.encoder, self.decoder = encoder, decoder
        self.embeddings = tf.convert_to_tensor(embeddings)
        self.steps = steps
        self.kl_weight, self.cross_weight = kl_weight, cross_weight
        self.distance_weight = distance_weight
        self.representation = Codes(encoder) if has_codes else None
        self.built = True

    @property
    def joint_variables(self):
        return [
            *self.encoder.trainable_variables,
            *self.decoder.trainable_variables,
        ]

    def attach(self, generator):
        # Methods, or its weights would be those of this layer too.
        self.condition, self.decode = generator.condition, generator.decode

    def loss(self, fake, synthesise, batch, targets):
        """L on real samples, and the embeddings of their classes."""
        samples = batch["generator"]
        features = samples["features"]
        embeddings = tf.gather(self.embeddings, samples["labels"])
        mean, log_variance = self.encoder(features)
        code = encoding.code(mean, log_variance, samples["code_noise"])
        its_mean, its_stddev = self.condition(embeddings)
        noise = samples["noise"][..., : mean.shape[-1]]
        its_code = its_mean + its_stddev * noise
        stddevs = tf.exp(0.5 * log_variance), its_stddev
        parts = {
            "alignment_reconstruction": absolute_error(
                features, self.decode(code)
            )
            + absolute_error(embeddings, self.decoder(its_code)),
            "alignment_kl": encoding.kl_divergence(mean, log_variance)
            + encoding.kl_divergence(its_mean, 2.0 * tf.math.log(its_stddev)),
            "alignment_cross": absolute_error(features, fake)
            + absolute_error(embeddings, self.decoder(code)),
            "alignment_distance": wasserstein((mean, its_mean), stddevs),
        }
        step = batch["step"]
        weights = (
            1.0,
            self.kl_weight * ramp(step, self.steps, *KL_RAMP),
            self.cross_weight * ramp(step, self.steps, *CROSS_RAMP),
            self.distance_weight * ramp(step, self.steps, *DISTANCE_RAMP),
        )
        parts = {name: tf.reduce_mean(part) for name, part in parts.items()}
        loss = tf.add_n(
            [
                tf.cast(weight, part.dtype) * part
                for weight, part in zip(weights, parts.values())
            ]
        )
        return loss, parts
