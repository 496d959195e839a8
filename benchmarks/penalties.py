#!/usr/bin/env python3
"""What does choosing the penalty of seen classes cost, and by which rule?

    benchmarks/penalties.py --dataset=flo --manual_dir=DIR \
        --features_file=mobilenet.mat

Reads the tune splits alone. Their seen classes are divided again, as the data
set is: a penalty is chosen on the inner division, and used on the outer one,
whose validation classes the inner one has never seen. What is lost is the
largest h there less the h with that penalty. Each row of the table chooses the
middle of the penalties with at least a share of the largest h; a share of 1 is
the largest h itself. Rows of training samples are also thinned to 3 a class,
and so that the largest class has ten times those of the smallest.

Writes a line for each division, and the means and the largest losses.
"""

import dataclasses

import numpy as np
from absl import app, flags

import gmn_tf
from gmn_tf.data.zero_shot_data import Samples, ZeroShotData
from gmn_tf.method import calibration
from gmn_tf.method.metrics import BASELINE
from gmn_tf.training import final_classifiers
from gmn_tf.utils.errors import InputError

SHARES = (1.0, 0.98, 0.95, 0.93, 0.9)
HELD_BACK = 0.2  # of the samples of a seen class
FEW, UNBALANCE = 3, 10.0

FLAGS = flags.FLAGS
flags.DEFINE_string("dataset", "synthetic", "Name of the data set.")
flags.DEFINE_string("manual_dir", None, "Folder with its .mat files.")
flags.DEFINE_string("features_file", None, "File of the features.")
flags.DEFINE_string("embedding", None, "Embedding; default: the preset's.")
flags.DEFINE_string("data_dir", None, "Folder of prepared data.")
flags.DEFINE_integer("seeds", 5, "Divisions of each kind.", lower_bound=1)


def all_rows(rng, counts):
    return counts


def few(rng, counts):
    return np.minimum(counts, FEW)


def unbalanced(rng, counts, ratio=UNBALANCE):
    shares = ratio ** -np.linspace(0.0, 1.0, len(counts))
    return np.maximum(2, np.round(counts * rng.permutation(shares)))


THINNED = {"all": all_rows, "3 a class": few, "unbalanced": unbalanced}


def some(samples: Samples, kept: np.ndarray, labels=None) -> Samples:
    labels = samples.labels if labels is None else labels
    return Samples(samples.features[kept], labels[kept])


def thinned(data: ZeroShotData, rule, rng) -> ZeroShotData:
    """With fewer training samples."""
    labels = data.train.labels
    most = rule(rng, np.bincount(labels, minlength=data.num_seen))
    place = np.empty(len(labels), int)  # of each sample within its class
    for label in range(data.num_seen):
        rows = np.flatnonzero(labels == label)
        place[rows] = rng.permutation(len(rows))
    kept = np.flatnonzero(place < most[labels])
    return dataclasses.replace(data, train=some(data.train, kept))


def divided(data: ZeroShotData, rng) -> ZeroShotData:
    """The training samples, as if some of their classes were unseen."""
    unseen_share = 1.0 - data.num_seen / data.num_classes
    unseen = max(2, round(unseen_share * data.num_seen))
    order = rng.permutation(data.num_seen)  # unseen ones last
    labels = np.argsort(order)[data.train.labels].astype(np.int32)
    seen = data.num_seen - unseen
    held = np.zeros(len(labels), bool)
    for label in range(seen):
        rows = rng.permutation(np.flatnonzero(labels == label))
        held[rows[: max(1, round(HELD_BACK * len(rows)))]] = len(rows) > 1
    parts = {
        "train": ~held & (labels < seen),
        "seen": held,
        "unseen": labels >= seen,
    }
    return dataclasses.replace(
        data,
        num_seen=seen,
        embeddings=data.embeddings[order],
        class_names=tuple(data.class_names[one] for one in order),
        **{
            part: some(data.train, np.flatnonzero(kept), labels)
            for part, kept in parts.items()
        },
    )


def curve(config, data: ZeroShotData) -> list[dict]:
    (model,) = final_classifiers.fit(config, data, None)
    model.penalise_seen(data.num_seen, 0.0)
    return calibration.curve([model], data)


def lost(inner: list[dict], outer: list[dict]) -> list[float]:
    """Points of h, for each share."""
    penalties = [row["penalty"] for row in outer]
    scores = [row["h"]["mean"] for row in outer]
    chosen = [calibration.middle(inner, one)["penalty"] for one in SHARES]
    return list(max(scores) - np.interp(chosen, penalties, scores))


def load() -> tuple[gmn_tf.Config, ZeroShotData]:
    """A discriminant classifier's settings and the tune splits, by flags."""
    given = {"embedding": FLAGS.embedding, "features_file": FLAGS.features_file}
    config = gmn_tf.configure(
        FLAGS.dataset,
        preset="cpu",
        split="tune",
        variant=BASELINE,
        classifier="discriminant",
        classifier_seeds=1,
        **{name: value for name, value in given.items() if value},
    )
    folders = {"manual_dir": FLAGS.manual_dir, "data_dir": FLAGS.data_dir}
    return config, gmn_tf.load_data(
        config, **{name: value for name, value in folders.items() if value}
    )


def main(_) -> None:
    config, data = load()
    losses = []
    print("training samples, seed" + " " * 8, *map("{:>6}".format, SHARES))

    def show(title, values):
        print(title.ljust(30), *map("{:6.2f}".format, values), flush=True)

    for name, rule in THINNED.items():
        for seed in range(FLAGS.seeds):
            rng = np.random.default_rng(seed)
            outer = thinned(data, rule, rng)
            inner = divided(outer, rng)
            losses.append(lost(curve(config, inner), curve(config, outer)))
            show(f"{name}, {seed}", losses[-1])
    show("mean", np.mean(losses, axis=0))
    show("largest", np.max(losses, axis=0))


def run(main) -> None:
    try:
        app.run(main)
    except InputError as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    run(main)
