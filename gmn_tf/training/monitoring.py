"""What a person watches in TensorBoard while training runs, and after.

Nothing here changes a number of the run: no global random state is used. The
real samples that are shown come from `monitored_samples`; none is of a test
class.
"""

import contextlib
import time
import types
from collections.abc import Iterator, Mapping

import numpy as np
import tensorflow as tf

from gmn_tf.data.zero_shot_data import Samples, ZeroShotData
from gmn_tf.method.metrics import BASELINE, SCORES
from gmn_tf.training import figures
from gmn_tf.training.callbacks import TAGS, StepCallback
from gmn_tf.training.monitored_samples import (
    class_groups,
    moment_differences,
    spread,
    take,
)
from gmn_tf.utils.figures import to_png

PICTURE_SHARE = 0.01  # of the time, at most
PICTURE_CLASSES = 5
# Real samples of each, at most. For the moments, as many as in a picture are
# spread over all classes of the group.
PER_CLASS = 64


class TrainingMonitor(StepCallback):
    """Writes scalars and pictures of a training run for TensorBoard.

    Every `every` steps: the mean of each loss since the last entry, the time
    per step, and `moment_differences` of seen and of validation classes. Every
    `picture_every` steps and at the end: real and synthetic features of a few
    classes in the plane. Where steps are fast, pictures come less often, so
    that drawing them takes no more than 1 % of the time.

    Args:
        log_dir: folder for the event file.
        data: names the classes; of its samples only `real` is shown.
        real: samples to compare with, from `monitored_samples`.
        every: steps between entries.
        picture_every: steps between pictures.
        first_step: steps done before this call of `fit`.
    """

    def __init__(
        self,
        log_dir: str,
        data: ZeroShotData,
        real: Samples,
        every: int,
        picture_every: int,
        first_step: int = 0,
    ):
        super().__init__(first_step)
        self.log_dir, self.class_names = str(log_dir), data.class_names
        self.every, self.picture_every = every, picture_every
        self._logged_step = self._drawn_step = first_step
        self._sums, self._count = {}, 0
        self._timed_from = None
        self._no_picture_before = 0.0
        self._writer = None
        self._moment_samples, self._picture_samples = {}, {}
        for group, classes in class_groups(data, real).items():
            each = max(1, PICTURE_CLASSES * PER_CLASS // len(classes))
            self._moment_samples[group] = take(real, classes, each)
            few = spread(classes, PICTURE_CLASSES)
            self._picture_samples[group] = take(real, few, PER_CLASS)

    def on_train_begin(self, logs=None):
        # Of several processes that train together, one reports.
        if self.model.distribute_strategy.extended.should_save_summary:
            self._writer = tf.summary.create_file_writer(self.log_dir)

    def after_step(self, logs):
        if self._writer is None:
            return
        for name, value in logs.items():
            self._sums[name] = self._sums.get(name, 0.0) + np.mean(value)
        self._count += 1
        if self._timed_from is None:  # the first step compiles: left out
            self._timed_from = (time.perf_counter(), self.step)
        if self.passed(self.every, self._logged_step):
            self._log()
        if (
            self.passed(self.picture_every, self._drawn_step)
            and time.perf_counter() >= self._no_picture_before
        ):
            self._draw()

    def on_train_end(self, logs=None):
        if self._writer is None:
            return
        if self._logged_step < self.step:
            self._log()
        if self._drawn_step < self.step:
            self._draw()
        self._writer.close()
        self._writer = None

    def _log(self):
        scalars = {
            TAGS.get(name, f"training/{name}"): total / self._count
            for name, total in self._sums.items()
        }
        start, first = self._timed_from
        if self.step > first:
            seconds = (time.perf_counter() - start) / (self.step - first)
            scalars["speed/step_ms"] = 1000.0 * seconds
        for group, real in self._moment_samples.items():
            fake = self._synthesise(real)
            differences = moment_differences(real.features, fake.features)
            for name, value in differences.items():
                scalars[f"moments_{group}/{name}"] = value
        with self._writer.as_default(self.step):
            _write_scalars(scalars)
        self._sums, self._count = {}, 0
        self._logged_step = self.step
        self._timed_from = (time.perf_counter(), self.step)

    def _draw(self):
        begun = time.perf_counter()
        for group, real in self._picture_samples.items():
            fake = self._synthesise(real)
            drawable = len(real) > 1 and real.features.shape[1] > 1
            if drawable and np.isfinite(fake.features).all():
                title = f"{group.capitalize()} classes, step {self.step}"
                figure = figures.feature_projection(
                    real, fake, self.class_names, title
                )
                with self._writer.as_default(self.step):
                    _write_picture(f"features/{group}", to_png(figure))
        self._drawn_step = self.step
        now = time.perf_counter()
        drawing = now - begun
        self._no_picture_before = now + drawing / PICTURE_SHARE
        # Drawing is not part of a step.
        start, first = self._timed_from
        self._timed_from = (start + drawing, first)

    def _synthesise(self, real: Samples) -> Samples:
        """As many samples of the same classes, from noise of a fixed seed."""
        noise = tf.random.stateless_normal(
            [len(real), self.model.generator.noise_dim], [0, 0]
        )
        features = self.model.synthesise(noise, real.labels)
        return Samples(features.numpy(), real.labels)


def write_result(
    log_dir: str,
    config: Mapping,
    metrics: Mapping,
    pictures: Mapping[str, bytes] = types.MappingProxyType({}),
) -> None:
    """Writes the final scores as scalars, and lists the run in the HParams tab.

    So does what the data can give, if it was measured, with advice as text.

    The tab takes the scores from the scalars.

    Args:
        log_dir: folder for the event file.
        config: all settings, as in config.json.
        metrics: the contents of metrics.json.
        pictures: PNG files by name, such as that of each class's accuracy.
    """
    from tensorboard.plugins.hparams import api, api_pb2, summary

    rows = {"scores": metrics}
    if "baseline" in metrics:
        rows[f"scores_{BASELINE}"] = metrics["baseline"]
    scores = {
        f"{group}/{key}": row[key]["mean"]
        for group, row in rows.items()
        for key in SCORES
        if row[key]["mean"] is not None
    }
    limits = metrics.get("limits", {})
    advice = limits.get("advice", [])
    settings = {
        # The tab knows no lists.
        name: ",".join(map(str, value)) if isinstance(value, list) else value
        for name, value in config.items()
    }
    with writing(log_dir, metrics["steps"]):
        _write_scalars(scores)
        _write_scalars(
            {
                f"limits/{name}": value
                for name, value in limits.items()
                if name != "advice" and value is not None
            }
        )
        for number, sentence in enumerate(advice):
            tf.summary.text(f"limits/advice_{number}", sentence)
        calibration = metrics.get("calibration", {})
        _write_scalars(
            {
                f"calibration/{name}": value
                for name, value in calibration.items()
                if isinstance(value, int | float)
            }
        )
        for name, picture in pictures.items():
            _write_picture(f"scores/{name}", picture)
        api.hparams_config(
            [api.HParam(name) for name in settings],
            [api.Metric(tag) for tag in scores],
        )
        api.hparams(settings)
        ended = summary.session_end_pb(api_pb2.STATUS_SUCCESS)
        tf.summary.experimental.write_raw_pb(ended.SerializeToString(), 0)


@contextlib.contextmanager
def writing(log_dir: str, step: int) -> Iterator[None]:
    """Sends what `tf.summary` writes inside to an event file of its own."""
    writer = tf.summary.create_file_writer(str(log_dir))
    with contextlib.closing(writer), writer.as_default(step):
        yield


def _write_scalars(scalars: Mapping) -> None:
    for tag, value in scalars.items():
        tf.summary.scalar(tag, value)


def _write_picture(tag: str, png: bytes) -> None:
    pixels = tf.io.decode_png(png, channels=3)
    tf.summary.image(tag, pixels[tf.newaxis])
