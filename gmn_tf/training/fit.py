"""From settings to a trained generator: strategy, data, model, fit.

Here and in `experiment` settings become explicit arguments; no layer and no
loss knows of `Config`.
"""

import contextlib
import dataclasses
from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf

from gmn_tf.config import Config
from gmn_tf.data import on_disk
from gmn_tf.data.zero_shot_data import ZeroShotData
from gmn_tf.method import classifier, guidance, variants
from gmn_tf.method.critic import Critic
from gmn_tf.method.generator import ConcatenatedNoise, Generator, LatentNoise
from gmn_tf.method.gmn import GMN
from gmn_tf.training import batches, workers
from gmn_tf.training.adam import Adam
from gmn_tf.training.checkpoints import CheckpointMonitor, Checkpoints
from gmn_tf.training.divergence import DivergenceMonitor
from gmn_tf.utils.errors import InputError, check_choice

STRATEGIES = ("auto", "one", "mirrored", "multi_worker")
JIT = ("auto", "on", "off")


@dataclasses.dataclass(frozen=True)
class Execution:
    """How steps are run; changes no number but by rounding.

    Except that XLA draws other random numbers for theta: compare runs with
    gradient matching only where both or neither are compiled.

    Attributes:
        jit: whether XLA compiles the step: `on`, `off`, or `auto`: on GPUs.
        steps: steps that run between two returns to Python.
    """

    jit: str = "auto"
    steps: int = 1

    def __post_init__(self):
        check_choice("jit", self.jit, JIT)


DEFAULT_EXECUTION = Execution()


def compiles(jit: str) -> bool:
    """Whether XLA compiles the step; on CPUs that was slower."""
    gpus = tf.config.list_logical_devices("GPU")
    return jit == "on" or (jit == "auto" and bool(gpus))


def make_strategy(name: str) -> tf.distribute.Strategy:
    """How training is spread over devices.

    Args:
        name: `one` device; `mirrored` over all GPUs (or logical CPU devices)
            of this machine; `multi_worker` over the machines in TF_CONFIG;
            `auto`: mirrored if there are several GPUs, else one.

    Raises:
        InputError: for an unknown name.
    """
    check_choice("strategy", name, STRATEGIES)
    if name == "multi_worker":  # first: it must come before any device
        return tf.distribute.MultiWorkerMirroredStrategy()
    gpus = tf.config.list_logical_devices("GPU")
    if name == "mirrored" or (name == "auto" and len(gpus) > 1):
        devices = gpus or tf.config.list_logical_devices("CPU")
        return tf.distribute.MirroredStrategy([d.name for d in devices])
    return tf.distribute.get_strategy()


def check_feasible(
    config: Config,
    data: ZeroShotData,
    strategy: tf.distribute.Strategy,
    execution: Execution = DEFAULT_EXECUTION,
) -> None:
    """Raises InputError for settings that do not fit the data or devices."""
    _check_loaded_for(config, data)
    if config.steps % execution.steps:
        raise InputError(
            "--steps is not a multiple of --steps_per_execution.",
            f"a multiple of {execution.steps}",
            config.steps,
            "change one of them",
        )
    variant = variants.VARIANTS[config.variant]
    if variant.stream == variants.SEEN_AND_UNLABELLED and not len(data.unseen):
        raise InputError(
            f"--variant={config.variant} needs features of unseen classes.",
            "one or more, which may be unlabelled",
            "none: no unseen class has a sample",
            "choose another variant, such as cwgan_gm",
        )
    batches.check_batch_sizes(
        batch_sizes(config, variant),
        data.num_seen,
        strategy.num_replicas_in_sync,
    )


def _check_loaded_for(config: Config, data: ZeroShotData) -> None:
    """Raises InputError if the data was loaded for other settings."""
    loaded = {
        "dataset": data.metadata.get("dataset", ""),
        "split": data.split,
        "embedding_norm": data.embedding_norm,
    }
    for name, value in loaded.items():
        if value and value != getattr(config, name):
            raise InputError(
                "The data was loaded for other settings than these.",
                f"{name} {getattr(config, name)!r}",
                f"{name} {value!r}",
                "load it with the settings it is used with",
            )


def train(
    config: Config,
    data: ZeroShotData,
    strategy: tf.distribute.Strategy,
    callbacks: Callable[[int], Sequence] = lambda first_step: (),
    execution: Execution = DEFAULT_EXECUTION,
    checkpoints: Checkpoints | None = None,
) -> GMN:
    """Trains a generator for `config.steps` steps.

    Args:
        config: the settings; the variant needs a generator.
        data: what to learn from. The last step counts: nothing here looks at
            the samples held back for scoring, except that a transductive
            variant takes the features of the unseen ones, never their labels.
        strategy: from `make_strategy`.
        callbacks: from the number of steps done before, callbacks of Keras,
            which are called after every execution.
        execution: how steps are run.
        checkpoints: from where training goes on, and where to it saves; None
            begins anew and saves nothing.

    Raises:
        InputError: for settings that do not fit the data or the devices, or
            if training diverged.
        StoppedError: if told to stop by a signal, after saving.
    """
    check_feasible(config, data, strategy, execution)
    keras.utils.set_random_seed(config.seed)
    with strategy.scope():
        model = build_model(config, data, execution)
    first_step, saving = 0, []
    with contextlib.ExitStack() as around:
        around.enter_context(workers.reporting_lost_workers(strategy))
        # Inside, or lost data would be taken for a lost worker.
        around.enter_context(on_disk.reporting_data_loss())
        if checkpoints is not None:
            first_step = checkpoints.restore(model)
            saving = [CheckpointMonitor(checkpoints, first_step)]
            around.enter_context(saving[0].listening())
        workers.check_same_step(strategy, first_step)
        if first_step < config.steps:
            model.fit(
                make_batches(config, data, strategy, first_step),
                steps_per_epoch=config.steps - first_step,
                shuffle=False,  # batches are drawn at random already
                verbose=0,
                callbacks=[
                    DivergenceMonitor(first_step),
                    *callbacks(first_step),
                    *saving,
                ],
            )
    if not all(np.isfinite(w).all() for w in model.generator.get_weights()):
        raise InputError(
            "Training diverged: the generator's weights are not finite.",
            "finite weights after the last step",
            "NaN or infinite weights",
            "lower --learning_rate, or raise --gradient_penalty_weight",
        )
    return model


def build_model(
    config: Config, data: ZeroShotData, execution: Execution = DEFAULT_EXECUTION
) -> GMN:
    """The networks of a variant, built and compiled."""
    variant = variants.VARIANTS[config.variant]
    generator = build_generator(config, data)
    critic = None
    if variant.critic is not None:
        critic = Critic(
            config.critic_units,
            config.activation,
            variant.critic == variants.CONDITIONAL,
            dtype=_policy(config),
        )
        critic.build((None, data.feature_dim), (None, data.embeddings.shape[1]))
    model = GMN(
        generator,
        critic,
        [GUIDANCES[name](config, data) for name in variant.guidance],
        data.embeddings,
        config.gradient_penalty_weight,
    )
    model.compile(
        optimizer=_adam(config),
        critic_optimizer=_adam(config),
        theta_optimizer=keras.optimizers.SGD(config.theta_learning_rate),
        jit_compile=compiles(execution.jit),
        steps_per_execution=execution.steps,
    )
    return model


def build_generator(config: Config, data: ZeroShotData) -> Generator:
    """The generator of a configuration, built for a data set."""
    if config.noise == "concat":
        noise_layer = ConcatenatedNoise(config.noise_dim, dtype=_policy(config))
    else:
        noise_layer = LatentNoise(
            config.noise_dim,
            config.noise_mean,
            config.noise_covariance,
            dtype=_policy(config),
        )
    generator = Generator(
        noise_layer,
        data.feature_dim,
        config.generator_units,
        config.activation,
        config.generator_output,
        dtype=_policy(config),
    )
    generator.build((None, config.noise_dim), (None, data.embeddings.shape[1]))
    return generator


def _gradient_matching(config: Config, data: ZeroShotData):
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


def _classification(config: Config, data: ZeroShotData):
    embeddings = seen_embeddings(config, data)
    frozen = classifier.fit(
        data.train, embeddings, data.num_seen, make_sgd(config), config.seed
    )
    return guidance.Classification(
        embeddings, frozen.theta, config.classification_weight
    )


def _cycle(config: Config, data: ZeroShotData):
    embeddings = data.embeddings[: data.num_seen]
    return guidance.Cycle(
        embeddings,
        guidance.fit_regressor(data.train, embeddings, config.cycle_ridge),
        config.cycle_weight,
    )


GUIDANCES = {
    variants.MATCHING: _gradient_matching,
    variants.CLASSIFICATION: _classification,
    variants.CYCLE: _cycle,
}


def seen_embeddings(config: Config, data: ZeroShotData):
    """What f takes for the seen classes: `[S, da]`, or None if linear."""
    if config.compatibility == "linear":
        return None
    return data.embeddings[: data.num_seen]


def make_sgd(config: Config) -> classifier.SGD:
    """The classifier's settings out of all settings."""
    return classifier.SGD(
        learning_rate=config.classifier_learning_rate,
        decay=config.classifier_decay,
        momentum=config.classifier_momentum,
        weight_decay=config.classifier_weight_decay,
        batch_size=config.classifier_batch_size,
        epochs=config.classifier_epochs,
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
    stream = batches.SampleSource(
        data.train,
        data.num_seen,
        config.sampling,
        # Eq. 8: features alone; their labels stay behind.
        data.unseen.features if transductive else None,
        data.num_classes - data.num_seen,
    )
    sizes = batch_sizes(config, variant)
    replicas = strategy.num_replicas_in_sync
    if replicas == 1:
        return batches.training_batches(stream, sizes, config.seed, first_step)

    def worker_batches(context):
        local = replicas // context.num_input_pipelines
        first = context.input_pipeline_id * local
        return batches.training_batches(
            stream,
            sizes,
            config.seed,
            first_step,
            replicas=replicas,
            local_replicas=range(first, first + local),
        )

    return strategy.distribute_datasets_from_function(worker_batches)


def batch_sizes(
    config: Config, variant: variants.Variant
) -> batches.BatchSizes:
    """What a step of this variant takes."""
    matching = variants.MATCHING in variant.guidance
    trains_theta = matching and config.theta_reset_steps > 1
    return batches.BatchSizes(
        critic_steps=config.critic_steps if variant.critic else 0,
        batch=config.batch_size,
        noise_dim=config.noise_dim,
        classes=config.matching_classes if matching else 0,
        real=config.matching_real,
        fake=config.matching_fake,
        theta=config.batch_size if trains_theta else 0,
    )


def _policy(config: Config) -> str | None:
    """Keras's name of the precision; None is its default."""
    return None if config.precision == "float32" else config.precision


def _adam(config: Config) -> Adam:
    return Adam(
        config.learning_rate,
        config.beta_1,
        config.beta_2,
        epsilon=1e-8,
    )
