"""Checks of settings that need neither data nor TensorFlow."""

from gmn_tf.config import Config
from gmn_tf.utils.errors import InputError


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
