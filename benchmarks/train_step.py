#!/usr/bin/env python3
"""Times a training step against the machine's limit, and against a plain one.

    benchmarks/train_step.py --shapes=cub_att_sent --variants=cwgan,cwgan_gm

Each shape has a data set's sizes and its preset's settings, and features drawn
at random. All that is timed takes turns, round after round, so that other work
of the machine slows all of it alike. The medians over rounds are printed.
"""

import dataclasses
import itertools
import os
import pathlib
import statistics
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from gmn_tf.commands import command_line

command_line.start_tensorflow()

import keras
import numpy as np
import operations
import tensorflow as tf
from absl import app, flags

from gmn_tf import configs
from gmn_tf.config import Config
from gmn_tf.data.zero_shot_data import Samples, ZeroShotData
from gmn_tf.method.variants import VARIANTS
from gmn_tf.training import fit, parts

# The plain form is one of the tests' references.
sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))
from tests.support import plain_step

# data set of the preset, seen, unseen, d_x, d_a
SHAPES = {
    "cub_att_sent": ("cub", 150, 50, 2048, 1336),
    "cub": ("cub", 150, 50, 2048, 312),
    "sun": ("sun", 645, 72, 2048, 102),
    "awa": ("awa", 40, 10, 2048, 85),
    "flo": ("flo", 82, 20, 2304, 1024),
}
ROWS_PER_CLASS = 40
PRECISIONS = ["float32", "mixed_bfloat16"]
DRAINED = 3  # batches that the pipeline made while others ran
TRAINED = [
    name
    for name, variant in VARIANTS.items()
    if variant.has_generator and operations.COUNTED.issuperset(variant.guidance)
]

LEGEND = """
GFLOP     what a step must compute
peak      GFLOP/s of the fastest of its matrix products, timed alone
share     of that peak
plainly   how many times as long the step takes written with nested tapes
with data a step fed by the input pipeline, and how much longer that is
"""

FLAGS = flags.FLAGS


def define_flags():
    """Defines the flags, unless another program imports this one's parts."""
    for flag, default, names in (
        ("shapes", ["cub"], list(SHAPES)),
        ("variants", ["cwgan_gm"], TRAINED),
    ):
        define_names(flag, default, names)
    flags.DEFINE_enum("precision", "float32", PRECISIONS, "As of bin/train.")
    define_turns()


def define_names(flag: str, default: list[str], names: list[str]):
    """Defines a flag that takes some of `names`."""
    text = "one or more, with commas, of " + ", ".join(names)
    flags.DEFINE_list(flag, default, text)
    flags.register_validator(flag, set(names).issuperset, text)


def define_turns():
    """Defines the flags of `take_turns`."""
    flags.DEFINE_integer("rounds", 5, "Rounds of each form.", 1)
    flags.DEFINE_integer("steps", 3, "Steps in a round.", 1)


def random_data(
    seen, unseen, feature_dim, embedding_dim, rows=ROWS_PER_CLASS
) -> ZeroShotData:
    """A data set of these sizes, with features like pooled ones (ReLU)."""
    rng = np.random.default_rng(0)

    def samples(classes):
        labels = np.repeat(np.asarray(classes, np.int32), rows)
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


def forms(config: Config, data: ZeroShotData) -> dict:
    """Everything that is compared: name -> a call that takes one step.

    `step` and `plain` take the same batch again and again, `fed` takes what the
    input pipeline gives. The rest are matrix products of the step's shapes, as
    `Product`s.
    """
    model = parts.build_model(config, data)
    batches = parts.make_batches(config, data, fit.make_strategy("one"))
    source = iter(batches)
    batch = next(source)
    step = tf.function(model.train_step)
    plain = tf.function(plain_step.plain(model).train_step)
    return {
        "step": lambda: step(batch),
        "plain": lambda: plain(batch),
        "fed": lambda: step(next(source)),
        **{product: product.prepared() for product in products(config, data)},
    }


def take_turns(
    forms: dict,
    rounds: int,
    steps: int,
    fed=("fed",),
    clock=time.perf_counter,
) -> dict:
    """Median seconds of each form, of all rounds; a first call is not timed.

    Args:
        forms: what to call, by name.
        rounds: how often all of them have their turn.
        steps: timed calls in a turn.
        fed: names of those that the input pipeline feeds.
        clock: gives seconds.
    """
    for form in forms.values():
        form()
    seconds = {name: [] for name in forms}
    for _ in range(rounds):
        for name, form in forms.items():
            for _ in range(DRAINED if name in fed else 1):
                form()
            begun = clock()
            for _ in range(steps):
                result = form()
            tf.nest.map_structure(lambda tensor: tensor.numpy(), result)
            seconds[name].append((clock() - begun) / steps)
    return {name: statistics.median(s) for name, s in seconds.items()}


@dataclasses.dataclass(frozen=True)
class Product:
    """A product of `[rows, inner]` and `[inner, columns]` of a precision."""

    rows: int
    inner: int
    columns: int
    dtype: str

    @property
    def operations(self) -> int:
        return 2 * self.rows * self.inner * self.columns

    def prepared(self):
        """A compiled call; it returns one number, so that nothing is copied."""
        left, right = (
            tf.cast(tf.random.normal(shape), self.dtype)
            for shape in ((self.rows, self.inner), (self.inner, self.columns))
        )
        return tf.function(lambda: tf.matmul(left, right)[0, 0])


def products(config: Config, data: ZeroShotData) -> list[Product]:
    """The largest products of a step: both networks' widest layers."""
    batch, dx = config.batch_size, data.feature_dim
    h, last = config.critic_units[0], config.generator_units[-1]
    dtype = keras.DTypePolicy(config.precision).compute_dtype
    return [
        Product(2 * batch, dx, h, dtype),
        Product(dx, 2 * batch, h, dtype),
        Product(config.critic_steps * batch, last, dx, dtype),
    ]


def fastest_product(seconds: dict) -> float:
    """GFLOP/s of the fastest of the products among what was timed."""
    return max(
        form.operations / seconds[form] / 1e9
        for form in seconds
        if isinstance(form, Product)
    )


def main(_):
    # TensorFlow warns that each form is traced again for each row.
    tf.get_logger().setLevel("ERROR")
    print(
        "shape         variant               GFLOP  ms/step  GFLOP/s   peak"
        "  share   plainly        with data"
    )
    for shape, variant in itertools.product(FLAGS.shapes, FLAGS.variants):
        dataset, *sizes = SHAPES[shape]
        preset = {
            **configs.preset(dataset),
            "variant": variant,
            "precision": FLAGS.precision,
        }
        config, data = Config().replace(preset), random_data(*sizes)
        median = take_turns(forms(config, data), FLAGS.rounds, FLAGS.steps)
        count = operations.step_operations(config, data)
        rate = count / median["step"] / 1e9
        peak = fastest_product(median)
        print(
            f"{shape:14}{variant:22}{count / 1e9:5.0f}"
            f"{1000 * median['step']:9.0f}{rate:9.0f}{peak:7.0f}"
            f"{rate / peak:7.0%}"
            f"{median['plain'] / median['step']:8.2f} x"
            f"{1000 * median['fed']:9.0f} ms"
            f"{median['fed'] / median['step'] - 1.0:+7.1%}",
            flush=True,
        )
    print(LEGEND.rstrip())


if __name__ == "__main__":
    define_flags()
    app.run(main)
