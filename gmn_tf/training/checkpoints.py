"""Runs that are interrupted and go on: networks, optimizers, theta, the step.

A step is a function of these and of its batch, and a batch one of seed and
step (see `streams`), so a run that goes on takes the same steps as one that
was never stopped.
"""

import contextlib
import os
import signal
import warnings
from collections.abc import Iterator

import keras
import tensorflow as tf

from gmn_tf.utils.errors import InputError, StoppedError

KEPT = 2  # the last ones, so that a damaged one has another before it


class Checkpoints:
    """The checkpoints in a folder.

    Args:
        folder: where they are kept; made with the first one.
        every: steps between two of them.
        writes: whether this process saves; of several workers one does.
    """

    def __init__(self, folder: str, every: int, writes: bool = True):
        self.folder, self.every, self.writes = str(folder), every, writes
        self._step = tf.Variable(0, dtype=tf.int64, trainable=False)
        self._manager = None

    def restore(self, model: keras.Model) -> int:
        """Puts the newest readable checkpoint into a built model.

        Returns:
            The steps done by then; 0 without one.

        Warns:
            UserWarning: for each damaged one that was passed over.
        """
        checkpoint = tf.train.Checkpoint(step=self._step, model=model)
        try:
            self._manager = self._make_manager(checkpoint)
        except UnicodeDecodeError as error:
            warnings.warn(
                f"The list of checkpoints in {self.folder} is damaged, and "
                f"training begins anew: {error}",
                stacklevel=2,
            )
            os.remove(os.path.join(self.folder, "checkpoint"))
            self._manager = self._make_manager(checkpoint)
        if not self._manager.checkpoints:
            return 0
        untouched = [variable.numpy() for variable in _variables(model)]
        for path in reversed(self._manager.checkpoints):
            try:
                status = self._manager.checkpoint.restore(path)
                status.assert_existing_objects_matched()
                return int(self._step.numpy())
            except Exception as error:
                # A damaged file makes TensorFlow raise almost anything.
                reason = (str(error).splitlines() or [type(error).__name__])[0]
                warnings.warn(
                    f"The checkpoint {path} is damaged, and the one before it "
                    f"is taken: {reason}",
                    stacklevel=2,
                )
        for variable, value in zip(_variables(model), untouched):
            variable.assign(value)  # some may have been read already
        self._step.assign(0)
        return 0

    def _make_manager(self, checkpoint):
        return tf.train.CheckpointManager(
            checkpoint, self.folder, max_to_keep=KEPT
        )

    def save(self, step: int) -> None:
        """Saves the model given to `restore`, whole or not at all.

        Raises:
            InputError: if it cannot be written.
        """
        if not self.writes:
            return
        self._step.assign(step)
        try:
            self._manager.save(checkpoint_number=step)
        except (OSError, tf.errors.OpError) as error:
            raise InputError(
                f"Cannot save a checkpoint in {self.folder}.",
                "a folder with write permission and free space",
                str(error).splitlines()[0],
                "make room, and give the same command: it goes on from the "
                "checkpoint before",
            ) from error


class CheckpointMonitor(keras.callbacks.Callback):
    """Saves every so many steps, at the end, and when told to stop.

    Args:
        checkpoints: of the model that is trained.
        first_step: steps done before this call of `fit`.

    Raises:
        StoppedError: out of `fit`, after saving, if the process was told to
            stop.
    """

    def __init__(self, checkpoints: Checkpoints, first_step: int):
        super().__init__()
        self.checkpoints = checkpoints
        self._first_step = self._step = self._saved_step = first_step
        self._signal = None

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Around `fit`: SIGTERM and Ctrl-C wait for the step in progress."""
        handlers = {}
        for number in (signal.SIGTERM, signal.SIGINT):
            # Only the main thread gets signals.
            with contextlib.suppress(ValueError):
                handlers[number] = signal.signal(number, self._stop)
        try:
            yield
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
        if self._signal:  # it came with the last step
            raise StoppedError(self._step, self._signal)

    def on_train_batch_end(self, batch, logs=None):
        before, self._step = self._step, self._first_step + batch + 1
        if batch + 1 == self.params["steps"]:
            return  # the other callbacks have something to write first
        every = self.checkpoints.every
        # Keras may take several steps between two calls.
        if self._signal or self._step // every > before // every:
            self._save()
        if self._signal:
            raise StoppedError(self._step, self._signal)

    def on_train_end(self, logs=None):
        self._save()

    def _stop(self, number, frame):
        self._signal = number

    def _save(self):
        if self._saved_step < self._step:
            self.checkpoints.save(self._step)
            self._saved_step = self._step


def _variables(model):
    optimizers = (
        model.optimizer,
        model.critic_optimizer,
        model.theta_optimizer,
    )
    return model.variables + [v for o in optimizers for v in o.variables]
