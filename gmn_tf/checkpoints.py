"""Runs that are interrupted and go on: networks, optimizers, theta, the step.

A step is a function of these and of its batch, and a batch one of seed and
step (see `streams`), so a run that goes on takes the same steps as one that
was never stopped.
"""

import os
import signal
import warnings

import keras
import tensorflow as tf

from gmn_tf.errors import InputError, StoppedError

KEPT = 2  # the last ones, so that a damaged one has another before it


class Checkpoints:
    """The checkpoints in a folder.

    Args:
        folder: where they are kept; made with the first one.
        every: steps between two of them.
    """

    def __init__(self, folder: str, every: int):
        self.folder, self.every = str(folder), every
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

    SIGTERM and Ctrl-C are answered after the step in progress.

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
        self._signal, self._handlers = None, {}

    def on_train_begin(self, logs=None):
        for number in (signal.SIGTERM, signal.SIGINT):
            try:
                self._handlers[number] = signal.signal(number, self._stop)
            except ValueError:  # not in the main thread, which gets signals
                return

    def on_train_batch_end(self, batch, logs=None):
        before, self._step = self._step, self._first_step + batch + 1
        every = self.checkpoints.every
        # Keras may take several steps between two calls. After the last one
        # the other callbacks have something to write first.
        due = self._step // every > before // every
        if self._signal or (due and batch + 1 < self.params["steps"]):
            self._save()
        if self._signal:
            self._restore_handlers()
            raise StoppedError(self._step, self._signal)

    def on_train_end(self, logs=None):
        self._restore_handlers()
        self._save()

    def _stop(self, number, frame):
        self._signal = number

    def _save(self):
        if self._saved_step < self._step:
            self.checkpoints.save(self._step)
            self._saved_step = self._step

    def _restore_handlers(self):
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        self._handlers = {}


def _variables(model):
    optimizers = (
        model.optimizer,
        model.critic_optimizer,
        model.theta_optimizer,
    )
    return model.variables + [v for o in optimizers for v in o.variables]
