"""Fig. 5: scores on the validation classes while the generator trains.

Only on the tune splits: whoever watches a score will choose by it.
"""

from collections.abc import Callable, Sequence

import keras
import tensorflow as tf

from gmn_tf.config import Config
from gmn_tf.method import metrics
from gmn_tf.utils.errors import InputError


class ValidationMonitor(keras.callbacks.Callback):
    """Scores the generator every so many steps, and at the end.

    Each entry is written, and scalars for TensorBoard.

    Args:
        log_dir: folder for the event file.
        score: scores of final classifiers trained with a generator.
        every: steps between entries.
        write: gets all entries after each new one: dictionaries with `step`
            and the scores.
        first_step: steps done before this call of `fit`.
        before: the entries of these steps.
    """

    def __init__(
        self,
        log_dir: str,
        score: Callable[[keras.Model], list[metrics.Scores]],
        every: int,
        write: Callable[[list[dict]], object],
        first_step: int = 0,
        before: Sequence[dict] = (),
    ):
        super().__init__()
        self.log_dir, self.score, self.every = log_dir, score, every
        self.write, self.rows = write, list(before)
        self._first_step = self._step = first_step

    def on_train_batch_end(self, batch, logs=None):
        before, self._step = self._step, self._first_step + batch + 1
        # Keras may take several steps between two calls.
        if self._step // self.every > before // self.every:
            self._score()

    def on_train_end(self, logs=None):
        if not self.rows or self.rows[-1]["step"] < self._step:
            self._score()

    def _score(self):
        scores = metrics.mean_and_std(self.score(self.model.generator))
        self.rows.append({"step": self._step, **scores})
        self.write(self.rows)
        writer = tf.summary.create_file_writer(self.log_dir)
        with writer.as_default(step=self._step):
            for name, value in scores.items():
                tf.summary.scalar(f"validation/{name}", value["mean"])
        writer.close()


def check_tune_split(config: Config, every: int) -> None:
    """Raises InputError if test samples would be watched."""
    if every and config.split == "test":
        raise InputError(
            "--validate_every would look at test samples during training.",
            "--split=tune, whose unseen classes are the validation classes",
            f"--validate_every={every} with --split=test",
            "add --split=tune, or leave --validate_every out",
        )
