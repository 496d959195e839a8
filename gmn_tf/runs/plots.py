"""Pictures of finished runs."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from gmn_tf.method import calibration
from gmn_tf.utils import figures

MAX_NAMES = 60  # more names than this in a column cannot be read
SCORE_STYLES = {
    "t1": ("T-1, unseen among unseen", figures.COLOURS[0], "o", "-"),
    "u": ("u, unseen among all", figures.COLOURS[1], "s", "--"),
    "s": ("s, seen among all", figures.COLOURS[2], "^", "-."),
    "h": ("h, harmonic mean of u and s", figures.COLOURS[6], "D", "-"),
}


def class_accuracy_bars(
    class_names: Sequence[str],
    num_seen: int,
    accuracies: np.ndarray,
    baseline: np.ndarray | None = None,
    title: str = "",
) -> Figure:
    """Accuracy of each class, sorted, for unseen and seen classes.

    Names and error bars (standard deviations) are drawn where there is room to
    read them, and the baseline as marks. A class with NaN is left out. Takes
    what `report.class_accuracy_csv` takes, and a title.
    """
    percent = 100.0 * np.mean(accuracies, axis=0)
    errors = 100.0 * np.std(accuracies, axis=0)
    unseen, seen = np.arange(num_seen, len(percent)), np.arange(num_seen)
    named = [len(group) for group in (unseen, seen) if len(group) <= MAX_NAMES]
    height = 1.3 + 0.17 * max(named, default=0)
    figure = Figure((10.0, max(4.0, height)), layout="constrained")
    figure.suptitle(figures.plain_text(title, 130), x=0.01, ha="left", size=11)
    panels = figure.subplots(1, 2)
    for axes, name, group, colour in (
        (panels[0], "Unseen", unseen, figures.COLOURS[1]),
        (panels[1], "Seen", seen, figures.COLOURS[0]),
    ):
        kept = group[~np.isnan(percent[group])]
        # The best first.
        labels = kept[np.argsort(-percent[kept], kind="stable")]
        places = np.arange(len(labels))
        has_names = len(labels) <= MAX_NAMES
        axes.barh(
            places,
            percent[labels],
            color=colour,
            height=0.75 if has_names else 1.0,
            xerr=errors[labels] if has_names else None,
            error_kw={"ecolor": figures.GREY, "elinewidth": 1.0},
        )
        heading = f"{name} classes"
        if len(kept):
            mean = percent[kept].mean()
            heading += f", mean {mean:.1f} %"
            axes.axvline(mean, color="black", lw=1.0, ls=":")
        if len(kept) < len(group):
            heading += f"\n({len(group) - len(kept)} without a sample)"
        if baseline is not None:
            real = 100.0 * np.mean(baseline, axis=0)[labels]
            axes.scatter(real, places, 9, "black", label="real samples alone")
        if has_names:
            texts = [figures.plain_text(class_names[one]) for one in labels]
            axes.set_yticks(places, texts, size=8)
        else:
            axes.set_yticks([])
            axes.set_ylabel(f"{len(labels)} classes, best first")
        axes.tick_params(axis="y", length=0)
        # Bars of one thickness, if both panels have room for names.
        rows = max(named) if len(named) == 2 else len(labels)
        axes.set_ylim(max(rows, 1) - 0.4, -0.6)
        axes.set_xlim(0.0, 100.0)
        axes.set_xlabel("Accuracy among all classes (%), dotted: mean")
        axes.set_title(heading, loc="left", size=11)
        axes.spines[["top", "right", "left"]].set_visible(False)
    if baseline is not None:
        handles, names = panels[0].get_legend_handles_labels()
        figures.legend(figure, handles, names, "upper right")
    return figure


def synthetic_count_curve(rows: Sequence[Mapping], title: str) -> Figure:
    """Fig. 3: scores against the number of synthetic features per class.

    Args:
        rows: one dictionary per number: `n`, and `t1`, `u`, `s`, `h`, each
            with `mean` and `std` (the band) in percent.
        title: of the figure.
    """
    rows = sorted(rows, key=lambda row: row["n"])
    figure, axes = _scores_along(rows, "n", title)
    figures.log_ticks(axes, [row["n"] for row in rows])
    axes.set_xlabel("Synthetic features per unseen class (log scale)")
    return figure


def calibration_curve(rows: Sequence[Mapping], title: str) -> Figure:
    """Scores against the penalty of seen classes; the chosen one is marked.

    So are those between which it was chosen. Takes rows as above, with
    `penalty` in place of `n`.
    """
    figure, axes = _scores_along(rows, "penalty", title, markers=False)
    chosen = calibration.middle(rows)["penalty"]
    axes.axvspan(*calibration.near(rows), color="0.9", zorder=0)
    axes.axvline(chosen, color="0.4", linewidth=1.0)
    above = {"xycoords": ("data", "axes fraction"), "va": "top"}
    axes.annotate(f" {chosen:g}", (chosen, 1.0), **above)
    axes.set_xlabel("Penalty of seen classes")
    return figure


def _scores_along(rows, along, title, markers=True):
    # The legend has the order of the lines' ends beside it.
    last = rows[-1]
    known = [key for key in SCORE_STYLES if last[key]["mean"] is not None]
    lines = {}
    for key in sorted(known, key=lambda key: -last[key]["mean"]):
        name, colour, marker, kind = SCORE_STYLES[key]
        lines[name] = rows, key, (colour, marker if markers else "", kind)
    label = "Accuracy (%), mean ± standard deviation"
    return figures.lines_with_bands(lines, along, title, label)
