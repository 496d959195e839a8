#!/usr/bin/env python3
"""What a step of a final classifier costs, and what other forms of it would.

    benchmarks/classifier_step.py --rounds=8 --steps=8

For the shapes of FLO and CUB with --preset=release, in turns: a step of
`bilinear` as it is in float32 (`now`) and with products in `bfloat16`, and
forms that take the same steps as `now`:

* closed: the gradient of the cross-entropy in closed form;
* fused: that, and a kernel that moves momentum and weights in one pass;
* seeds: that of closed for five seeds at once, in batched products, per seed.

`products` are the two large products of a step alone, and `gather` the rows of
its batch. `prototype` is a step of that classifier, in float32 and with
products in bfloat16. Times are those of the processor, summed over its cores,
because they change less than others on a machine that does other work.
"""

import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from gmn_tf.commands import command_line

command_line.start_tensorflow()

import numpy as np
import tensorflow as tf
import train_step
from absl import app, flags

from gmn_tf.config import Config
from gmn_tf.data.zero_shot_data import Samples
from gmn_tf.method import compatibility
from gmn_tf.method.classifiers import base, prototype, sgd
from gmn_tf.training import final_classifiers

SHAPES = ("flo", "cub")
SEEDS = 5
SETTINGS = sgd.SGD(0.01, 0.97, 0.9, 0.001, 256, epochs=1)
RATE = tf.constant(SETTINGS.learning_rate)

FLAGS = flags.FLAGS


def gradients(theta, batch, labels, embeddings):
    """Closed form; leading axes of theta, batch and labels are seeds."""
    weights, bias = theta
    scores = tf.einsum(
        "...br,cr->...bc", tf.matmul(batch, weights) + bias, embeddings
    )
    rest = tf.nn.softmax(scores) - tf.one_hot(labels, embeddings.shape[0])
    rest = tf.einsum("...bc,cr->...br", rest / batch.shape[-2], embeddings)
    return (
        tf.matmul(batch, rest, transpose_a=True),
        tf.reduce_sum(rest, axis=-2, keepdims=True),
    )


@tf.function
def closed(theta, data, orders):
    """Orders `[..., n]`, with a leading axis for seeds or without."""
    features, labels, embeddings = data
    velocity = tuple(map(tf.zeros_like, theta))
    for start in tf.range(0, orders.shape[-1], SETTINGS.batch_size):
        rows = orders[..., start : start + SETTINGS.batch_size]
        rows = tf.ensure_shape(rows, [*orders.shape[:-1], SETTINGS.batch_size])
        found = gradients(
            theta,
            tf.gather(features, rows),
            tf.gather(labels, rows),
            embeddings,
        )
        velocity = tuple(
            SETTINGS.momentum * v + g + SETTINGS.weight_decay * t
            for v, g, t in zip(velocity, found, theta)
        )
        theta = tuple(t - RATE * v for t, v in zip(theta, velocity))
    return theta


@tf.function
def fused(variables, data, order):
    """The same on variables, by the kernel of momentum."""
    features, labels, embeddings = data
    for start in tf.range(0, order.shape[0], SETTINGS.batch_size):
        rows = order[start : start + SETTINGS.batch_size]
        rows = tf.ensure_shape(rows, [SETTINGS.batch_size])
        theta = [value.read_value() for value, _ in variables]
        found = gradients(
            theta,
            tf.gather(features, rows),
            tf.gather(labels, rows),
            embeddings,
        )
        for (value, velocity), gradient, old in zip(variables, found, theta):
            tf.raw_ops.ResourceApplyMomentum(
                var=value.handle,
                accum=velocity.handle,
                lr=RATE,
                grad=gradient + SETTINGS.weight_decay * old,
                momentum=SETTINGS.momentum,
            )
    return variables[0][0][0, 0]


@tf.function
def products(weights, features, order):
    """The two large products of a step, of the same batch each time."""
    batch, rest = features[: SETTINGS.batch_size], 0.0
    for _ in tf.range(0, tf.size(order), SETTINGS.batch_size):
        projected = tf.matmul(batch + 0.0 * rest, weights)
        rest = tf.matmul(batch, projected, transpose_a=True)[0, 0]
    return rest


@tf.function
def gather(features, order):
    """The rows of each batch."""
    total = 0.0
    for start in tf.range(0, tf.size(order), SETTINGS.batch_size):
        rows = order[start : start + SETTINGS.batch_size]
        total += tf.gather(features, rows)[0, 0]
    return total


def forms(shape: str) -> dict:
    """Name -> a call that takes all steps."""
    _, seen, unseen, feature_dim, embedding_dim = train_step.SHAPES[shape]
    classes = seen + unseen
    count = FLAGS.steps * SETTINGS.batch_size
    rng = np.random.default_rng(0)
    features = tf.abs(tf.random.normal([count, feature_dim]))
    labels = tf.constant(rng.integers(0, classes, count), tf.int32)
    embeddings = rng.normal(size=(classes, embedding_dim)).astype(np.float32)
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    embedded = embeddings
    embeddings = tf.constant(embedded @ compatibility.span_basis(embedded))
    units = embeddings.shape[1]
    weights, bias = compatibility.initial_theta(feature_dim, units, [1, 0])
    theta = weights, bias[tf.newaxis]
    data = features, labels, embeddings
    order = tf.random.shuffle(tf.range(count))
    several = tuple(tf.stack([part] * SEEDS) for part in theta)
    orders = tf.stack([order] * SEEDS)
    variables = [
        (tf.Variable(part), tf.Variable(tf.zeros_like(part))) for part in theta
    ]
    still = tuple(map(tf.zeros_like, (weights, bias)))
    settings = final_classifiers.settings(Config(), "prototype")
    settings = settings._replace(epochs=1)
    samples = Samples(features, labels.numpy())

    def now(dtype="float32"):
        return sgd._epoch(
            (weights, bias),
            still,
            data,
            order,
            RATE,
            SETTINGS,
            sgd.cross_entropy,
            dtype,
        )[0]

    def prototype_fit(dtype):
        task = base.Task(samples, embedded, seen, classes, dtype)
        return prototype.fit(task, settings, 1).kernels[0]

    for one, other in zip(now(), closed(theta, data, order)):
        error = np.abs(one - tf.reshape(other, one.shape)).max()
        print(f"  closed is as now to {error:.1e}", flush=True)
    return {
        "now": now,
        "bfloat16": lambda: now("bfloat16"),
        "closed": lambda: closed(theta, data, order),
        "fused": lambda: fused(variables, data, order),
        "seeds": lambda: closed(several, data, orders),
        "products": lambda: products(weights, features, order),
        "gather": lambda: gather(features, order),
        "prototype": lambda: prototype_fit("float32"),
        "prototype_bfloat16": lambda: prototype_fit("bfloat16"),
    }


def main(_):
    for name in SHAPES:
        print(name, flush=True)
        seconds = train_step.take_turns(
            forms(name), FLAGS.rounds, 1, clock=time.process_time
        )
        for form, each in seconds.items():
            steps = FLAGS.steps * (SEEDS if form == "seeds" else 1)
            seconds[form] = each / steps
            print(
                f"  {form}: {1000.0 * seconds[form]:.2f} ms a step, "
                f"{seconds[form] / seconds['now']:.2f} of now",
                flush=True,
            )


if __name__ == "__main__":
    train_step.define_turns()
    app.run(main)
