"""Stops a training whose losses are no numbers any more."""

import keras
import numpy as np

from gmn_tf.utils.errors import InputError

LARGEST = 1e10  # sound losses stay below by many orders
# Which loss follows from which: a step's first wrong one is the cause.
ORDER = (
    "critic_real_score",
    "critic_fake_score",
    "gradient_norm",
    "gradient_penalty",
    "critic_loss",
    "adversarial_loss",
    "classification_loss",
    "cycle_loss",
    "cosine_weights",
    "cosine_bias",
    "matching_norm",
    "matching_loss",
    "generator_loss",
)


class DivergenceMonitor(keras.callbacks.Callback):
    """Ends `fit` at the first loss that is not finite, or far too large.

    Placed before what saves checkpoints, it lets no such step be saved.

    Args:
        first_step: steps done before this call of `fit`.

    Raises:
        InputError: out of `fit`; it names the losses, first those that other
            ones follow from, and says what to try.
    """

    def __init__(self, first_step: int):
        super().__init__()
        self._first_step = first_step

    def on_train_batch_end(self, batch, logs=None):
        logs = logs or {}
        names = [name for name in ORDER if name in logs]
        values = {name: np.mean(logs[name]) for name in names}
        wrong = [n for n, value in values.items() if not _is_sound(value)]
        if wrong:
            raise InputError(
                f"Training diverged: at step {self._first_step + batch + 1} "
                f"{wrong[0]} is {values[wrong[0]]:.4g}.",
                f"finite losses, below {LARGEST:.0e}",
                ", ".join(f"{n} {values[n]:.4g}" for n in values),
                _advice(wrong[0]) + "; check the features for odd values",
            )


def _is_sound(value: float) -> bool:
    return bool(np.abs(value) < LARGEST)  # not so of NaN


def _advice(name: str) -> str:
    if name.startswith(("matching", "cosine")):
        return "try a smaller --matching_weight or --learning_rate"
    if name.startswith(("classification", "cycle")):
        guidance = name.partition("_")[0]
        return f"try a smaller --{guidance}_weight or --learning_rate"
    return (
        "try a smaller --learning_rate, or a larger --gradient_penalty_weight"
    )
