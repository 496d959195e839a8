"""Progress on the terminal, with the time left: Keras's line, tqdm's bar."""

import contextlib
import sys
from collections.abc import Callable, Iterator

import keras
import tqdm

# What the line shows; TensorBoard has the rest.
WATCHED = ("critic_loss", "generator_loss", "cosine_weights")
LINES_IN_A_FILE = 20


class ProgressLine(keras.callbacks.ProgbarLogger):
    """Keras's progress line, with the few losses a person reads.

    Where output goes to a file, twenty lines instead of one that is
    overwritten.
    """

    def set_params(self, params):
        # `fit` is called with verbose=0, because its own line shows all.
        super().set_params({**params, "verbose": 1})
        steps = params["steps"] or 1
        self.every = 1 if sys.stdout.isatty() else -(-steps // LINES_IN_A_FILE)

    def on_train_batch_end(self, batch, logs=None):
        if (batch + 1) % self.every == 0:
            super().on_train_batch_end(batch, _watched(logs))

    def on_epoch_end(self, epoch, logs=None):
        super().on_epoch_end(epoch, _watched(logs))


@contextlib.contextmanager
def progress(
    what: str, total: int, quiet: bool
) -> Iterator[Callable[[], object]]:
    """A bar for a loop of `total` epochs; gives the call that moves it on."""
    with tqdm.tqdm(
        total=total, desc=what, unit="epoch", disable=quiet, mininterval=0.5
    ) as bar:
        yield bar.update


def _watched(logs) -> dict:
    return {name: logs[name] for name in WATCHED if name in (logs or {})}
