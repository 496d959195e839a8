"""The progress line of a training, with the time left."""

import sys
import time

import keras
import numpy as np

# What the line shows; TensorBoard has the rest.
WATCHED = ("critic_loss", "generator_loss", "cosine_weights")
LINES_IN_A_FILE = 20


class ProgressLine(keras.callbacks.ProgbarLogger):
    """Keras's progress line, with the few losses a person reads.

    Keras overwrites its line with control characters even where output goes
    to a file; there, plain lines are printed instead, twenty in all.

    Args:
        first_step: steps done before this call of `fit`.
    """

    def __init__(self, first_step: int = 0):
        super().__init__()
        self.before = first_step

    def set_params(self, params):
        # `fit` is called with verbose=0, because its own line shows all.
        super().set_params({**params, "verbose": 1})
        self.steps = params["steps"]

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        self.plain = not sys.stdout.isatty()
        self.printed = 0
        self.first = None  # time and number of the first steps done

    def on_epoch_begin(self, epoch, logs=None):
        if not self.plain:
            super().on_epoch_begin(epoch, logs)

    def on_train_batch_end(self, batch, logs=None):
        if not self.plain:
            super().on_train_batch_end(batch, _watched(logs))
            return
        self.first = self.first or (time.monotonic(), batch + 1)
        interval = max(1, self.steps // LINES_IN_A_FILE)
        # Keras may take several steps between two calls.
        if (batch + 1) // interval > self.printed // interval:
            self._print_plain(batch + 1, _watched(logs))
            self.printed = batch + 1

    def on_epoch_end(self, epoch, logs=None):
        if not self.plain:
            super().on_epoch_end(epoch, _watched(logs))

    def _print_plain(self, done: int, values: dict) -> None:
        text = f"step {self.before + done}/{self.before + self.steps}"
        begun, first = self.first
        if done > first:  # the first ones also trace and compile
            seconds = (time.monotonic() - begun) / (done - first)
            text += f", {1000.0 * seconds:.0f} ms each"
            text += f", {seconds * (self.steps - done) / 60.0:.1f} min left"
        text += "".join(f", {k} {np.mean(v):.4g}" for k, v in values.items())
        print(text, flush=True)


def _watched(logs) -> dict:
    return {name: logs[name] for name in WATCHED if name in (logs or {})}
