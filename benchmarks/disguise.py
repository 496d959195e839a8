#!/usr/bin/env python3
"""Does the same data in disguise give the same scores?

    benchmarks/disguise.py --dataset=flo --manual_dir=DIR \
        --features_file=mobilenet.mat --workdir=runs/disguise-flo

Writes the .mat files of a data set again so that they look foreign: features in
another unit, shifted, rotated, with other signs, and so on; descriptions
reduced to a few numbers; classes with few samples. Trains with --preset=auto on
each disguise, and compares the scores with those of the plain data. Unknown
flags go to bin/train. Each disguise has a folder in --workdir; the same command
continues where it was stopped. Writes disguise.csv and disguise.png there.
"""

import json
import pathlib
import tempfile
from collections.abc import Callable

import numpy as np
import scipy.io
from absl import app, flags
from matplotlib.figure import Figure
from sklearn.cluster import KMeans

from gmn_tf import commands
from gmn_tf.method.metrics import SCORES
from gmn_tf.utils import figures, files
from gmn_tf.utils.errors import check_choice

FEW_NUMBERS = 7
FEW_SAMPLES = 3
UNBALANCE = 10.0  # samples of the largest class for one of the smallest
GROUPS, VALUES = 20, 4  # of one-hot descriptions

FLAGS = flags.FLAGS
flags.DEFINE_string("dataset", "flo", "Name of the data set.")
flags.DEFINE_string("manual_dir", None, "Folder with its .mat files.")
flags.DEFINE_string("features_file", "res101.mat", "File of the features.")
flags.DEFINE_string("workdir", None, "Folder for runs, the table and picture.")
flags.DEFINE_list("disguises", None, "Some of them; default: all.")
flags.mark_flags_as_required(["manual_dir", "workdir"])


# --- Features `[n, dx]` ------------------------------------------------------


def times(factor: float) -> Callable:
    return lambda features, rng: factor * features


def shifted(features, rng):
    return features + 37.0


def rotated(features, rng):
    dim = features.shape[1]
    rotation, _ = np.linalg.qr(rng.normal(size=(dim, dim)).astype(np.float32))
    return features @ rotation


def signed(features, rng):
    return features * rng.choice([-1.0, 1.0], features.shape[1])


def own_units(features, rng):
    return features * 10.0 ** rng.uniform(-3.0, 3.0, features.shape[1])


def standardised(features, rng):
    stddev = features.std(axis=0)
    return (features - features.mean(axis=0)) / np.where(stddev, stddev, 1.0)


def logarithms(features, rng):
    return np.log1p(features - features.min())


def heavy_tails(features, rng):
    """Numbers from 0 to 1e6, most of them small."""
    features = features - features.min()
    return np.expm1(features * np.log(1e6) / features.max())


def with_constants(features, rng):
    """30 % of the columns are zero, or another constant."""
    dim = features.shape[1]
    added = round(dim * 0.3 / 0.7)
    constants = np.where(np.arange(added) % 2, 0.0, rng.uniform(-5, 5, added))
    wide = np.hstack([features, np.tile(constants, (len(features), 1))])
    return wide[:, rng.permutation(wide.shape[1])]


def bytes_(features, rng):
    """Whole numbers from 0 to 255, of 128 mixtures of the columns."""
    mixed = features @ rng.normal(size=(features.shape[1], 128))
    low, high = np.quantile(mixed, [0.001, 0.999], axis=0)
    return np.clip(np.round(255 * (mixed - low) / (high - low)), 0, 255)


# --- Descriptions `[C, da]` --------------------------------------------------


def _components(embeddings, count: int):
    centred = embeddings - embeddings.mean(axis=0)
    left, lengths, _ = np.linalg.svd(centred, full_matrices=False)
    return left[:, :count] * lengths[:count]


def few_numbers(embeddings, rng):
    return _components(embeddings, FEW_NUMBERS)


def few_whole_numbers(embeddings, rng):
    """Signed whole numbers, most of one digit."""
    few = _components(embeddings, FEW_NUMBERS)
    return np.round(4 * few / few.std(axis=0))


def whole_numbers(embeddings, rng):
    low, high = embeddings.min(axis=0), embeddings.max(axis=0)
    width = np.where(high > low, high - low, 1.0)
    return np.round(10 * (embeddings - low) / width)


def one_hot_groups(embeddings, rng):
    """Columns in groups; of each group, one value of a few is true."""
    groups = []
    for columns in np.array_split(rng.permutation(embeddings.shape[1]), GROUPS):
        means = KMeans(VALUES, n_init=3, random_state=0)
        groups.append(np.eye(VALUES)[means.fit_predict(embeddings[:, columns])])
    return np.hstack(groups)


# --- Training rows: labels `[n]` -> which to keep ----------------------------


def few_samples(labels, rng):
    return _at_most(labels, dict.fromkeys(labels, FEW_SAMPLES))


def unbalanced(labels, rng):
    classes, counts = np.unique(labels, return_counts=True)
    shares = UNBALANCE ** -np.linspace(0.0, 1.0, len(classes))
    kept = np.maximum(2, np.round(counts * rng.permutation(shares)))
    return _at_most(labels, dict(zip(classes, kept.astype(int))))


def _at_most(labels, most: dict) -> np.ndarray:
    """The first samples of each class."""
    kept = np.zeros(len(labels), bool)
    for label, count in most.items():
        kept[np.flatnonzero(labels == label)[:count]] = True
    return kept


FEATURES, EMBEDDINGS, ROWS = "features", "embeddings", "rows"
DISGUISES = {
    "plain": {},
    "features x 0.001": {FEATURES: times(0.001)},
    "features x 1000": {FEATURES: times(1000.0)},
    "shifted": {FEATURES: shifted},
    "rotated": {FEATURES: rotated},
    "signed": {FEATURES: signed},
    "own units": {FEATURES: own_units},
    "standardised": {FEATURES: standardised},
    "logarithms": {FEATURES: logarithms},
    "heavy tails": {FEATURES: heavy_tails},
    "constant columns": {FEATURES: with_constants},
    "128 whole numbers": {FEATURES: bytes_},
    "7 numbers": {EMBEDDINGS: few_numbers},
    "7 whole numbers": {EMBEDDINGS: few_whole_numbers},
    "whole numbers": {EMBEDDINGS: whole_numbers},
    "one-hot groups": {EMBEDDINGS: one_hot_groups},
    "3 samples a class": {ROWS: few_samples},
    "unbalanced": {ROWS: unbalanced},
    "128 and 7 whole numbers": {
        FEATURES: bytes_,
        EMBEDDINGS: few_whole_numbers,
    },
}


def write(disguise: dict, source: pathlib.Path, target: pathlib.Path) -> None:
    """The data set's two .mat files in disguise."""
    rng = np.random.default_rng(0)
    read = scipy.io.loadmat(source / FLAGS.features_file)
    labels = read["labels"].ravel()
    changed = disguise.get(FEATURES, times(1.0))(read["features"].T, rng)
    content = {
        "features": np.asarray(changed, np.float32).T,
        "labels": read["labels"],
    }
    scipy.io.savemat(target / FLAGS.features_file, content)
    content = scipy.io.loadmat(source / "att_splits.mat")
    content = {k: v for k, v in content.items() if not k.startswith("__")}
    content.pop("original_att", None)
    changed = disguise.get(EMBEDDINGS, times(1.0))(content["att"].T, rng)
    content["att"] = np.asarray(changed, np.float64).T
    if ROWS in disguise:
        rows = content["trainval_loc"].ravel()
        kept = rows[disguise[ROWS](labels[rows - 1], rng)]
        for name in ("trainval_loc", "train_loc", "val_loc"):
            part = content[name].ravel()
            content[name] = part[np.isin(part, kept)][:, np.newaxis]
    scipy.io.savemat(target / "att_splits.mat", content)


def scores(name: str, disguise: dict, flags_of_train: list[str]) -> dict:
    """Of a run on a disguise, which is trained unless it was before."""
    workdir = pathlib.Path(FLAGS.workdir, name.replace(" ", "_"))
    path = workdir / "metrics.json"
    if not path.exists():
        with tempfile.TemporaryDirectory() as folder:
            source = pathlib.Path(FLAGS.manual_dir)
            write(disguise, source, pathlib.Path(folder))
            status = commands.train(
                [
                    f"--dataset={FLAGS.dataset}",
                    f"--features_file={FLAGS.features_file}",
                    f"--manual_dir={folder}",
                    f"--data_dir={folder}/tfds",
                    f"--workdir={workdir}",
                    "--preset=auto",
                    *flags_of_train,
                ]
            )
        if status:
            raise SystemExit(status)
    metrics = json.loads(path.read_text())
    return {score: metrics[score]["mean"] for score in SCORES}


def draw(rows: list[dict]) -> Figure:
    """h of each disguise, as bars."""
    figure = Figure((7.0, 0.5 + 0.3 * len(rows)), layout="constrained")
    axes = figure.subplots()
    axes.barh([row["disguise"] for row in rows], [row["h"] for row in rows])
    axes.axvline(rows[0]["h"], color=figures.GREY, ls="--")
    axes.bar_label(axes.containers[0], fmt="%.1f", padding=3)
    axes.invert_yaxis()
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel("h (%)")
    axes.set_title(f"{FLAGS.dataset} in disguise, --preset=auto", loc="left")
    return figure


def main(argv: list[str]) -> None:
    rows = []
    names = dict.fromkeys(["plain", *(FLAGS.disguises or DISGUISES)])
    for name in names:
        check_choice("disguises", name, DISGUISES)
    for name in names:
        found = scores(name, DISGUISES[name], argv[1:])
        plain = rows[0] if rows else found
        lost = plain["h"] - found["h"]
        rows.append({"disguise": name, **found, "h_lost": lost})
        print(name, {k: round(v, 1) for k, v in found.items()}, flush=True)
        lines = [
            {k: v if k == "disguise" else f"{v:.2f}" for k, v in r.items()}
            for r in rows
        ]
        folder = pathlib.Path(FLAGS.workdir)
        files.write_csv(folder / "disguise.csv", lines)
        figures.save(draw(rows), folder / "disguise.png", "png")


def parse(argv: list[str]) -> list[str]:
    """The arguments that are not flags of this script, after its name."""
    return argv[:1] + FLAGS(argv, known_only=True)[1:]


if __name__ == "__main__":
    app.run(main, flags_parser=parse)
