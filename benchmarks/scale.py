#!/usr/bin/env python3
"""What a training step costs as the data grows: samples, classes, embedding.

    benchmarks/scale.py --what=samples --sizes=10000,100000,1000000 --out=scale

Features of 2048 dimensions are drawn at random when they are read. For
`samples` they are prepared first, and stay on disk if they are larger than
--memory_gb, as in bin/train; each size runs in its own process, whose peak
memory is printed. The networks are those of --preset=cpu. Writes OUT-WHAT.csv
and OUT-WHAT.png.
"""

import csv
import multiprocessing
import os
import pathlib
import resource
import statistics
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from gmn_tf.commands import command_line

command_line.start_tensorflow()

import numpy as np
import tensorflow as tf
import train_step
from absl import app, flags
from etils import epath
from matplotlib.figure import Figure

from gmn_tf import configs
from gmn_tf.config import Config
from gmn_tf.data import zero_shot_data
from gmn_tf.method.classifiers import base, bilinear
from gmn_tf.training import fit, parts
from gmn_tf.utils import figures
from gmn_tf_datasets.zero_shot import splits, storage
from gmn_tf_datasets.zero_shot.source import Embedding, Source
from gmn_tf_datasets.zero_shot.zero_shot_dataset_builder import ZeroShotConfig

FEATURE_DIM, SEEN, UNSEEN, EMBEDDING_DIM = 2048, 150, 50, 312
WARM_UP, STEPS = 3, 10
SIZES = {
    "samples": [10_000, 100_000, 1_000_000],
    "classes": [50, 200, 1000, 5000, 20_000],
    "embedding": [85, 312, 1024, 2048],
}

LABELS = {
    "samples": "samples",
    "classes": "classes, three quarters of them seen",
    "embedding": "dimensions of the embedding",
}

FLAGS = flags.FLAGS
flags.DEFINE_enum("what", "samples", list(SIZES), "What grows.")
flags.DEFINE_list("sizes", None, "Default: those of docs/performance.md.")
flags.DEFINE_string("data_dir", "scale_data", "Where samples are prepared.")
flags.DEFINE_float("memory_gb", 0.5, "As in bin/train.", 0.0)
flags.DEFINE_string("out", "scale", "How the names of the written files begin.")


class DrawnFeatures:
    """An array of random features that are drawn when they are read."""

    dtype = np.dtype(np.float32)

    def __init__(self, rows: int):
        self.shape = (rows, FEATURE_DIM)

    def __getitem__(self, rows):
        rng = np.random.default_rng(int(rows[0]))
        shape = len(rows), FEATURE_DIM
        return np.abs(rng.standard_normal(shape, np.float32))


def drawn_source(samples: int) -> Source:
    """A source of that many samples, a fifth of them of unseen classes."""
    rng = np.random.default_rng(0)
    classes = SEEN + UNSEEN
    labels = rng.integers(0, classes, samples)
    seen = labels < SEEN
    test = rng.random(samples) < 0.2
    return Source(
        dataset="scale",
        features=DrawnFeatures(samples),
        labels=labels,
        class_names=tuple(map(str, range(classes))),
        embeddings=(
            Embedding(
                "att",
                rng.normal(size=(classes, EMBEDDING_DIM)).astype(np.float32),
            ),
        ),
        rows={
            "trainval": np.flatnonzero(seen & ~test),
            "test_seen": np.flatnonzero(seen & test),
            "test_unseen": np.flatnonzero(~seen),
        },
        validation_names=(),
        feature_file="drawn",
        files=(),
        origin="drawn",
    )


def prepare(samples: int, data_dir: str) -> dict:
    """Writes the records: how fast, and in how much memory."""
    name = f"scale-{samples}"
    folder = epath.Path(data_dir)
    if storage.is_prepared(folder, name):
        return {}
    source = drawn_source(samples)
    config = ZeroShotConfig(name=name, source=source)
    begun = time.perf_counter()
    storage.write(folder, config, quiet=False)
    seconds = time.perf_counter() - begun
    written = sum(map(len, splits.make(source).rows.values()))
    return {
        "written_rows": written,
        "rows_per_second": written / seconds,
        "preparation_mb": peak_memory(),
    }


def of_samples(samples: int, data_dir: str, memory_gb: float) -> dict:
    """Loads what was prepared, takes some steps, and trains f for an epoch."""
    begun = time.perf_counter()
    loaded = zero_shot_data.load(
        storage.full_name(f"scale-{samples}"),
        data_dir,
        memory=memory_gb * 2**30,
    )
    seconds = {"load_s": time.perf_counter() - begun}
    seconds |= step_times(loaded)
    sgd = bilinear.Settings(0.01, 0.97, 0.9, 0.001, 256, epochs=1)
    classes = SEEN + UNSEEN
    task = base.Task(loaded.train, loaded.embeddings, SEEN, classes)
    begun = time.perf_counter()
    bilinear.fit(task, sgd, 1)
    return {
        "on_disk": not isinstance(loaded.train.features, np.ndarray),
        **seconds,
        "classifier_epoch_s": time.perf_counter() - begun,
        "peak_mb": peak_memory(),
    }


def of_classes(classes: int, *_) -> dict:
    """Steps with that many classes, a quarter of them unseen."""
    unseen = classes // 4
    return step_times(
        train_step.random_data(
            classes - unseen, unseen, FEATURE_DIM, EMBEDDING_DIM, rows=4
        )
    )


def of_embedding(dim: int, *_) -> dict:
    """Steps with an embedding of that size."""
    return step_times(train_step.random_data(SEEN, UNSEEN, FEATURE_DIM, dim))


def step_times(loaded) -> dict:
    """Milliseconds of a step with its data and of its data alone; start-up."""
    config = Config().replace(configs.preset("cub", "cpu"))
    begun = time.perf_counter()
    model = parts.build_model(config, loaded)
    batches = parts.make_batches(config, loaded, fit.make_strategy("one"))
    source = iter(batches)
    step = tf.function(model.train_step)
    step(next(source))
    start = time.perf_counter() - begun
    fed = timed(lambda: float(step(next(source))["generator_loss"]))
    alone = timed(lambda: next(source))
    return {"start_s": start, "step_ms": fed, "data_ms": alone}


def timed(call) -> float:
    """Milliseconds of one call, the median of several."""
    for _ in range(WARM_UP):
        call()
    times = []
    for _ in range(STEPS):
        begun = time.perf_counter()
        call()
        times.append(time.perf_counter() - begun)
    return 1000.0 * statistics.median(times)


def peak_memory() -> float:
    """The largest memory of this process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0


def apart(function, *arguments) -> dict:
    """The function's result, computed in a new process."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, arguments)


def picture(rows: list[dict], what: str) -> Figure:
    """Cost against size, on logarithmic axes."""
    figure, axes = figures.new_figure(5, 3.5)
    sizes = [row[what] for row in rows]
    for name, label in (("step_ms", "a step"), ("data_ms", "its data alone")):
        axes.loglog(sizes, [row[name] for row in rows], "o-", label=label)
    axes.set_xlabel(LABELS[what])
    axes.set_ylabel("milliseconds")
    axes.set_ylim(1.0, 1000.0)
    axes.grid(axis="y", color="#dddddd")
    axes.set_title("Cost of a training step, --preset=cpu", loc="left")
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
    return figure


def main(_):
    sizes = [int(size) for size in FLAGS.sizes or SIZES[FLAGS.what]]
    functions = {
        "samples": of_samples,
        "classes": of_classes,
        "embedding": of_embedding,
    }
    rows = []
    for size in sizes:
        row = {FLAGS.what: size}
        if FLAGS.what == "samples":
            row |= apart(prepare, size, FLAGS.data_dir)
        row |= apart(
            functions[FLAGS.what], size, FLAGS.data_dir, FLAGS.memory_gb
        )
        rows.append(row)
        print(
            ", ".join(
                f"{name} {value:.4g}"
                if isinstance(value, float)
                else f"{name} {value}"
                for name, value in row.items()
            ),
            flush=True,
        )
    out = pathlib.Path(f"{FLAGS.out}-{FLAGS.what}")
    out.parent.mkdir(parents=True, exist_ok=True)
    names = list(dict.fromkeys(name for row in rows for name in row))
    with out.with_suffix(".csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(rows)
    picture(rows, FLAGS.what).savefig(out.with_suffix(".png"), dpi=120)


if __name__ == "__main__":
    app.run(main)
