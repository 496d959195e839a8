"""Pictures of a run: features, accuracies of classes, the curve of Fig. 3.

Figures are made without matplotlib's global state, so that they can be drawn
anywhere, in threads too.
"""

import io
import os
import pathlib

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from sklearn.decomposition import PCA

# Okabe and Ito's colours, which colour-blind readers tell apart.
COLOURS = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#CC79A7",
    "#56B4E9",
    "#D55E00",
    "#F0E442",
    "#000000",
)
SEEN_COLOUR, UNSEEN_COLOUR = COLOURS[0], COLOURS[5]
MOST_NAMES = 60  # more names than this cannot be read under bars


def feature_projection(
    real: list[np.ndarray], fake: list[np.ndarray], class_names: list[str]
) -> Figure:
    """Real and synthetic features of a few classes in two dimensions.

    The plane is that of the real features' first two principal components.

    Args:
        real: features `[n, dx]` of each class.
        fake: synthetic features `[m, dx]` of each class.
        class_names: their names.
    """
    plane = PCA(2, svd_solver="full").fit(np.concatenate(real))
    figure, axes = _figure(8, 6)
    for number, name in enumerate(class_names):
        colour = COLOURS[number % len(COLOURS)]
        points = plane.transform(real[number])
        axes.scatter(*points.T, s=14, color=colour, alpha=0.6, label=name)
        points = plane.transform(fake[number])
        axes.scatter(*points.T, s=26, color=colour, marker="x", linewidths=1)
    shares = 100.0 * plane.explained_variance_ratio_
    axes.set_xlabel(f"first principal component ({shares[0]:.0f} %)")
    axes.set_ylabel(f"second principal component ({shares[1]:.0f} %)")
    axes.set_title("Real (dots) and synthetic (crosses) features")
    axes.legend(frameon=False, fontsize=8)
    return figure


def class_accuracy_bars(
    accuracies: np.ndarray, class_names, num_seen: int
) -> Figure:
    """Accuracy of each class, sorted, unseen and seen classes apart.

    Args:
        accuracies: `[C]`, 0..1; classes that are NaN are left out.
        class_names: `C` names, seen classes first.
        num_seen: S.
    """
    figure = Figure(figsize=(11, 7.5), layout="constrained")
    FigureCanvasAgg(figure)
    groups = (
        ("Unseen", np.arange(num_seen, len(accuracies)), UNSEEN_COLOUR),
        ("Seen", np.arange(num_seen), SEEN_COLOUR),
    )
    for axes, (name, labels, colour) in zip(figure.subplots(2), groups):
        labels = labels[~np.isnan(accuracies[labels])]
        labels = labels[np.argsort(-accuracies[labels], kind="stable")]
        values = 100.0 * accuracies[labels]
        axes.bar(np.arange(len(labels)), values, color=colour, width=0.85)
        mean = values.mean() if len(values) else 0.0
        axes.axhline(mean, color="black", linewidth=1, linestyle="--")
        axes.set_title(
            f"{name} classes: {len(labels)}, mean {mean:.1f} % (dashed)"
        )
        axes.set_ylabel("accuracy (%)")
        axes.set_ylim(0, 100)
        axes.set_xlim(-0.6, max(len(labels), 1) - 0.4)
        axes.set_xticks([])
        if len(labels) <= MOST_NAMES:
            axes.set_xticks(
                np.arange(len(labels)),
                [class_names[label] for label in labels],
                rotation=90,
                fontsize=7,
            )
        _without_box(axes)
    return figure


def synthetic_count_curve(rows: list[dict], title: str) -> Figure:
    """Fig. 3: scores against the number of synthetic features per class.

    Args:
        rows: for each number `n` the scores `t1, u, s, h`, each with `mean`
            and `std` (drawn as a band), in percent.
        title: what was measured.
    """
    figure, axes = _figure(7, 5)
    counts = [row["n"] for row in rows]
    names = {"t1": "T-1", "u": "u", "s": "s", "h": "h"}
    for colour, (key, name) in zip(COLOURS, names.items()):
        mean = np.array([row[key]["mean"] for row in rows])
        std = np.array([row[key]["std"] for row in rows])
        axes.plot(counts, mean, "o-", color=colour, label=name)
        axes.fill_between(
            counts, mean - std, mean + std, color=colour, alpha=0.2
        )
    axes.set_xscale("log")
    axes.set_xticks(counts, [str(count) for count in counts])
    axes.minorticks_off()
    axes.set_xlabel("synthetic features per unseen class")
    axes.set_ylabel("score (%)")
    axes.set_title(title)
    axes.legend(frameon=False)
    return figure


def to_png(figure: Figure) -> bytes:
    """The picture as the bytes of a PNG file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100)
    return buffer.getvalue()


def save(figure: Figure, path) -> None:
    """Writes a PNG or SVG file, by its suffix; whole or not at all."""
    path = pathlib.Path(path)
    temporary = path.with_name(f".{path.name}.tmp")
    figure.savefig(temporary, format=path.suffix[1:], dpi=150)
    os.replace(temporary, path)


def _figure(width: float, height: float):
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    _without_box(axes)
    return figure, axes


def _without_box(axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
