"""Interrupted runs continue: networks, optimizers, theta and step are saved.

A step is a function of these and of its batch, and a batch one of seed and
step (see `batches`), so a run that continues takes the same steps as one that
was never stopped.
"""

import contextlib
import os
import signal
import warnings
from collections.abc import Iterator

import keras
import tensorflow as tf

from gmn_tf.training.callbacks import StepCallback
from gmn_tf.utils.errors import StoppedError, UnwritableError, first_line

KEPT = 2  # the last ones, so that a damaged one has another before it


class Checkpoints:
    """The checkpoints in a folder.

    Args:
        folder: where they are kept; made with the first one.
        every: steps between two of them.
        writes: whether this process saves; of several workers one does.

    Attributes:
        restored: the steps done by the checkpoint that was read; 0 without one.
    """

    def __init__(self, folder: str, every: int, writes: bool = True):
        self.folder, self.every, self.writes = str(folder), every, writes
        self._step = tf.Variable(0, dtype=tf.int64, trainable=False)
        self._manager = None
        self.restored = 0

    def restore(self, model: keras.Model) -> int:
        """Puts the newest readable checkpoint into a built model.

        Returns:
            The steps done by then; 0 without one.

        Warns:
            UserWarning: for each damaged one that was passed over.
        """
        checkpoint = tf.train.Checkpoint(step=self._step, model=model)
        try:
            tf.train.get_checkpoint_state(self.folder)
        except UnicodeDecodeError as error:
            warnings.warn(
                f"The list of checkpoints in {self.folder} is damaged; "
                f"training starts from the beginning: {error}",
                stacklevel=2,
            )
            os.remove(os.path.join(self.folder, "checkpoint"))
        self._manager = tf.train.CheckpointManager(
            checkpoint, self.folder, max_to_keep=KEPT
        )
        variables = [
            *model.variables,
            *(v for one in model.optimizers for v in one.variables),
        ]
        initial = [variable.numpy() for variable in variables]
        paths = list(reversed(self._manager.checkpoints))
        for path in paths:
            try:
                status = checkpoint.restore(path)
                status.assert_existing_objects_matched()
                self.restored = int(self._step.numpy())
                return self.restored
            except Exception as error:
                # A damaged file makes TensorFlow raise almost anything.
                instead = "the one before it is used"
                if path == paths[-1]:
                    instead = "training starts from the beginning"
                warnings.warn(
                    f"The checkpoint {path} is damaged, and {instead}: "
                    f"{first_line(error)}",
                    stacklevel=2,
                )
                for variable, value in zip(variables, initial):
                    variable.assign(value)  # some may have been read already
        self._step.assign(0)
        return 0

    def save(self, step: int) -> None:
        """Saves the model given to `restore`, completely or not at all.

        Raises:
            UnwritableError: if it cannot be written.
        """
        if not self.writes:
            return
        self._step.assign(step)
        try:
            self._manager.save(checkpoint_number=step)
        except (OSError, tf.errors.OpError) as error:
            raise UnwritableError(
                f"Cannot save a checkpoint in {self.folder}.",
                "a folder with write permission and free space",
                first_line(error),
                "Make room and repeat the command: it continues from the last "
                "checkpoint.",
            ) from error


class CheckpointMonitor(StepCallback):
    """Saves every so many steps, at the end, and after a signal to stop.

    Args:
        checkpoints: of the model that is trained.
        first_step: steps done before this call of `fit`.

    Raises:
        StoppedError: out of `fit`, after saving, if a signal asked the process
            to stop.
    """

    def __init__(self, checkpoints: Checkpoints, first_step: int):
        super().__init__(first_step)
        self.checkpoints = checkpoints
        self._saved_step = first_step
        self._signal = None

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Around `fit`: SIGTERM and Ctrl-C wait for the step in progress."""

        def note(number, frame):
            self._signal = number

        handlers = {}
        for number in (signal.SIGTERM, signal.SIGINT):
            # Only the main thread gets signals.
            with contextlib.suppress(ValueError):
                handlers[number] = signal.signal(number, note)
        try:
            yield
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
        if self._signal:  # it came with the last step
            raise StoppedError(self.step, self._signal)

    def after_step(self, logs):
        if self.step - self.first_step == self.params["steps"]:
            return  # the other callbacks have something to write first
        if self._signal or self.passed(
            self.checkpoints.every, self._saved_step
        ):
            self._save()
        if self._signal:
            raise StoppedError(self.step, self._signal)

    def on_train_end(self, logs=None):
        self._save()

    def _save(self):
        if self._saved_step < self.step:
            self.checkpoints.save(self.step)
            self._saved_step = self.step
