"""What the callbacks of training share; divergence; the progress line."""

import sys
import time

import keras
import numpy as np

from gmn_tf.utils.errors import InputError
from gmn_tf.utils.progress import duration

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
PRINTED = ("critic_loss", "generator_loss", "cosine_weights")
LINES_IN_A_FILE = 20
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


class ProgressLine(StepCallback):
    """Keras's progress line, with three losses and the time left.

    Keras overwrites its line with control characters even where output goes
    to a file; there, plain lines are printed instead, twenty in all.
    """

    def on_train_begin(self, logs=None):
        self.steps = self.params["steps"]
        self.bar = None
        if sys.stdout.isatty():
            self.bar = keras.utils.Progbar(self.steps, stateless_metrics=())
        self.printed = 0
        self.first = None  # time and number of the first steps done

    def after_step(self, logs):
        done = self.step - self.first_step
        losses = {name: logs[name] for name in PRINTED if name in logs}
        if self.bar is not None:
            self.bar.update(done, list(losses.items()))
            return
        self.first = self.first or (time.monotonic(), done)
        interval = max(1, self.steps // LINES_IN_A_FILE)
        if done // interval == self.printed // interval:
            return
        self.printed = done
        text = f"step {self.step}/{self.first_step + self.steps}"
        begun, first = self.first
        if done > first:  # the first ones also trace and compile
            seconds = (time.monotonic() - begun) / (done - first)
            text += f", {1000.0 * seconds:.0f} ms each"
            text += f", {duration(seconds * (self.steps - done))} left"
        text += "".join(f", {k} {np.mean(v):.4g}" for k, v in losses.items())
        print(text, flush=True)
