#!/usr/bin/env python3
"""What a training step costs as the data grows: samples, classes, embedding.

    benchmarks/scale.py --what=samples --sizes=10000,100000,1000000 --out=scale
    benchmarks/scale.py --what=unseen --sizes=100,1000,5000,20000 --out=scale

Features of 2048 dimensions are drawn at random when they are read. For
`samples` they are prepared first, and stay on disk if they are larger than
--memory_gb, as in bin/train; each size runs in its own process, whose peak
memory is printed. The networks are those of --preset=cpu. For `unseen` it is
the final classifier that is trained, for a part of an epoch, with 250 synthetic
features of each unseen class by a generator with the settings of the release.
Writes OUT-WHAT.csv and OUT-WHAT.png.
"""

import csv
import dataclasses
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
from gmn_tf.data import on_disk, row_blocks, zero_shot_data
from gmn_tf.data.zero_shot_data import Samples
from gmn_tf.method import metrics, synthesis
from gmn_tf.method.classifiers import base, bilinear
from gmn_tf.training import final_classifiers, fit, parts
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
    "unseen": [100, 1000, 5000, 20_000],
}
BATCHES, SCORED = 10, 500  # of the classifier, and samples that it scores

LABELS = {
    "samples": "samples",
    "classes": "classes, three quarters of them seen",
    "embedding": "dimensions of the embedding",
    "unseen": "unseen classes, with 250 synthetic features each",
}
# What is drawn: columns and their names; the lowest and highest number.
STEP = (
    {"step_ms": "a step", "data_ms": "its data alone"},
    "milliseconds",
    (1.0, 1000.0),
    "Cost of a training step, --preset=cpu",
)
LINES = {
    "unseen": (
        {"batch_cpu_ms": "a batch, ms", "peak_mb": "peak memory, MB"},
        "milliseconds of the processor; MB",
        (10.0, 10_000.0),
        "Cost of the final classifier",
    )
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


def of_unseen(unseen: int, _, memory_gb: float) -> dict:
    """Trains f for two equal parts of an epoch, and scores samples with it."""
    config = Config().replace(configs.preset("cub", "release"))
    loaded = dataclasses.replace(
        train_step.random_data(SEEN, unseen, FEATURE_DIM, EMBEDDING_DIM, 1),
        memory=memory_gb * 2**30,
    )
    generator = parts.build_model(config, loaded).synthesiser
    begun = time.process_time()
    fake = final_classifiers.draw_synthetic(config, loaded, generator)
    seconds = {"synthesis_cpu_s": time.process_time() - begun}
    samples = synthesis.joined(loaded.train, fake)
    sgd = final_classifiers.settings(config, "bilinear")
    rng = np.random.default_rng(0)
    rows = rng.integers(0, len(samples), BATCHES * sgd.batch_size)
    part = Samples(on_disk.chosen(samples.features, rows), samples.labels[rows])
    task = base.Task(part, loaded.embeddings, SEEN, loaded.num_classes)
    ends = []

    def on_epoch():
        ends.append((time.perf_counter(), time.process_time()))

    model = bilinear.fit(task, sgd._replace(epochs=2), 1, on_epoch)
    wall, processor = 1000.0 * np.diff(ends, axis=0)[0] / BATCHES
    features = loaded.unseen.features[:SCORED]
    begun = time.process_time()
    scores = row_blocks.Computed(
        (len(features), loaded.num_classes),
        lambda rows: model(features[rows]),
    )
    metrics.Best.of(scores, SEEN)
    scoring = time.process_time() - begun
    return {
        "synthetic_mb": 4 * len(fake) * FEATURE_DIM / 2**20,
        "drawn": not isinstance(fake.features, np.ndarray),
        **seconds,
        "batches_per_epoch": -(-len(samples) // sgd.batch_size),
        "batch_ms": float(wall),
        "batch_cpu_ms": float(processor),
        "score_cpu_ms": 1000.0 * scoring / len(features),
        "peak_mb": peak_memory(),
    }


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
    lines, unit, limits, title = LINES.get(what, STEP)
    for name, label in lines.items():
        axes.loglog(sizes, [row[name] for row in rows], "o-", label=label)
    axes.set_xlabel(LABELS[what])
    axes.set_ylabel(unit)
    axes.set_ylim(*limits)
    axes.grid(axis="y", color="#dddddd")
    axes.set_title(title, loc="left")
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
    return figure


def main(_):
    sizes = [int(size) for size in FLAGS.sizes or SIZES[FLAGS.what]]
    functions = {
        "samples": of_samples,
        "classes": of_classes,
        "embedding": of_embedding,
        "unseen": of_unseen,
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
