"""Stops training when a loss becomes NaN, infinite or very large."""

import numpy as np

from gmn_tf.training.callbacks import TAGS, StepCallback
from gmn_tf.utils.errors import InputError

LARGEST = 1e10  # losses of a sound training stay far below


class DivergenceMonitor(StepCallback):
    """Ends `fit` at the first loss that is not finite, or far too large.

    Placed before the callback that saves checkpoints, so that no such step is
    saved.

    Raises:
        InputError: out of `fit`; it names the losses, first those that other
            ones follow from, and says what to try.
    """

    def after_step(self, logs):
        values = {name: np.mean(logs[name]) for name in TAGS if name in logs}
        for name, value in values.items():
            if not np.abs(value) < LARGEST:  # true for NaN, too
                raise InputError(
                    f"Training diverged: at step {self.step} {name} is "
                    f"{value:.4g}.",
                    f"finite losses, below {LARGEST:.0e}",
                    ", ".join(f"{n} {values[n]:.4g}" for n in values),
                    f"{_advice(name)} Check the features for extreme values.",
                )


def _advice(name: str) -> str:
    guidance = name.partition("_")[0].replace("cosine", "matching")
    if guidance in ("matching", "classification", "cycle"):
        return f"Try a smaller --{guidance}_weight or --learning_rate."
    return (
        "Try a smaller --learning_rate or a larger --gradient_penalty_weight."
    )
