"""Table 3 and beyond: a variational auto-encoder whose decoder is G.

    L_VAE = E r(x, G(z, a)) + kl_weight KL(q(z | x, a) || N(0, I))
            + prior_weight E r(x, G(eps, a))
            + code_weight  E -log q(eps | G(eps, a), a)

z ~ q is a code of x, eps ~ N(0, I) the noise of a synthetic sample, and r is
the error of a reconstruction, summed over dimensions. With the first two terms
this is the branch beside the critic of f-VAEGAN-D2 (Xian et al., CVPR
2019); the other two are those of SE-GZSL (Verma et al., CVPR 2018, arXiv
1712.03878), whose encoder sees x alone. Re-implementations from the
descriptions.
"""

import tensorflow as tf

from gmn_tf.method import encoder as encoding
from gmn_tf.method.guidance import GuidanceLayer

EPSILON = 1e-6  # keeps logarithms of a saturated output finite


def squared_error(real, rebuilt):
    """-log N(x; G(z), I) less its constant: `[n, dx]` -> `[n]`."""
    return 0.5 * tf.reduce_sum(tf.square(real - rebuilt), axis=-1)


def absolute_error(real, rebuilt):
    """The sum of |x - G(z)| over dimensions: `[n, dx]` -> `[n]`."""
    return tf.reduce_sum(tf.abs(real - rebuilt), axis=-1)


def cross_entropy(real, rebuilt):
    """-x log G(z) - (1 - x) log(1 - G(z)), summed; both in [0, 1]."""
    right = real * tf.math.log(rebuilt + EPSILON)
    wrong = (1.0 - real) * tf.math.log(1.0 - rebuilt + EPSILON)
    return -tf.reduce_sum(right + wrong, axis=-1)


ERRORS = {
    "squared": squared_error,
    "absolute": absolute_error,
    "cross_entropy": cross_entropy,
}


class Autoencoding(GuidanceLayer):
    """weight L_VAE; the encoder moves with the generator.

    Args:
        encoder: q, an `encoder.Encoder`.
        embeddings: `[C, da]`.
        error: r, a key of `ERRORS`.
        weight: of the sum.
        kl_weight: of a term; 0 leaves it out.
        prior_weight: the same.
        code_weight: the same.
    """

    def __init__(
        self,
        encoder,
        embeddings,
        error: str,
        weight: float = 1.0,
        kl_weight: float = 1.0,
        prior_weight: float = 0.0,
        code_weight: float = 0.0,
    ):
        super().__init__(name="autoencoding")
        self.encoder = encoder
        self.embeddings = tf.convert_to_tensor(embeddings)
        self.error = ERRORS[error]
        self.weight, self.kl_weight = weight, kl_weight
        self.prior_weight, self.code_weight = prior_weight, code_weight
        self.built = True

    @property
    def joint_variables(self):
        return self.encoder.trainable_variables

    def loss(self, fake, synthesise, batch, targets):
        """weight L_VAE on real samples, and the fakes of their classes."""
        samples = batch["generator"]
        features, labels = samples["features"], samples["labels"]
        embeddings = tf.gather(self.embeddings, labels)
        mean, log_variance = self.encoder(features, embeddings)
        codes = encoding.code(mean, log_variance, samples["code_noise"])
        rebuilt = synthesise(codes, labels)
        parts = {
            "vae_reconstruction": self.error(features, rebuilt),
            "vae_kl": encoding.kl_divergence(mean, log_variance),
        }
        weights = [1.0, self.kl_weight]
        if self.prior_weight:
            parts["vae_prior"] = self.error(features, fake)
            weights.append(self.prior_weight)
        if self.code_weight:
            noise = samples["noise"][..., : mean.shape[-1]]
            parts["vae_code"] = encoding.negative_log_density(
                noise, *self.encoder(fake, embeddings)
            )
            weights.append(self.code_weight)
        parts = {name: tf.reduce_mean(part) for name, part in parts.items()}
        loss = sum(w * part for w, part in zip(weights, parts.values()))
        return self.weight * loss, parts
