"""Fig. 5: scores on the validation classes while the generator trains.

Only on the tune splits: whoever watches a score will choose by it.
"""

from collections.abc import Callable

import keras
import tensorflow as tf

from gmn_tf import evaluation, report
from gmn_tf.config import Config
from gmn_tf.errors import InputError
from gmn_tf.workdir import Workdir


class ValidationMonitor(keras.callbacks.Callback):
    """Scores the generator every so many steps, and at the end.

    Writes validation.csv, whole after each entry, and scalars for TensorBoard.

    Args:
        workdir: the run's folder.
        score: scores of final classifiers trained with a generator.
        every: steps between entries.
        first_step: steps done before this call of `fit`; what validation.csv
            says of them is kept.
    """

    def __init__(
        self,
        workdir: Workdir,
        score: Callable[[keras.Model], list[evaluation.Scores]],
        every: int,
        first_step: int = 0,
    ):
        super().__init__()
        self.workdir, self.score, self.every = workdir, score, every
        self.rows = []
        if first_step:
            self.rows = [
                row for row in self._read() if row["step"] <= first_step
            ]
        self._first_step = self._step = first_step

    def on_train_batch_end(self, batch, logs=None):
        before, self._step = self._step, self._first_step + batch + 1
        # Keras may take several steps between two calls.
        if self._step // self.every > before // self.every:
            self._score()

    def on_train_end(self, logs=None):
        if not self.rows or self.rows[-1]["step"] < self._step:
            self._score()

    def _read(self) -> list[dict]:
        path = self.workdir.path / "validation.csv"
        if not path.exists():
            return []
        return report.read_curve(path.read_text(encoding="utf-8"), "step")

    def _score(self):
        scores = evaluation.mean_and_std(self.score(self.model.generator))
        self.rows.append({"step": self._step, **scores})
        self.workdir.write_text(
            "validation.csv", report.curve_csv(self.rows, "step")
        )
        writer = tf.summary.create_file_writer(self.workdir.logs)
        with writer.as_default(step=self._step):
            for name, value in scores.items():
                tf.summary.scalar(f"validation/{name}", value["mean"])
        writer.close()


def refuse_test_split(config: Config, every: int) -> None:
    """Raises InputError if test samples would be watched."""
    if every and config.split == "test":
        raise InputError(
            "--validate_every would look at test samples during training.",
            "--split=tune, whose unseen classes are the validation classes",
            f"--validate_every={every} with --split=test",
            "add --split=tune, or leave --validate_every out",
        )
