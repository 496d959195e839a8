"""Fig. 5: scores on the validation classes while the generator trains.

Only on the tune splits: people choose by the scores that they see.
"""

from collections.abc import Callable, Sequence

import keras
import tensorflow as tf

from gmn_tf.method import metrics
from gmn_tf.training.callbacks import StepCallback
from gmn_tf.training.monitoring import writing


class ValidationMonitor(StepCallback):
    """Scores the generator every so many steps, and at the end.

    Each entry is written to a table and as scalars for TensorBoard.

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
        super().__init__(first_step)
        self.log_dir, self.score, self.every = log_dir, score, every
        self.write, self.rows = write, list(before)
        self._scored_step = first_step

    def after_step(self, logs):
        if self.passed(self.every, self._scored_step):
            self._score()

    def on_train_end(self, logs=None):
        if self._scored_step < self.step:
            self._score()

    def _score(self):
        scores = metrics.mean_and_std(self.score(self.model.synthesiser))
        self.rows.append({"step": self.step, **scores})
        self.write(self.rows)
        with writing(self.log_dir, self.step):
            for name, value in scores.items():
                if value["mean"] is not None:
                    tf.summary.scalar(f"validation/{name}", value["mean"])
        self._scored_step = self.step
