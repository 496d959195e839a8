"""Checks of settings that need neither data nor TensorFlow."""

from gmn_tf.config import Config
from gmn_tf.method.variants import VARIANTS
from gmn_tf.utils.errors import InputError

# What to do in a run without a generator about what needs one.
WITHOUT_SYNTHESIS = (
    "Add the classes without --synthesize: nothing is lost by that, because "
    "without a generator a new class is known by its description alone, as "
    "the unseen classes of the run are."
)
WITHOUT_CURVE = "Leave --synthetic_per_class out, or choose another --workdir."


def check_tune_split(config: Config, every: int) -> None:
    """Raises InputError if test samples would be scored during training.

    Args:
        config: the settings.
        every: steps between scores on the validation classes; 0 for none.
    """
    if every and config.split == "test":
        raise InputError(
            "--validate_every would score test samples during training.",
            "--split=tune, whose unseen classes are the validation classes",
            f"--validate_every={every} with --split=test",
            "Add --split=tune, or leave --validate_every out.",
        )


def check_executions(config: Config, steps: int) -> None:
    """Raises InputError unless training is a number of whole executions.

    Args:
        config: the settings.
        steps: those of an execution.
    """
    if config.steps % steps:
        raise InputError(
            "--steps is not a multiple of --steps_per_execution.",
            f"a multiple of {steps}",
            config.steps,
            "Change one of them.",
        )


def check_generator(config: Config, run: object, action: str) -> None:
    """Raises InputError for a run without a generator.

    Args:
        config: its settings.
        run: its folder.
        action: what to do instead.
    """
    if not VARIANTS[config.variant].has_generator:
        raise InputError(
            f"The variant {config.variant} makes no synthetic features.",
            "the folder of a run with a generator",
            str(run),
            action,
        )


def check_calibration(config: Config, run: object) -> None:
    """Raises InputError if a penalty would be chosen on test samples.

    Args:
        config: the settings of the run that is calibrated.
        run: its folder.
    """
    if config.split == "test":
        raise InputError(
            "--calibrate would choose a setting on test samples.",
            "a run made with --split=tune",
            f"{run}, a run on the test splits",
            "Train the same with --split=tune, and name that folder.",
        )
