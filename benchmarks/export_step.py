#!/usr/bin/env python3
"""Writes a compiled training step as a folder that JAX alone can run.

    benchmarks/export_step.py --shape=cub_att_sent --out=step
    benchmarks/run_step.py step                     # needs jax and numpy alone

For timing where TensorFlow is not to be had, as on many machines with a GPU.
The folder has the step as HLO (`step.hlo`), its parameters after a few steps
(`inputs.npz`), what TensorFlow makes of them on this machine (`outputs.npz`:
what is logged, and each variable that is written), and `step.json`: which
result takes the place of which parameter, the number of operations, and the
largest matrix products.
"""

import os
import pathlib
import re

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from gmn_tf.commands import command_line

command_line.start_tensorflow()

import numpy as np
import operations
import tensorflow as tf
import train_step
from absl import app, flags

from gmn_tf import configs
from gmn_tf.config import Config
from gmn_tf.training import fit, parts
from gmn_tf.utils import files

FLAGS = flags.FLAGS
flags.DEFINE_enum("shape", "cub", list(train_step.SHAPES), "Sizes of the data.")
flags.DEFINE_enum("variant", "cwgan_gm", train_step.TRAINED, "Its step.")
flags.DEFINE_enum(
    "precision", "float32", train_step.PRECISIONS, "As of bin/train."
)
flags.DEFINE_string("out", None, "The folder to write; must not exist.")
flags.mark_flag_as_required("out")

WARM_UP = 3  # steps; Adam's first step would be the sign of each gradient
ALIAS = re.compile(r"\{(\d+)\}: \((\d+), \{\}")  # result: (parameter, ...)


def exported(config: Config, data) -> tuple[bytes, list, list, dict]:
    """A step as HLO, its parameters, and what TensorFlow makes of them.

    Args:
        config: the settings.
        data: as of `train_step.random_data`.

    Returns:
        The serialized HLO module; its parameters; its results, first what is
        logged and then each variable that is written; and for the number of
        such a result that of the parameter whose place it takes.
    """
    model = parts.build_model(config, data)
    batches = iter(parts.make_batches(config, data, fit.make_strategy("one")))
    plain = tf.function(model.train_step)
    for _ in range(WARM_UP):
        plain(next(batches))
    batch = next(batches)
    step = tf.function(model.train_step, jit_compile=True)
    graph = step.get_concrete_function(batch)
    compiler = step.experimental_get_compiler_ir(batch)
    captured = [outer for outer, _ in graph.graph.captures]
    inputs = [tensor.numpy() for tensor in tf.nest.flatten(batch)]
    first = len(inputs)
    inputs += map(_value, captured)
    # The result of a variable takes the place of its parameter.
    header, _, _ = compiler(stage="hlo").partition("\n")
    aliases = {int(r): int(p) for r, p in ALIAS.findall(header)}
    # Kernels draw theta in another order than XLA does; the rest is the same.
    logs = step(batch)
    outputs = tf.nest.map_structure(lambda tensor: tensor.numpy(), logs)
    outputs = tf.nest.flatten(outputs)
    outputs += [_value(captured[aliases[r] - first]) for r in sorted(aliases)]
    return compiler(stage="hlo_serialized"), inputs, outputs, aliases


def _value(captured) -> np.ndarray:
    """A copy of a constant, or of a variable, which is a resource."""
    if captured.dtype == tf.resource:
        (content,) = captured._handle_data.shape_and_type
        captured = tf.raw_ops.ReadVariableOp(
            resource=captured, dtype=tf.as_dtype(content.dtype)
        )
    return np.array(captured)


def main(_) -> None:
    dataset, *sizes = train_step.SHAPES[FLAGS.shape]
    config = Config().replace(
        {
            **configs.preset(dataset),
            "variant": FLAGS.variant,
            "precision": FLAGS.precision,
        }
    )
    data = train_step.random_data(*sizes)
    hlo, inputs, outputs, aliases = exported(config, data)
    out = pathlib.Path(FLAGS.out)
    out.mkdir(parents=True)
    (out / "step.hlo").write_bytes(hlo)
    np.savez(out / "inputs.npz", *inputs)
    np.savez(out / "outputs.npz", *outputs)
    about = {
        "shape": FLAGS.shape,
        "variant": FLAGS.variant,
        "precision": FLAGS.precision,
        "operations": operations.step_operations(config, data),
        "products": [
            [product.rows, product.inner, product.columns]
            for product in train_step.products(config, data)
        ],
        "aliases": aliases,
        "tensorflow": tf.__version__,
    }
    files.write_json(out / "step.json", about)
    print(f"{out}: {len(inputs)} parameters, {len(outputs)} results")


if __name__ == "__main__":
    app.run(main)
