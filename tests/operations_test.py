"""Benchmarks count the traced step's operations, and watch what exists."""

import pathlib
import sys

import pytest
import tensorflow as tf

from gmn_tf import configs
from gmn_tf.config import Config
from gmn_tf.training import fit, parts

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "benchmarks"))
import operations
import train_step
import whole_run

CASES = [("cub", name) for name in train_step.TRAINED]
CASES += [("cub_att_sent", "cwgan_cls_cycle"), ("sun", "wgan_cls")]
CASES += [(shape, "cwgan_gm") for shape in train_step.SHAPES if shape != "cub"]


@pytest.mark.parametrize(("shape", "variant"), CASES)
def test_operations_are_those_of_the_graph(shape, variant):
    dataset, *sizes = train_step.SHAPES[shape]
    config = Config().replace(
        {
            **configs.preset(dataset),
            "variant": variant,
            # Of L_CLS's classifier only the size matters here.
            "classifier_epochs": 1,
        }
    )
    # Nothing is computed, so the number of samples does not matter.
    data = train_step.random_data(*sizes, rows=1)
    model = parts.build_model(config, data)
    batches = parts.make_batches(config, data, fit.make_strategy("one"))
    step = tf.function(model.train_step)
    graph = step.get_concrete_function(batches.element_spec).graph

    counted = sum(map(product_operations, needed(graph)))

    expected = operations.step_operations(config, data)
    assert counted == pytest.approx(expected, rel=0.02), counted / expected


def needed(graph):
    """The operations that results or variables depend on."""
    found = set()
    open_ones = [t.op for t in graph.outputs] + list(graph.control_outputs)
    while open_ones:
        op = open_ones.pop()
        if op not in found:
            found.add(op)
            open_ones += [t.op for t in op.inputs] + list(op.control_inputs)
    return found


def product_operations(op):
    if op.type not in ("MatMul", "BatchMatMulV2"):
        return 0
    flag = "transpose_a" if op.type == "MatMul" else "adj_x"
    inner = op.inputs[0].shape[-2 if op.get_attr(flag) else -1]
    return 2 * op.outputs[0].shape.num_elements() * inner


def test_every_function_that_is_watched_exists():
    watched = []

    class Clock:
        def watch(self, owner, name, phase):
            watched.append(getattr(owner, name))

    whole_run.watch_package(Clock())
    assert watched and all(map(callable, watched))
