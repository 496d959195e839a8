"""What a person watches in TensorBoard while training runs, and after.

Nothing here changes a number of the run: no global random state is used. What
real samples are shown, `probes` decides; none is of a test class.
"""

import time
from collections.abc import Mapping

import keras
import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

from gmn_tf.data.zero_shot_data import Samples, ZeroShotData
from gmn_tf.method.metrics import BASELINE, SCORES
from gmn_tf.training import monitored_samples
from gmn_tf.training.projection import feature_projection
from gmn_tf.utils.figures import to_png

# Scalar of a training step -> its tag, grouped by the network it speaks of.
TAGS = {
    "critic_loss": "critic/loss",
    "critic_real_score": "critic/real_score",
    "critic_fake_score": "critic/fake_score",
    "gradient_penalty": "critic/gradient_penalty",
    "gradient_norm": "critic/gradient_norm",
    "generator_loss": "generator/loss",
    "adversarial_loss": "generator/adversarial_loss",
    "classification_loss": "generator/classification_loss",
    "cycle_loss": "generator/cycle_loss",
    "matching_loss": "matching/loss",
    "matching_norm": "matching/norm",
    "cosine_weights": "matching/cosine_weights",
    "cosine_bias": "matching/cosine_bias",
}
PICTURE_SHARE = 0.01  # of the time, at most


class TrainingMonitor(keras.callbacks.Callback):
    """Writes scalars and pictures of a training run for TensorBoard.

    Every `every` steps: the mean of each loss since the last entry, the time
    per step, and `probes.moment_differences` of seen and of validation
    classes. Every `picture_every` steps and at the end: real and synthetic
    features of a few classes in the plane. Where steps are fast, pictures come
    less often, so that drawing them takes no more than 1 % of the time.

    Args:
        log_dir: folder for the event file.
        data: names the classes; of its samples only `probe` is shown.
        probe: real samples to compare with, from `probe_samples`.
        every: steps between entries.
        picture_every: steps between pictures.
        probe_classes: classes in a picture.
        probe_size: real samples of each of them, at most. For the moments,
            as many as all these are spread over all classes of the group.
        first_step: steps done before this call of `fit`.
    """

    def __init__(
        self,
        log_dir: str,
        data: ZeroShotData,
        probe: Samples,
        every: int,
        picture_every: int,
        probe_classes: int = 5,
        probe_size: int = 64,
        first_step: int = 0,
    ):
        super().__init__()
        self.log_dir = str(log_dir)
        self.class_names = data.class_names
        self.every = every
        self.picture_every = picture_every
        self._step = self._logged_step = self._drawn_step = first_step
        self._first_step = first_step
        self._sums, self._count = {}, 0
        self._timed_from = None
        self._no_picture_before = 0.0
        self._writer = None
        self._moment_probes, self._picture_probes = {}, {}
        for name, classes in monitored_samples.probe_groups(
            data, probe
        ).items():
            few = monitored_samples.spread(classes, probe_classes)
            each = max(1, probe_classes * probe_size // len(classes))
            self._moment_probes[name] = monitored_samples.take(
                probe, classes, each
            )
            self._picture_probes[name] = monitored_samples.take(
                probe, few, probe_size
            )

    def on_train_begin(self, logs=None):
        if _reports(self.model):
            self._writer = tf.summary.create_file_writer(self.log_dir)

    def on_train_batch_end(self, batch, logs=None):
        if self._writer is None:
            return
        self._step = self._first_step + batch + 1
        for name, value in (logs or {}).items():
            self._sums[name] = self._sums.get(name, 0.0) + np.mean(value)
        self._count += 1
        if self._timed_from is None:  # the first step compiles: left out
            self._timed_from = (time.perf_counter(), self._step)
        if self._passed(self.every, self._logged_step):
            self._log()
        if (
            self._passed(self.picture_every, self._drawn_step)
            and time.perf_counter() >= self._no_picture_before
        ):
            self._draw()

    def on_train_end(self, logs=None):
        if self._writer is None:
            return
        if self._logged_step < self._step:
            self._log()
        if self._drawn_step < self._step:
            self._draw()
        self._writer.close()
        self._writer = None

    def _passed(self, interval: int, last: int) -> bool:
        # Keras may take several steps between two calls.
        return self._step // interval > last // interval

    def _log(self):
        scalars = {
            TAGS.get(name, f"training/{name}"): total / self._count
            for name, total in self._sums.items()
        }
        start, first = self._timed_from
        if self._step > first:
            seconds = (time.perf_counter() - start) / (self._step - first)
            scalars["speed/step_ms"] = 1000.0 * seconds
        for group, real in self._moment_probes.items():
            differences = monitored_samples.moment_differences(
                real.features, self._synthesise(real).features
            )
            for name, value in differences.items():
                scalars[f"moments_{group}/{name}"] = value
        _write_scalars(self._writer, scalars, self._step)
        self._sums, self._count = {}, 0
        self._logged_step = self._step
        self._timed_from = (time.perf_counter(), self._step)

    def _draw(self):
        begun = time.perf_counter()
        for group, real in self._picture_probes.items():
            fake = self._synthesise(real)
            drawable = len(real) > 1 and real.features.shape[1] > 1
            if drawable and np.isfinite(fake.features).all():
                figure = feature_projection(
                    real,
                    fake,
                    self.class_names,
                    f"{group.capitalize()} classes, step {self._step}",
                )
                _write_picture(
                    self._writer, f"features/{group}", figure, self._step
                )
        self._drawn_step = self._step
        now = time.perf_counter()
        drawing = now - begun
        self._no_picture_before = now + drawing / PICTURE_SHARE
        # Drawing is no part of a step.
        start, first = self._timed_from
        self._timed_from = (start + drawing, first)

    def _synthesise(self, real: Samples) -> Samples:
        """As many samples of the same classes, from noise of a fixed seed."""
        noise = tf.random.stateless_normal(
            [len(real), self.model.generator.noise_dim], [0, 0]
        )
        features = self.model.synthesise(noise, real.labels)
        return Samples(features.numpy(), real.labels)


def write_scores(
    log_dir: str, metrics: Mapping, figure: Figure | None = None
) -> None:
    """Writes the final scores as scalars.

    Args:
        log_dir: folder for the event file.
        metrics: the contents of metrics.json.
        figure: a picture of the accuracy of each class.
    """
    scalars = {tag: score["mean"] for tag, score in _tagged(metrics).items()}
    writer = tf.summary.create_file_writer(str(log_dir))
    _write_scalars(writer, scalars, metrics["steps"])
    if figure is not None:
        _write_picture(
            writer, "scores/class_accuracy", figure, metrics["steps"]
        )
    writer.close()


def write_hparams(log_dir: str, config: Mapping, metrics: Mapping) -> None:
    """Lists the run in the HParams tab.

    The tab takes the scores from the scalars of `write_scores`.

    Args:
        log_dir: the folder given to `write_scores`.
        config: all settings, as in config.json.
        metrics: the contents of metrics.json.
    """
    from tensorboard.plugins.hparams import api

    settings = {
        # The tab knows no lists.
        name: ",".join(map(str, value)) if isinstance(value, list) else value
        for name, value in config.items()
    }
    writer = tf.summary.create_file_writer(str(log_dir))
    with writer.as_default(step=0):
        api.hparams_config(
            [api.HParam(name) for name in settings],
            [api.Metric(tag) for tag in _tagged(metrics)],
        )
        api.hparams(settings)
    writer.close()


def _tagged(metrics: Mapping) -> dict[str, Mapping]:
    """Each score that is known, and the baseline's, under its tag."""
    rows = {"scores": metrics}
    if "baseline" in metrics:
        rows[f"scores_{BASELINE}"] = metrics["baseline"]
    return {
        f"{group}/{key}": row[key]
        for group, row in rows.items()
        for key in SCORES
        if row[key]["mean"] is not None
    }


def _reports(model) -> bool:
    """Whether this process, of several that train together, is to report."""
    return model.distribute_strategy.extended.should_save_summary


def _write_scalars(writer, scalars: Mapping, step: int) -> None:
    with writer.as_default(step=step):
        for tag, value in scalars.items():
            tf.summary.scalar(tag, value)


def _write_picture(writer, tag: str, figure: Figure, step: int) -> None:
    pixels = tf.io.decode_png(to_png(figure), channels=3)
    with writer.as_default(step=step):
        tf.summary.image(tag, pixels[tf.newaxis])
    writer.flush()
