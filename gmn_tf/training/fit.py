"""Training: a `Config` and data become a generator, on one device or several.

`parts` builds what is trained; here it is fitted.
"""

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf

from gmn_tf.config import Config
from gmn_tf.data import on_disk
from gmn_tf.data.zero_shot_data import ZeroShotData
from gmn_tf.method import variants
from gmn_tf.method.gmn import GMN
from gmn_tf.training import batches, checks, parts, system_parts, workers
from gmn_tf.training.callbacks import DivergenceMonitor
from gmn_tf.training.checkpoints import CheckpointMonitor, Checkpoints
from gmn_tf.utils import waiting
from gmn_tf.utils.errors import InputError, check_choice, check_same

STRATEGIES = ("auto", "one", "mirrored", "multi_worker")
JIT = ("auto", "on", "off")


@dataclasses.dataclass(frozen=True)
class Execution:
    """How steps are run; this changes numbers by rounding only.

    There is one exception: XLA draws other random numbers for theta. Compare
    runs with gradient matching only where both or neither are compiled.

    Attributes:
        jit: whether XLA compiles the step: `on`, `off`, or `auto`: on GPUs.
        steps: steps that run between two returns to Python.
    """

    jit: str = "auto"
    steps: int = 1

    def __post_init__(self):
        check_choice("jit", self.jit, JIT)

    @property
    def compiles(self) -> bool:
        """Whether XLA compiles the step; on CPUs that was slower."""
        gpus = tf.config.list_logical_devices("GPU")
        return self.jit == "on" or (self.jit == "auto" and bool(gpus))


DEFAULT_EXECUTION = Execution()


def make_strategy(
    name: str,
    wait_minutes: float = waiting.MINUTES,
    log: Callable[[str], object] = lambda text: None,
) -> tf.distribute.Strategy:
    """How training is spread over devices.

    Args:
        name: `one` device; `mirrored` over all GPUs (or logical CPU devices)
            of this machine; `multi_worker` over the machines in TF_CONFIG;
            `auto`: mirrored if there are several GPUs, else one.
        wait_minutes: how long `multi_worker` waits for other machines.
        log: gets lines on those it waits for.

    Raises:
        InputError: for an unknown name, a TF_CONFIG that cannot be used, or if
            another machine does not come.
    """
    check_choice("strategy", name, STRATEGIES)
    if name == "multi_worker":  # first: it must come before any device
        return workers.connect(wait_minutes, log)
    gpus = tf.config.list_logical_devices("GPU")
    if name == "mirrored" or (name == "auto" and len(gpus) > 1):
        devices = gpus or tf.config.list_logical_devices("CPU")
        return _mirrored(tuple(device.name for device in devices))
    return tf.distribute.get_strategy()


@functools.cache
def _mirrored(devices: tuple[str, ...]) -> tf.distribute.MirroredStrategy:
    """One for all calls: TensorFlow mixes up the sums of two in a process."""
    return tf.distribute.MirroredStrategy(devices)


def check_feasible(
    config: Config,
    data: ZeroShotData,
    strategy: tf.distribute.Strategy,
    execution: Execution = DEFAULT_EXECUTION,
) -> None:
    """Raises InputError for settings that do not fit the data or devices."""
    loaded = {
        "dataset": data.metadata.get("dataset", ""),
        "split": data.split,
        "embedding_norm": data.embedding_norm,
        "feature_scaling": data.feature_scaling.kind,
    }
    loaded = {name: value for name, value in loaded.items() if value}
    check_same(
        "The data was loaded with other settings than these.",
        {name: getattr(config, name) for name in loaded},
        loaded,
        "Load the data with the settings that it is used with.",
    )
    checks.check_executions(config, execution.steps)
    variant = variants.VARIANTS[config.variant]
    if variant.stream == variants.SEEN_AND_UNLABELLED and not len(data.unseen):
        raise InputError(
            f"--variant={config.variant} needs features of unseen classes.",
            "one or more samples, which may be unlabelled",
            "no sample of an unseen class",
            "Choose another variant, such as cwgan_gm.",
        )
    if variant.has_generator:
        system_parts.check(config, data)
    batches.check_batch_sizes(
        parts.batch_sizes(config, data),
        data.num_seen,
        strategy.num_replicas_in_sync,
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
        checkpoints: where training continues from and saves to; with None it
            starts from the beginning and saves nothing.

    Raises:
        InputError: for settings that do not fit the data or the devices, or
            if training diverged.
        StoppedError: after a signal to stop, once the step is saved.
    """
    check_feasible(config, data, strategy, execution)
    keras.utils.set_random_seed(config.seed)
    with strategy.scope():
        model = parts.build_model(
            config, data, execution.compiles, execution.steps
        )
    first_step, saving = 0, []
    with contextlib.ExitStack() as around:
        around.enter_context(workers.reporting_lost_workers(strategy))
        # Inside, or lost data would be taken for a lost worker.
        around.enter_context(on_disk.reporting_data_loss())
        if checkpoints is not None:
            first_step = checkpoints.restore(model)
            if (config.steps - first_step) % execution.steps:
                # Begun with other executions: Keras would take more steps.
                model.steps_per_execution = 1
            saving = [CheckpointMonitor(checkpoints, first_step)]
            around.enter_context(saving[0].listening())
        workers.check_same_step(strategy, first_step)
        if first_step < config.steps:
            model.fit(
                parts.make_batches(config, data, strategy, first_step),
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
            "Lower --learning_rate, or raise --gradient_penalty_weight.",
        )
    return model
