#!/usr/bin/env python3
"""Checks and times a step of `export_step.py` on the device that JAX sees.

    benchmarks/run_step.py step step-bfloat16

Needs jax and numpy alone (made with JAX 0.10), not this package. For each
folder it prints milliseconds a step, the share of the rate of the fastest of
the step's own matrix products on that device, and how far losses, and what is
added to weights, are from what TensorFlow made of the same batch.
"""

import argparse
import json
import pathlib
import statistics
import time

try:
    import jax
    import jax.numpy as jnp
    import numpy as np
    from jaxlib import _jax
except ImportError as error:
    raise SystemExit(f"{error}. Install what is missing: jax, numpy.") from None

# The seed of theta and the numbers of steps are of 64 bits.
jax.config.update("jax_enable_x64", True)

STEPS = 3  # in a round
REPEATS = 20  # of a matrix product, which the device is asked for once


def arrays(path: pathlib.Path) -> list[np.ndarray]:
    """What a file has, in order."""
    with np.load(path) as found:
        return [found[f"arr_{number}"] for number in range(len(found.files))]


def compiled(hlo: bytes, device):
    """The step: arrays on the device -> arrays there."""
    devices = _jax.DeviceList((device,))
    program = _jax.mlir.hlo_to_stablehlo(hlo)
    executable = device.client.compile_and_load(
        program, devices, _jax.CompileOptions()
    )

    def step(parameters):
        results = executable.execute_sharded(parameters)
        parts = results.disassemble_into_single_device_arrays()
        return [part[0] for part in parts]

    return step


def in_place(parameters: list, results: list, aliases: dict) -> list:
    """The parameters of the next step; those of the last one are gone."""
    parameters = list(parameters)
    for result, parameter in aliases.items():
        parameters[int(parameter)] = results[int(result)]
    return parameters


def differences(aliases, inputs, expected, found) -> tuple[float, float]:
    """The largest error of what is logged, and of what a step adds.

    Relative to the value, and to the length of what is added.
    """
    logged, added = [], []
    for number, pair in enumerate(zip(expected, found)):
        right, value = (np.asarray(one, np.float64) for one in pair)
        error = np.linalg.norm(value - right)
        if (parameter := aliases.get(str(number))) is None:
            logged.append(error / max(np.linalg.norm(right), 1e-3))
        else:
            update = np.linalg.norm(right - inputs[parameter])
            added.append(error / max(update, 1e-12))
    return max(logged), max(added)


def seconds(call, rounds: int) -> float:
    """The median over rounds; `call` returns when all is computed."""
    call()
    times = []
    for _ in range(rounds):
        begun = time.perf_counter()
        call()
        times.append(time.perf_counter() - begun)
    return statistics.median(times)


def peak(about, device, rounds: int) -> float:
    """The highest rate of the step's products, in operations per second."""
    dtype = jnp.float32 if about["precision"] == "float32" else jnp.bfloat16

    @jax.jit
    def products(left, right):
        # Each needs the one before, so that none is left out.
        def one(_, left):
            return left + 1e-6 * (left @ right)[:, :1]

        return jax.lax.fori_loop(0, REPEATS, one, left)

    def rate(rows, inner, columns):
        keys = jax.random.split(jax.random.key(0))
        left, right = (
            jax.device_put(jax.random.normal(key, shape, dtype), device)
            for key, shape in zip(keys, ((rows, inner), (inner, columns)))
        )
        taken = seconds(
            lambda: products(left, right).block_until_ready(), rounds
        )
        return 2 * rows * inner * columns * REPEATS / taken

    return max(rate(*shape) for shape in about["products"])


def measure(folder: pathlib.Path, device, rounds: int) -> str:
    """A line of the table."""
    about = json.loads((folder / "step.json").read_text())
    inputs = arrays(folder / "inputs.npz")
    expected = arrays(folder / "outputs.npz")
    step = compiled((folder / "step.hlo").read_bytes(), device)
    state = [jax.device_put(value, device) for value in inputs]
    results = step(state)
    logged, added = differences(about["aliases"], inputs, expected, results)

    def next_steps():
        nonlocal state, results
        for _ in range(STEPS):
            state = in_place(state, results, about["aliases"])
            results = step(state)
        jax.block_until_ready(results)

    taken = seconds(next_steps, rounds) / STEPS
    rate = about["operations"] / taken
    best = peak(about, device, rounds)
    return (
        f"{about['shape']:14}{about['variant']:17}{about['precision']:16}"
        f"{1000 * taken:8.2f}{rate / 1e9:11.0f}{best / 1e9:11.0f}"
        f"{rate / best:7.0%}{logged:8.0e}{added:9.0e}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folders", nargs="+", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=20)
    given = parser.parse_args()
    device = jax.devices()[0]
    print(f"{device.device_kind}, JAX {jax.__version__}")
    print(
        "shape         variant          precision        ms/step    GFLOP/s"
        "       peak  share  losses    added"
    )
    for folder in given.folders:
        print(measure(folder, device, given.rounds), flush=True)


if __name__ == "__main__":
    main()
