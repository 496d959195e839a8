"""What training is made of, from a `Config`: networks, optimizers, batches.

Here, in `system_parts`, `final_classifiers` and `runs.experiment`, settings
become explicit arguments; no layer and no loss knows of `Config`.
"""

import keras
import tensorflow as tf

from gmn_tf.config import Config
from gmn_tf.data.feature_scaling import SIGNED
from gmn_tf.data.zero_shot_data import ZeroShotData
from gmn_tf.method import guidance, sampling, variants
from gmn_tf.method.adam import Adam
from gmn_tf.method.classifiers import base, bilinear, linear, table
from gmn_tf.method.critic import Critic
from gmn_tf.method.generator import ConcatenatedNoise, Generator, LatentNoise
from gmn_tf.method.gmn import GMN, own_variables
from gmn_tf.training import (
    batches,
    final_classifiers,
    precision,
    system_parts,
)
from gmn_tf.utils import registry
from gmn_tf.utils.errors import InputError, listed


def build_model(
    config: Config,
    data: ZeroShotData,
    jit_compile: bool = False,
    steps_per_execution: int = 1,
) -> GMN:
    """The networks of a variant, built and compiled.

    Args:
        config: the settings; the variant needs a generator.
        data: decides sizes and embeddings; guidances are fitted on it.
        jit_compile: whether XLA compiles the step.
        steps_per_execution: steps between two returns to Python.
    """
    variant = variants.VARIANTS[config.variant]
    generator = build_generator(config, data)
    critic = None
    if variant.critic is not None:
        critic = Critic(
            config.critic_units,
            config.activation,
            variant.critic == variants.CONDITIONAL,
            dtype=precision.policy(config),
        )
        critic.build((None, data.feature_dim), (None, data.embeddings.shape[1]))
    guidances = [
        build_guidance(name, config, data) for name in variant.guidance
    ]
    model = GMN(
        system_parts.with_feedback(config, generator, guidances),
        critic,
        guidances,
        data.embeddings,
        config.gradient_penalty_weight,
        config.adversarial_weight,
        config.condition_noise,
    )
    adam = (config.beta_1, config.beta_2, 1e-8)
    has_networks = any(
        getattr(one, "own_optimizer", "") == "network_optimizer"
        for one in guidances
    )
    model.compile(
        optimizer=Adam(config.learning_rate, *adam),
        critic_optimizer=Adam(
            config.critic_learning_rate or config.learning_rate, *adam
        ),
        theta_optimizer=keras.optimizers.SGD(config.theta_learning_rate),
        network_optimizer=(
            Adam(config.learning_rate, *adam) if has_networks else None
        ),
        jit_compile=jit_compile,
        steps_per_execution=steps_per_execution,
    )
    return model


def build_generator(config: Config, data: ZeroShotData) -> Generator:
    """The generator of a configuration, built for a data set."""
    dtype = precision.policy(config)
    dim = system_parts.noise_dim(config, data)
    if config.noise == "concat":
        noise = ConcatenatedNoise(dim, dtype=dtype)
    else:
        noise = LatentNoise(
            dim,
            config.noise_mean,
            config.noise_covariance,
            (config.noise_units,) if config.noise_units else (),
            config.activation,
            dtype=dtype,
        )
    output = config.generator_output
    if output == "auto":
        output = "linear" if data.has_negative_features else "relu"
    generator = Generator(
        noise,
        data.feature_dim,
        config.generator_units,
        config.activation,
        output,
        dtype=dtype,
    )
    generator.build((None, dim), (None, data.embeddings.shape[1]))
    return generator


def gradient_matching(config: Config, data: ZeroShotData):
    """The guidance by L_GM."""
    embeddings = seen_embeddings(config, data)
    units = data.num_seen if embeddings is None else min(embeddings.shape)
    return guidance.GradientMatching(
        embeddings,
        (data.feature_dim, units),
        config.matching_distance,
        config.matching_weight,
        config.matching_norm_weight,
        config.matching_norm_order,
        config.theta_reset_steps,
    )


def classification(config: Config, data: ZeroShotData):
    """The guidance by L_CLS, whose f is trained here."""
    seen = data.embeddings[: data.num_seen]
    dtype = precision.of_products(config)
    task = base.Task(data.train, seen, data.num_seen, data.num_seen, dtype)
    sgd_settings = final_classifiers.settings(config, "bilinear")
    if config.compatibility == "linear":
        (term,) = linear.fit(task, sgd_settings, config.seed).terms
        embeddings, theta = None, (term.weights, term.bias)
    else:
        (frozen,) = bilinear.fit(task, sgd_settings, config.seed).embedders
        embeddings, theta = seen, frozen.theta
    return guidance.Classification(
        embeddings, theta, config.classification_weight
    )


def cycle(config: Config, data: ZeroShotData):
    """The guidance by L_cycle, whose regressor is fitted here."""
    embeddings = data.embeddings[: data.num_seen]
    frozen = guidance.fit_regressor(data.train, embeddings, config.cycle_ridge)
    return guidance.Cycle(embeddings, frozen, config.cycle_weight)


def build_guidance(name: str, config: Config, data: ZeroShotData):
    """A guidance by its name in `variants.GUIDANCES`.

    Raises:
        InputError: if what was registered does not make one.
    """
    row = variants.GUIDANCES[name]
    what = f"guidance {name}"
    build = registry.Reference(row.build, what).resolve(("config", "data"))
    made = build(config, data)
    needed = ["targets", "loss", "trainable_variables"]
    if getattr(made, "trainable_variables", ()) and own_variables(made):
        needed.append("own_loss")
    missing = [method for method in needed if not hasattr(made, method)]
    if missing:
        raise InputError(
            f"The {what} is not a layer that guides.",
            "a Keras layer with the methods targets and loss, and own_loss if "
            "it has weights of its own",
            f"{type(made).__name__} without {listed(missing)}",
            registry.ADVICE,
        )
    return made


def seen_embeddings(config: Config, data: ZeroShotData):
    """What f takes for the seen classes: `[S, da]`, or None if linear."""
    if config.compatibility == "linear":
        return None
    return data.embeddings[: data.num_seen]


def note_on_output(config: Config, data: ZeroShotData) -> str:
    """Where the generator cannot make what the features are."""
    variant = variants.VARIANTS[config.variant]
    output = config.generator_output
    if not variant.has_generator or output in ("linear", "auto"):
        return ""
    if config.feature_scaling in SIGNED:
        what = f"--feature_scaling={config.feature_scaling} gives signed "
    elif data.has_negative_features:
        what = "The data have negative "
    else:
        return ""
    return (
        f"{what}features, which a generator with --generator_output={output} "
        "cannot make; auto can."
    )


def has_steps(config: Config) -> bool:
    """Whether anything is trained in steps, and not in closed form."""
    return variants.VARIANTS[config.variant].has_generator or any(
        table.CLASSIFIERS[part.name].random for part in config.classifier_parts
    )


def make_batches(
    config: Config,
    data: ZeroShotData,
    strategy: tf.distribute.Strategy,
    first_step: int = 0,
):
    """The batches of all steps from one on, spread over the devices."""
    variant = variants.VARIANTS[config.variant]
    transductive = variant.stream == variants.SEEN_AND_UNLABELLED
    source = sampling.SampleSource(
        data.train,
        data.num_seen,
        config.sampling,
        # Eq. 8: features alone; their labels stay behind.
        data.unseen.features if transductive else None,
        data.num_classes - data.num_seen,
    )
    replicas = strategy.num_replicas_in_sync

    def worker_batches(context):
        local = replicas // context.num_input_pipelines
        first = context.input_pipeline_id * local
        return batches.training_batches(
            source,
            batch_sizes(config, data),
            config.seed,
            first_step,
            replicas,
            range(first, first + local),
        )

    return strategy.distribute_datasets_from_function(worker_batches)


def batch_sizes(config: Config, data: ZeroShotData) -> batches.BatchSizes:
    """What a step of the variant takes."""
    variant = variants.VARIANTS[config.variant]
    trains_theta = (
        variants.MATCHING in variant.guidance and config.theta_reset_steps > 1
    )
    dim = system_parts.noise_dim(config, data)
    return batches.BatchSizes(
        critic_steps=config.critic_steps if variant.critic else 0,
        batch=config.batch_size,
        noise_dim=dim + bool(config.condition_noise) * data.embeddings.shape[1],
        classes=config.matching_classes if variant.reads_classes else 0,
        real=config.matching_real,
        fake=config.matching_fake,
        theta=config.batch_size if trains_theta else 0,
        code_dim=dim if variant.reads_features else 0,
    )
