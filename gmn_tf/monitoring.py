"""What can be watched while a run goes on: a progress line, TensorBoard."""

import sys
import time

import keras
import numpy as np
import tensorflow as tf
from tensorboard.plugins.hparams import api as hparams

from gmn_tf import pictures, synthesis
from gmn_tf.data import Samples, ZeroShotData

# Group in TensorBoard of each entry of `GMN.train_step`.
GROUPS = {
    "critic_loss": "critic/loss",
    "critic_real_score": "critic/real_score",
    "critic_fake_score": "critic/fake_score",
    "gradient_penalty": "critic/gradient_penalty",
    "gradient_norm": "critic/gradient_norm",
    "generator_loss": "generator/loss",
    "adversarial_loss": "generator/adversarial_loss",
    "classification_loss": "generator/classification_loss",
    "matching_loss": "matching/loss",
    "matching_norm": "matching/norm",
    "cosine_weights": "matching/cosine_weights",
    "cosine_bias": "matching/cosine_bias",
}
ON_THE_LINE = ("critic_loss", "generator_loss", "cosine_weights")


class ProgressLine(keras.callbacks.ProgbarLogger):
    """Keras's progress line, with the losses a person reads and time left.

    Where output goes to a file, it is a line in a hundred steps instead of one
    that is overwritten.
    """

    def set_params(self, params):
        super().set_params({**params, "verbose": 1})
        self.every = 1 if sys.stdout.isatty() else 100

    def on_train_batch_end(self, batch, logs=None):
        if (batch + 1) % self.every == 0 or batch == 0:
            super().on_train_batch_end(batch, _chosen(logs))

    def on_epoch_end(self, epoch, logs=None):
        super().on_epoch_end(epoch, _chosen(logs))


class TrainingMonitor(keras.callbacks.Callback):
    """Writes losses, moments of features, speed and pictures for TensorBoard.

    Moments compare synthetic features with real ones for two groups of
    classes, `seen` and `validation`. They are taken from `probe` alone, which
    holds no sample of a test class.

    Args:
        log_dir: folder of the event files.
        data: class names, embeddings and which classes are for validation.
        probe: real samples to compare with, from `probe_samples`.
        every: steps between entries.
        picture_every: steps between pictures.
        classes: classes probed in each group.
        samples: samples of each.
    """

    def __init__(
        self,
        log_dir: str,
        data: ZeroShotData,
        probe: Samples,
        every: int,
        picture_every: int,
        classes: int = 4,
        samples: int = 64,
    ):
        super().__init__()
        self.writer = tf.summary.create_file_writer(log_dir)
        self.data = data
        self.every = every
        self.picture_every = picture_every
        self.groups = probe_classes(data, probe, classes)
        self.samples = samples
        self.real = {
            label: probe.features[probe.labels == label][:samples]
            for labels in self.groups.values()
            for label in labels
        }
        self.last_time = None

    def on_train_begin(self, logs=None):
        self.last_time = time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        step = batch + 1
        is_last = step == self.params["steps"]
        if step % self.every == 0 or is_last:
            self._write_scalars(step, logs)
        if step % self.picture_every == 0 or is_last:
            self._write_picture(step)

    def on_train_end(self, logs=None):
        self.writer.close()

    def _write_scalars(self, step: int, logs) -> None:
        now = time.perf_counter()
        steps = (step - 1) % self.every + 1
        with self.writer.as_default(step):
            for name, value in logs.items():
                tf.summary.scalar(GROUPS.get(name, name), float(value))
            tf.summary.scalar(
                "speed/step_ms", 1000.0 * (now - self.last_time) / steps
            )
            for group, labels in self.groups.items():
                real = np.concatenate([self.real[label] for label in labels])
                for name, value in moments(real, self._fake(labels)).items():
                    tf.summary.scalar(f"features_{group}/{name}", value)
        self.last_time = time.perf_counter()

    def _write_picture(self, step: int) -> None:
        labels = [
            label for group in self.groups.values() for label in group[:3]
        ]
        figure = pictures.feature_projection(
            [self.real[label] for label in labels],
            [self._fake([label]) for label in labels],
            [
                f"{self.data.class_names[label]} ({group})"
                for group, members in self.groups.items()
                for label in members[:3]
            ],
        )
        with self.writer.as_default(step):
            write_image("features", figure)

    def _fake(self, labels) -> np.ndarray:
        counts = np.zeros(self.data.num_classes, int)
        counts[labels] = self.samples
        return synthesis.synthesise(
            self.model.generator, self.data.embeddings, counts, seed=0
        ).features


def probe_samples(data: ZeroShotData, split: str) -> Samples:
    """Real samples that may be looked at during training.

    In the test split these are the training samples alone; in the tune split
    those of the validation classes too, which play the unseen ones there.
    """
    if split == "tune":
        return synthesis.joined(data.train, data.unseen)
    return data.train


def probe_classes(
    data: ZeroShotData, probe: Samples, count: int
) -> dict[str, np.ndarray]:
    """A few classes, evenly spread, of the groups `seen` and `validation`."""
    present = np.unique(probe.labels)
    groups = {
        "seen": np.setdiff1d(present, data.validation_classes),
        "validation": np.intersect1d(present, data.validation_classes),
    }
    return {
        name: labels[np.linspace(0, len(labels) - 1, count).astype(int)]
        if len(labels) > count
        else labels
        for name, labels in groups.items()
        if len(labels)
    }


def moments(real: np.ndarray, fake: np.ndarray) -> dict[str, float]:
    """How synthetic features `[m, dx]` differ from real ones `[n, dx]`."""
    real_variance, fake_variance = real.var(axis=0), fake.var(axis=0)
    return {
        "mean_difference": np.abs(real.mean(0) - fake.mean(0)).mean(),
        "std_difference": np.abs(
            np.sqrt(real_variance) - np.sqrt(fake_variance)
        ).mean(),
        "variance_ratio": fake_variance.sum() / max(real_variance.sum(), 1e-12),
        "zeros_real": (real == 0.0).mean(),
        "zeros_synthetic": (fake == 0.0).mean(),
    }


def write_scores(log_dir: str, metrics: dict, bars) -> None:
    """Writes the scores as scalars, and the bars of classes as a picture.

    Args:
        log_dir: folder of the event files.
        metrics: the contents of metrics.json.
        bars: a figure of accuracies per class.
    """
    writer = tf.summary.create_file_writer(log_dir)
    with writer.as_default(metrics["steps"]):
        for name in ("t1", "u", "s", "h"):
            tf.summary.scalar(f"scores/{name}", metrics[name]["mean"])
            if "baseline" in metrics:
                tf.summary.scalar(
                    f"scores_real_only/{name}",
                    metrics["baseline"][name]["mean"],
                )
        write_image("class_accuracy", bars)
    writer.close()


def write_hparams(log_dir: str, config: dict, metrics: dict) -> None:
    """Writes all settings, with the scores, for the HParams tab."""
    names = ("t1", "u", "s", "h")
    settings = {
        name: ",".join(map(str, value)) if isinstance(value, list) else value
        for name, value in config.items()
    }
    writer = tf.summary.create_file_writer(log_dir)
    with writer.as_default(metrics["steps"]):
        hparams.hparams_config(
            hparams=[hparams.HParam(name) for name in settings],
            metrics=[hparams.Metric(f"scores/{name}") for name in names],
        )
        hparams.hparams(settings)
    writer.close()


def write_image(name: str, figure) -> None:
    """Writes a figure to the default summary writer."""
    image = tf.io.decode_png(pictures.to_png(figure), channels=4)
    tf.summary.image(name, image[tf.newaxis])


def _chosen(logs) -> dict:
    return {name: logs[name] for name in ON_THE_LINE if name in (logs or {})}
