"""What the callbacks of training share; divergence; the progress bar."""

from collections.abc import Callable

import keras
import numpy as np

from gmn_tf.utils.errors import InputError

# What a step returns -> its tag in TensorBoard, grouped by network. In the
# order in which one follows from another: the first wrong one is the cause.
TAGS = {
    "critic_real_score": "critic/real_score",
    "critic_fake_score": "critic/fake_score",
    "gradient_norm": "critic/gradient_norm",
    "gradient_penalty": "critic/gradient_penalty",
    "critic_loss": "critic/loss",
    "adversarial_loss": "generator/adversarial_loss",
    "classification_loss": "generator/classification_loss",
    "cycle_loss": "generator/cycle_loss",
    "moments_loss": "generator/moments_loss",
    "vae_reconstruction": "vae/reconstruction",
    "vae_kl": "vae/kl",
    "vae_prior": "vae/prior",
    "vae_code": "vae/code",
    "regression_loss": "generator/regression_loss",
    "alignment_reconstruction": "alignment/reconstruction",
    "alignment_kl": "alignment/kl",
    "alignment_cross": "alignment/cross",
    "alignment_distance": "alignment/distance",
    "cosine_weights": "matching/cosine_weights",
    "cosine_bias": "matching/cosine_bias",
    "matching_norm": "matching/norm",
    "matching_loss": "matching/loss",
    "generator_loss": "generator/loss",
}
# Of a loss whose name begins in this way, what to lower.
WEIGHTS = {
    "matching": "matching_weight",
    "classification": "classification_weight",
    "cycle": "cycle_weight",
    "moments": "moments_weight",
    "vae": "vae_weight",
    "regression": "regressor_weight",
    "alignment": "alignment_kl_weight",
}
# What stands beside the bar, and its name there: a terminal has little room.
BESIDE = {
    "critic_loss": "critic",
    "generator_loss": "generator",
    "cosine_weights": "cosine",
}
LARGEST = 1e10  # losses of a sound training stay far below


class StepCallback(keras.callbacks.Callback):
    """A callback that knows how many steps the whole run has taken.

    Args:
        first_step: steps done before this call of `fit`.
    """

    def __init__(self, first_step: int = 0):
        super().__init__()
        self.first_step = self.step = first_step

    def on_train_batch_end(self, batch, logs=None):
        self.step = self.first_step + batch + 1
        self.after_step(logs or {})

    def after_step(self, logs: dict) -> None:
        """What a subclass does after each execution, `step` being up to date.

        Args:
            logs: what the last step returned.
        """

    def passed(self, every: int, since: int) -> bool:
        """Whether a multiple of `every` was reached after the step `since`.

        Keras may take several steps between two calls.
        """
        return self.step // every > since // every


class DivergenceMonitor(StepCallback):
    """Ends `fit` when a loss becomes NaN, infinite or very large.

    Placed before the callback that saves checkpoints, so that no such step is
    saved.

    Raises:
        InputError: out of `fit`; it names the losses, first those that other
            ones follow from, and says what to try.
    """

    def after_step(self, logs):
        values = {name: np.mean(logs[name]) for name in TAGS if name in logs}
        for name, value in values.items():
            if np.abs(value) < LARGEST:  # false for NaN, too
                continue
            advice = "--learning_rate or a larger --gradient_penalty_weight"
            guidance = name.partition("_")[0].replace("cosine", "matching")
            if flag := WEIGHTS.get(guidance):
                advice = f"--{flag} or --learning_rate"
            raise InputError(
                f"Training diverged: at step {self.step} {name} is "
                f"{value:.4g}.",
                f"finite losses, below {LARGEST:.0e}",
                ", ".join(f"{n} {v:.4g}" for n, v in values.items()),
                f"Try a smaller {advice}. Check the features for extreme "
                "values.",
            )


class ProgressBar(StepCallback):
    """Moves a bar on, beside which three losses stand.

    Args:
        advance: what `utils.progress` yields, of a bar that counts steps.
        first_step: steps done before this call of `fit`.
    """

    def __init__(
        self, advance: Callable[[int, str], None], first_step: int = 0
    ):
        super().__init__(first_step)
        self.advance = advance
        self.shown = first_step

    def after_step(self, logs):
        losses = [
            f"{shown} {np.mean(logs[name]):.4g}"
            for name, shown in BESIDE.items()
            if name in logs
        ]
        self.advance(self.step - self.shown, ", ".join(losses))
        self.shown = self.step
