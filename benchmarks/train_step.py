#!/usr/bin/env python3
"""Times a training step against the same step written plainly.

    benchmarks/train_step.py --shapes=cub,flo --variants=cwgan,cwgan_gm

Each shape has a data set's sizes and its preset's settings, and features drawn
at random. Rounds of both forms take turns, so that what else the machine does
meanwhile is shared by both; printed are medians over rounds.
"""

import pathlib
import statistics
import sys
import time

import numpy as np
import tensorflow as tf
from absl import app, flags

from gmn_tf import configs, training
from gmn_tf.config import Config
from gmn_tf.data import Samples, ZeroShotData
from gmn_tf.variants import VARIANTS

# The plain form is one of the tests' references.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests"))
import plain_step

# data set of the preset, seen, unseen, d_x, d_a
SHAPES = {
    "cub_att_sent": ("cub", 150, 50, 2048, 1336),
    "cub": ("cub", 150, 50, 2048, 312),
    "sun": ("sun", 645, 72, 2048, 102),
    "awa": ("awa", 40, 10, 2048, 85),
    "flo": ("flo", 82, 20, 2304, 1024),
}
ROWS_PER_CLASS = 40
TRAINED = [name for name, variant in VARIANTS.items() if variant.has_generator]

FLAGS = flags.FLAGS
for flag, default, names in (
    ("shapes", ["cub"], list(SHAPES)),
    ("variants", ["cwgan_gm"], TRAINED),
):
    text = "one or more, with commas, of " + ", ".join(names)
    flags.DEFINE_list(flag, default, text)
    flags.register_validator(flag, set(names).issuperset, text)
flags.DEFINE_integer("rounds", 5, "Rounds of each form.", 1)
flags.DEFINE_integer("steps", 3, "Steps in a round.", 1)


def random_data(seen, unseen, feature_dim, embedding_dim) -> ZeroShotData:
    """A data set of these sizes, with features like pooled ones (ReLU)."""
    rng = np.random.default_rng(0)

    def samples(classes):
        labels = np.repeat(np.asarray(classes, np.int32), ROWS_PER_CLASS)
        shape = len(labels), feature_dim
        features = np.maximum(rng.normal(size=shape), 0.0)
        return Samples(features.astype(np.float32), labels)

    embeddings = rng.normal(size=(seen + unseen, embedding_dim))
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    return ZeroShotData(
        class_names=tuple(map(str, range(seen + unseen))),
        num_seen=seen,
        embeddings=embeddings.astype(np.float32),
        validation_classes=np.array([0]),
        train=samples(range(seen)),
        seen=samples([0]),
        unseen=samples(range(seen, seen + unseen)),
        metadata={},
    )


def step_times(shape: str, variant: str, rounds: int, steps: int) -> dict:
    """Seconds per step, one per round, of `step` and `plain` form."""
    dataset, *sizes = SHAPES[shape]
    config = Config().replace({**configs.preset(dataset), "variant": variant})
    data = random_data(*sizes)
    model = training.build_model(config, data)
    batch = next(
        iter(training.make_batches(config, data, training.make_strategy("one")))
    )
    forms = {
        "step": tf.function(model.train_step),
        "plain": tf.function(plain_step.plain(model).train_step),
    }
    for form in forms.values():
        form(batch)
    times = {name: [] for name in forms}
    for _ in range(rounds):
        for name, form in forms.items():
            begun = time.perf_counter()
            for _ in range(steps):
                logs = form(batch)
            tf.nest.map_structure(lambda tensor: tensor.numpy(), logs)
            times[name].append((time.perf_counter() - begun) / steps)
    return times


def main(_):
    for shape in FLAGS.shapes:
        for variant in FLAGS.variants:
            times = step_times(shape, variant, FLAGS.rounds, FLAGS.steps)
            step, plain = (statistics.median(t) for t in times.values())
            print(
                f"{shape:14}{variant:22}{1000 * step:8.0f} ms a step"
                f"{1000 * plain:8.0f} ms plainly{plain / step:8.2f} x",
                flush=True,
            )


if __name__ == "__main__":
    app.run(main)
