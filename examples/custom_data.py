#!/usr/bin/env python3
"""Your own data, from files to a picture, in half a minute and no download.

    python examples/custom_data.py --out=runs/cloth

Draws pictures of cloth, in five colours and four patterns. Fifteen of these
twenty kinds are seen classes, with twelve pictures each; the other five, such
as red stripes, have only a description. Photographs go the same way, except
that `gmn_tf.extract_features` makes their features.
"""

import argparse
import csv
import pathlib

import numpy as np
from matplotlib.figure import Figure

import gmn_tf
from gmn_tf.commands import command_line

PATTERNS = ("stripes", "bars", "checks", "dots")
COLOURS = {
    "red": (200, 40, 40),
    "green": (40, 160, 60),
    "blue": (50, 80, 210),
    "yellow": (225, 200, 40),
    "purple": (140, 50, 170),
}
# One kind of each colour is unseen, and so is one or more of each pattern.
UNSEEN = tuple(zip(PATTERNS + PATTERNS[:1], COLOURS))
PICTURES, SIZE = 12, 96


def main(out: pathlib.Path) -> None:
    """Prepares data, trains, predicts, and draws the predictions."""
    command_line.start_tensorflow()  # without its noise
    pictures, names = write_data(out / "source")

    # 1. Check the folder and make a data set of it.
    prepared = gmn_tf.prepare_data(
        out / "source", "cloth", data_dir=out / "data", replace=True
    )
    print(prepared)

    # 2. Train a generator of features, and classifiers on as many of them as
    # there are real ones. The data is small: few steps suffice, and the
    # classifier takes larger ones.
    config = gmn_tf.configure(
        "cloth",
        preset="cpu",
        steps=200,
        synthetic_per_class=10,
        classifier_learning_rate=0.1,
    )
    data = gmn_tf.load_data(config, data_dir=out / "data")
    run = gmn_tf.train(config, data, out / "run")
    for name in ("t1", "u", "s", "h"):
        ours, real = run.scores[name], run.scores["baseline"][name]
        print(f"{name}: {ours['mean']:.1f}, real_only: {real['mean']:.1f}")

    # 3. Predict. Pictures of unseen kinds took no part in training.
    predictor = gmn_tf.Predictor.load(run.workdir)
    shown = [names.index(name) for name in map(name_of, UNSEEN)]
    features = np.stack([feature(pictures[place]) for place in shown])
    tops = predictor.top(features, k=3)

    # 4. Draw the predictions.
    figure = draw_answers([pictures[p] for p in shown], tops, UNSEEN)
    figure.savefig(out / "answers.png", dpi=120)
    print(
        f"Pictures of unseen kinds, and the predictions: {out / 'answers.png'}"
    )


def write_data(folder: pathlib.Path) -> tuple[list, list[str]]:
    """Writes classes.csv and features.npz; returns pictures and their kinds."""
    folder.mkdir(parents=True, exist_ok=True)
    kinds = [(pattern, colour) for pattern in PATTERNS for colour in COLOURS]
    with open(folder / "classes.csv", "w", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["class", "seen", *PATTERNS, "red", "green", "blue"])
        for pattern, colour in kinds:
            writer.writerow(
                [
                    name_of((pattern, colour)),
                    "unseen" if (pattern, colour) in UNSEEN else "seen",
                    *(int(pattern == one) for one in PATTERNS),
                    *(round(part / 255, 2) for part in COLOURS[colour]),
                ]
            )
    rng = np.random.default_rng(0)
    pictures = [draw(*kind, rng) for kind in kinds for _ in range(PICTURES)]
    names = [name_of(kind) for kind in kinds for _ in range(PICTURES)]
    np.savez(
        folder / "features.npz",
        features=np.stack([feature(picture) for picture in pictures]),
        labels=np.array(names),
    )
    return pictures, names


def name_of(kind: tuple[str, str]) -> str:
    """`red stripes` for the pattern stripes and the colour red."""
    pattern, colour = kind
    return f"{colour} {pattern}"


def draw(pattern: str, colour: str, rng) -> np.ndarray:
    """A picture `[SIZE, SIZE, 3]` of cloth, 0..255."""
    ground = rng.uniform(190, 255, 3)
    ink = np.array(COLOURS[colour]) + rng.normal(0, 15, 3)
    rows, columns = np.mgrid[:SIZE, :SIZE] + rng.uniform(0, 48, (2, 1, 1))
    width = rng.uniform(10, 14)
    down, across = rows // width % 2, columns // width % 2
    away = np.hypot(*(axis % (2 * width) - width for axis in (rows, columns)))
    inked = {
        "stripes": down == 1,
        "bars": across == 1,
        "checks": down != across,
        "dots": away < 0.65 * width,
    }[pattern]
    picture = np.where(inked[..., np.newaxis], ink, ground)
    picture += rng.normal(0, 12, picture.shape)
    return np.clip(picture, 0, 255).astype(np.uint8)


def feature(picture: np.ndarray) -> np.ndarray:
    """Histograms of colours and of spatial frequencies: `[320]`, all >= 0."""
    colours, _ = np.histogramdd(
        picture.reshape(-1, 3), bins=4, range=[(0, 256)] * 3
    )
    grey = picture.mean(axis=-1)
    frequencies = np.abs(np.fft.fft2(grey - grey.mean()))[:16, :16]
    return 3 * np.sqrt(
        np.concatenate(
            [part.ravel() / part.sum() for part in (colours, frequencies)]
        )
    ).astype(np.float32)


def draw_answers(pictures, tops, kinds) -> Figure:
    """Each picture above its likeliest kinds, the right one in green."""
    figure = Figure(figsize=(2.4 * len(pictures), 4), layout="constrained")
    axes = figure.subplots(2, len(pictures))
    for image, bars, picture, top, kind in zip(*axes, pictures, tops, kinds):
        image.imshow(picture)
        image.set_title(name_of(kind))
        image.axis("off")
        names, values = zip(*reversed(top))
        right = [name == name_of(kind) for name in names]
        bars.barh(names, values, color=["C2" if r else "C7" for r in right])
        bars.set_xlim(0, 1)
        bars.set_yticks([])
        for place, name in enumerate(names):
            bars.text(0.03, place, name, va="center")
        bars.set_xlabel("probability")
    return figure


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=pathlib.Path, default="runs/cloth")
    main(parser.parse_args().out)
