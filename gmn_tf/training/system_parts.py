"""The guidances of other systems (docs/systems.md), from a `Config`."""

from gmn_tf.config import Config
from gmn_tf.data import row_blocks
from gmn_tf.data.zero_shot_data import ZeroShotData
from gmn_tf.method import alignment, autoencoding, moments, variants
from gmn_tf.method.encoder import Encoder
from gmn_tf.method.feedback import FeedbackGenerator
from gmn_tf.method.regression import Regression, Regressor
from gmn_tf.method.representation import DecodedFeatures
from gmn_tf.training.precision import policy
from gmn_tf.utils.errors import InputError

CROSS_ENTROPY = "cross_entropy"


def noise_dim(config: Config, data: ZeroShotData) -> int:
    """Size of the noise, d_z."""
    return config.noise_dim or data.embeddings.shape[1]


def reconstruction(config: Config) -> str:
    """The error of an auto-encoder, a key of `autoencoding.ERRORS`."""
    if config.vae_reconstruction != "auto":
        return config.vae_reconstruction
    is_share = config.generator_output == "sigmoid"
    return CROSS_ENTROPY if is_share else "squared"


def check(config: Config, data: ZeroShotData) -> None:
    """Raises InputError for settings that do not fit a variant's guidance."""
    variant = variants.VARIANTS[config.variant]
    if variant.stream != variants.SEEN_ONLY and variant.reads_features:
        raise InputError(
            f"--variant={config.variant} reads the labels of real features, "
            "which unlabelled ones do not have.",
            "a variant whose stream is that of seen classes",
            variant.stream,
            "Compose it with SEEN_ONLY.",
        )
    if variants.ALIGNMENT in variant.guidance and (
        config.noise != "latent" or config.noise_covariance != "learned"
    ):
        raise InputError(
            f"--variant={config.variant} needs the distribution of codes that "
            "a class embedding has.",
            "--noise=latent --noise_covariance=learned",
            f"--noise={config.noise} "
            f"--noise_covariance={config.noise_covariance}",
            "Change these settings.",
        )
    if (
        variants.AUTOENCODING in variant.guidance
        and reconstruction(config) == CROSS_ENTROPY
    ):
        _check_shares(config, data)


def _check_shares(config, data):
    """Raises InputError where the cross-entropy of features has no meaning."""
    expected = "--generator_output=sigmoid, and features from 0 to 1"
    action = "Add --feature_scaling=minmax, or --vae_reconstruction=squared."
    problem = "--vae_reconstruction=cross_entropy is of numbers in [0, 1]."
    if config.generator_output != "sigmoid":
        found = f"--generator_output={config.generator_output}"
        raise InputError(problem, expected, found, action)
    features = data.train.features
    for rows in row_blocks.blocks(len(features)):
        block = features[rows]
        if block.min() < -1e-5 or block.max() > 1.0 + 1e-5:
            found = f"features from {block.min():g} to {block.max():g}"
            raise InputError(problem, expected, found, action)


def moment_matching(config: Config, data: ZeroShotData):
    """The guidance of GMMN."""
    return moments.MomentMatching(
        moments.widths_for(data.train), config.moments_weight
    )


def autoencoder(config: Config, data: ZeroShotData):
    """The guidance by an encoder whose decoder is the generator."""
    sees_both = config.vae_reads == "both"
    encoder = Encoder(
        data.feature_dim,
        data.embeddings.shape[1] if sees_both else 0,
        noise_dim(config, data),
        config.vae_units,
        config.activation,
        dtype=policy(config),
    )
    return autoencoding.Autoencoding(
        encoder,
        data.embeddings,
        reconstruction(config),
        config.vae_weight,
        config.vae_kl_weight,
        config.vae_prior_weight,
        config.vae_code_weight,
    )


def regression(config: Config, data: ZeroShotData):
    """The guidance by a regressor that is trained, too."""
    regressor = Regressor(
        data.feature_dim,
        data.embeddings.shape[1],
        config.regressor_units,
        config.activation,
        dtype=policy(config),
    )
    decoded = _representation(config) == variants.DECODED
    return Regression(
        regressor,
        data.embeddings,
        config.regressor_distance,
        config.regressor_weight,
        config.regressor_fake_weight,
        DecodedFeatures(regressor) if decoded else None,
    )


def with_feedback(config: Config, generator, guidances: list):
    """The generator, in two passes if a regressor guides it."""
    for guidance in guidances:
        if config.regressor_feedback and isinstance(guidance, Regression):
            return FeedbackGenerator(
                generator, guidance.regressor, config.regressor_feedback
            )
    return generator


def aligned_codes(config: Config, data: ZeroShotData):
    """The guidance of CADA-VAE."""
    dim, embedding_dim = noise_dim(config, data), data.embeddings.shape[1]
    encoder = Encoder(
        data.feature_dim,
        0,
        dim,
        config.alignment_units,
        config.activation,
        dtype=policy(config),
    )
    decoder = Regressor(
        dim,
        embedding_dim,
        config.alignment_embedding_units,
        config.activation,
        dtype=policy(config),
    )
    return alignment.Alignment(
        encoder,
        decoder,
        data.embeddings,
        config.steps,
        config.alignment_kl_weight,
        config.alignment_cross_weight,
        config.alignment_distance_weight,
        _representation(config) == variants.CODES,
    )


def _representation(config: Config) -> str:
    """What final classifiers see, by the settings and the variant."""
    if config.representation != "auto":
        return config.representation
    return variants.VARIANTS[config.variant].representation
