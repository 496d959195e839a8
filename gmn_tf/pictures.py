"""Pictures of a run, drawn without any global state of matplotlib."""

import io
import itertools
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullFormatter

from gmn_tf.data import Samples

# Okabe and Ito's colours, which colour-blind readers can tell apart; without
# yellow, too pale for dots on white.
COLOURS = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#000000",
)
GREY = "#666666"
FEW_VALUES = 6  # up to so many are told apart by name, not by place
MAX_NAMES = 60  # more names than this in a column cannot be read
SCORE_STYLES = {
    "t1": ("T-1, unseen among unseen", COLOURS[0], "o", "-"),
    "u": ("u, unseen among all", COLOURS[1], "s", "--"),
    "s": ("s, seen among all", COLOURS[2], "^", "-."),
    "h": ("h, harmonic mean of u and s", COLOURS[6], "D", "-"),
}


def feature_projection(
    real: Samples,
    fake: Samples,
    class_names: Sequence[str],
    title: str = "Real and synthetic features",
) -> Figure:
    """Real (dots) and synthetic (crosses) features in the plane.

    The plane is that of the real features' first two principal components.

    Args:
        real: two or more samples of two or more dimensions.
        fake: synthetic samples of the same classes.
        class_names: names by label; colours repeat after seven classes.
        title: says what the classes are.
    """
    # Takes a second to import: only for those who draw.
    from sklearn.decomposition import PCA

    # Two components of many: arpack takes a tenth of a full decomposition.
    few = min(real.features.shape) > 2
    solver = "arpack" if few else "full"
    plane = PCA(2, svd_solver=solver, random_state=0).fit(real.features)
    # Fixed margins: finding some to measure would draw all of it twice.
    figure, axes = _new_figure(7.5, 4.5, layout=None)
    figure.subplots_adjust(0.09, 0.11, 0.68, 0.93)
    handles, names = [], []
    for number, label in enumerate(np.unique(real.labels)):
        colour = COLOURS[number % len(COLOURS)]
        dots = _scatter(axes, plane, real, label, colour, "o")
        _scatter(axes, plane, fake, label, colour, "x")
        handles.append(dots)
        names.append(_plain(class_names[label]))
    _legend(figure, handles, names, "upper left", (0.68, 0.95))
    marks = [axes.scatter([], [], 25, GREY, marker) for marker in "ox"]
    _legend(figure, marks, ["real", "synthetic"], "lower left", (0.68, 0.09))
    shares = 100.0 * plane.explained_variance_ratio_
    axes.set_xlabel(f"Principal component 1 ({shares[0]:.0f} % of variance)")
    axes.set_ylabel(f"Principal component 2 ({shares[1]:.0f} % of variance)")
    axes.set_title(_plain(title, 70), loc="left")
    return figure


def class_accuracy_bars(
    accuracies: np.ndarray,
    class_names: Sequence[str],
    num_seen: int,
    std: np.ndarray | None = None,
    baseline: np.ndarray | None = None,
    title: str = "",
) -> Figure:
    """Accuracy of each class, sorted, unseen and seen classes apart.

    Names and error bars are drawn where there is room to read them.

    Args:
        accuracies: `[C]` shares from 0 to 1; a class with NaN is left out.
        class_names: `C` names, seen classes first.
        num_seen: S.
        std: `[C]` standard deviations of the accuracies, or None.
        baseline: `[C]` shares for real samples alone, drawn as marks, or None.
        title: what was scored.
    """
    percent = 100.0 * np.asarray(accuracies)
    errors = None if std is None else 100.0 * np.asarray(std)
    unseen, seen = np.arange(num_seen, len(percent)), np.arange(num_seen)
    named = [len(group) for group in (unseen, seen) if len(group) <= MAX_NAMES]
    height = 1.3 + 0.17 * max(named, default=0)
    figure = Figure((10.0, max(4.0, height)), layout="constrained")
    figure.suptitle(_plain(title, 130), x=0.01, ha="left", size=11)
    panels = figure.subplots(1, 2)
    for axes, name, labels, colour in (
        (panels[0], "Unseen", unseen, COLOURS[1]),
        (panels[1], "Seen", seen, COLOURS[0]),
    ):
        labels, without = _best_first(labels, percent)
        _bars(axes, labels, percent, errors, class_names, colour)
        if baseline is not None:
            axes.scatter(
                100.0 * np.asarray(baseline)[labels],
                np.arange(len(labels)),
                9,
                "black",
                label="real samples alone",
            )
        # Bars of one thickness, if both panels have room for names.
        rows = max(named) if len(named) == 2 else len(labels)
        axes.set_ylim(max(rows, 1) - 0.4, -0.6)
        axes.set_title(
            _group_title(name, percent[labels], without), loc="left", size=11
        )
    if baseline is not None:
        handles, names = panels[0].get_legend_handles_labels()
        _legend(figure, handles, names, "upper right")
    return figure


def synthetic_count_curve(rows: Sequence[Mapping], title: str) -> Figure:
    """Fig. 3: scores against the number of synthetic features per class.

    Args:
        rows: one dictionary per number: `n`, and `t1`, `u`, `s`, `h`, each
            with `mean` and `std` (the band) in percent.
        title: what was scored.
    """
    rows = sorted(rows, key=lambda row: row["n"])
    counts = [row["n"] for row in rows]
    figure, axes = _scores_along(rows, "n", title)
    axes.set_xscale("log")
    axes.set_xticks(counts, [str(n) for n in counts])
    axes.minorticks_off()
    axes.set_xlabel("Synthetic features per unseen class (log scale)")
    return figure


def calibration_curve(
    rows: Sequence[Mapping], chosen: float, title: str
) -> Figure:
    """Scores against the penalty of seen classes.

    Args:
        rows: as above, with `penalty` in place of `n`.
        chosen: the penalty that is marked.
        title: what was scored.
    """
    figure, axes = _scores_along(rows, "penalty", title, markers=False)
    axes.axvline(chosen, color="0.4", linewidth=1.0)
    axes.annotate(
        f" {chosen:g}",
        (chosen, 1.0),
        xycoords=("data", "axes fraction"),
        verticalalignment="top",
    )
    axes.set_xlabel("Penalty of seen classes")
    return figure


def _scores_along(
    rows: Sequence[Mapping], along: str, title: str, markers: bool = True
):
    figure, axes = _new_figure(7.5, 4.5)
    # The legend has the order of the lines' ends beside it.
    last = rows[-1]
    known = [key for key in SCORE_STYLES if last[key]["mean"] is not None]
    lines = {}
    for key in sorted(known, key=lambda key: -last[key]["mean"]):
        label, colour, marker, style = SCORE_STYLES[key]
        curve = {
            along: [row[along] for row in rows],
            key: [row[key]["mean"] for row in rows],
            f"{key}_std": [row[key]["std"] for row in rows],
        }
        marker = marker if markers else ""
        lines[label] = _line(axes, curve, along, key, colour, marker, style)
    _legend(figure, lines.values(), lines.keys(), "outside right center")
    axes.set_ylim(bottom=0.0)
    axes.set_ylabel("Accuracy (%), mean ± standard deviation")
    axes.set_title(_plain(title, 70), loc="left")
    return figure, axes


def curves_by_variant(
    curves: Mapping[str, Mapping], along: str, title: str
) -> Figure:
    """Fig. 3 for several variants: a panel for each, with all scores.

    Args:
        curves: from `paper_results.count_curves`.
        along: the name of what scores are drawn against, on a log scale.
        title: what was scored.
    """
    figure = Figure((3.6 * len(curves) + 2.2, 4.0), layout="constrained")
    figure.suptitle(_plain(title, 90), x=0.01, ha="left", size=12)
    panels = figure.subplots(1, len(curves), sharey=True, squeeze=False)[0]
    lines = {}
    for axes, (variant, curve) in zip(panels, curves.items()):
        for key, (label, colour, marker, style) in SCORE_STYLES.items():
            lines[label] = _line(axes, curve, along, key, colour, marker, style)
        axes.set_xscale("log")
        axes.set_xticks(curve[along], [f"{n:.0f}" for n in curve[along]])
        axes.minorticks_off()
        axes.set_xlabel("Synthetic features per unseen class")
        axes.set_title(_with_seeds(variant, curve), loc="left", size=11)
    panels[0].set_ylim(0.0, 1.05 * panels[0].get_ylim()[1])
    panels[0].set_ylabel(_measure("Accuracy", curves))
    _legend(figure, lines.values(), lines.keys(), "outside right center")
    return figure


def variants_together(
    curves: Mapping[str, Mapping], along: str, title: str, score: str = "u"
) -> Figure:
    """Fig. 5: one score of several variants in one panel.

    Args:
        curves: from `paper_results.validation_curves`.
        along: the name of what the score is drawn against.
        title: what was scored.
        score: which.
    """
    figure, axes = _new_figure(7.5, 4.5)
    lines = {}
    for number, (variant, curve) in enumerate(curves.items()):
        lines[_with_seeds(variant, curve)] = _line(
            axes,
            curve,
            along,
            score,
            COLOURS[number % len(COLOURS)],
            "os^Dvx"[number % 6],
            ("-", "--", "-.", ":")[number % 4],
        )
    _legend(figure, lines.values(), lines.keys(), "outside right center")
    axes.set_ylim(bottom=0.0)
    axes.set_xlabel("Generator steps")
    axes.set_ylabel(_measure(score, curves))
    axes.set_title(_plain(title, 70), loc="left")
    return figure


def search(
    rows: Sequence[Mapping],
    names: Sequence[str],
    objective: str,
    title: str,
) -> Figure:
    """The trials of a search, and the influence of each setting.

    Args:
        rows: one dictionary per trial, in their order: `trial` (`preset`, or
            a number), settings, and scores in percent, None where it failed.
        names: settings that get a panel.
        objective: the score that is drawn.
        title: what was searched.
    """
    columns = 4
    lines = -(-len(names) // columns)
    figure = Figure((11.0, 3.2 + 2.4 * lines), layout="constrained")
    figure.suptitle(_plain(title, 110), x=0.01, ha="left", size=12)
    top, bottom = figure.subfigures(2, 1, height_ratios=(2.8, 2.4 * lines))
    label = SCORE_STYLES[objective][0].partition(",")[0] + " (%)"
    _search_history(top.subplots(), rows, objective, label)
    panels = bottom.subplots(lines, columns, sharey=True, squeeze=False)
    scored = [row for row in rows if row[objective] is not None]
    for axes, name in itertools.zip_longest(panels.flat, names):
        if name is None:
            axes.set_axis_off()
        else:
            _influence(axes, scored, name, objective)
    for axes in panels[:, 0]:
        axes.set_ylabel(label)
    return figure


def to_png(figure: Figure, dpi: int = 100) -> bytes:
    """The picture as the bytes of a PNG file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi)
    return buffer.getvalue()


def _search_history(axes, rows, objective: str, label: str) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    best, shown = -np.inf, []
    for row in rows:
        score, number = row[objective], row["trial"]
        if score is None:
            axes.axvline(number, color="0.8", lw=4.0, label="failed")
        elif number == "preset":
            axes.axhline(score, color=GREY, ls="--", label="the preset")
        else:
            best = max(best, score)
            shown.append((number, score, best))
    if shown:
        numbers, scores, bests = zip(*shown)
        axes.scatter(numbers, scores, 25, COLOURS[0], label="a trial")
        axes.step(
            numbers, bests, color=COLOURS[1], where="post", label="best so far"
        )
    handles = dict(zip(*reversed(axes.get_legend_handles_labels())))
    axes.legend(
        handles.values(),
        handles.keys(),
        loc="center left",
        bbox_to_anchor=(1.0, 0.5),
        fontsize=9,
        frameon=False,
    )
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_xlabel("Trial")
    axes.set_ylabel(label)


def _influence(axes, rows, name: str, objective: str) -> None:
    """Scores against one setting; the preset's is hollow."""
    values = [row[name] for row in rows]
    scores = [row[objective] for row in rows]
    numbers = all(isinstance(value, (int, float)) for value in values)
    few = len(set(values)) < min(len(values), FEW_VALUES + 1)
    if numbers and not few:
        axes.xaxis.set_major_locator(MaxNLocator(4))
        if min(values) > 0 and max(values) > 10 * min(values):
            axes.set_xscale("log")
            axes.xaxis.set_minor_formatter(NullFormatter())
    else:
        names = sorted(set(values), key=None if numbers else _by_numbers)
        values = [names.index(value) for value in values]
        axes.set_xticks(range(len(names)), [f"{n}" for n in names], size=8)
        axes.set_xlim(-0.5, len(names) - 0.5)
    for row, value, score in zip(rows, values, scores):
        face = "none" if row["trial"] == "preset" else COLOURS[0]
        axes.scatter(value, score, 22, facecolors=face, edgecolors=COLOURS[0])
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title(name, loc="left", size=9)


def _by_numbers(text: str):
    """Sorts 512 before 1024, and 512 before 512,512."""
    parts = text.split(",")
    if all(part.isdigit() for part in parts):
        return (0, len(parts), [int(part) for part in parts], text)
    return (1, 0, [], text)


def _new_figure(width: float, height: float, layout="constrained"):
    """A figure in inches with one plain pair of axes."""
    figure = Figure((width, height), layout=layout)
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_axisbelow(True)
    return figure, axes


def _with_seeds(variant: str, curve: Mapping) -> str:
    return f"{variant}, {curve['seeds']} seed{'s' * (curve['seeds'] > 1)}"


def _measure(what: str, curves: Mapping[str, Mapping]) -> str:
    """The label of an axis; of single seeds there is no deviation."""
    several = any(curve["seeds"] > 1 for curve in curves.values())
    return f"{what} (%)" + (", mean ± standard deviation" if several else "")


def _line(axes, curve: Mapping, along, key, colour, marker, style):
    """A line with the band of a standard deviation about it."""
    mean, std = np.asarray(curve[key]), np.asarray(curve[f"{key}_std"])
    (line,) = axes.plot(
        curve[along], mean, color=colour, marker=marker, linestyle=style
    )
    axes.fill_between(
        curve[along], mean - std, mean + std, color=colour, alpha=0.2, lw=0
    )
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_axisbelow(True)
    axes.grid(axis="y", color="#dddddd")
    return line


def _scatter(axes, plane, samples: Samples, label: int, colour, marker: str):
    features = samples.features[samples.labels == label]
    points = plane.transform(features) if len(features) else np.empty((0, 2))
    size, width = {"o": (16, 0.0), "x": (22, 1.1)}[marker]
    return axes.scatter(
        *points.T, size, colour, marker, alpha=0.65, linewidths=width
    )


def _best_first(labels: np.ndarray, percent: np.ndarray):
    """The labels that have an accuracy, and the number of those without."""
    kept = labels[~np.isnan(percent[labels])]
    order = np.argsort(-percent[kept], kind="stable")
    return kept[order], len(labels) - len(kept)


def _bars(axes, labels, percent, errors, class_names, colour) -> None:
    named = len(labels) <= MAX_NAMES
    axes.barh(
        np.arange(len(labels)),
        percent[labels],
        color=colour,
        height=0.75 if named else 1.0,
        xerr=errors[labels] if named and errors is not None else None,
        error_kw={"ecolor": GREY, "elinewidth": 1.0},
    )
    names = [_plain(class_names[label]) for label in labels] if named else []
    axes.set_yticks(np.arange(len(names)), names, size=8)
    axes.tick_params(axis="y", length=0)
    if not named:
        axes.set_ylabel(f"{len(labels)} classes, best first")
    axes.set_xlim(0.0, 100.0)
    axes.set_xlabel("Accuracy among all classes (%), dotted: mean")
    axes.spines[["top", "right", "left"]].set_visible(False)
    if len(labels):
        axes.axvline(percent[labels].mean(), color="black", lw=1.0, ls=":")


def _group_title(name: str, percent: np.ndarray, without: int) -> str:
    title = f"{name} classes"
    if len(percent):
        title += f", mean {percent.mean():.1f} %"
    return title + (f"\n({without} without a sample)" if without else "")


def _legend(figure, handles, names, place: str, corner=None) -> None:
    """A legend beside the axes, by default where there is room."""
    figure.legend(
        handles,
        names,
        loc=place,
        bbox_to_anchor=corner,
        fontsize=9,
        frameon=False,
    )


def _plain(name: str, longest: int = 30) -> str:
    """A name as it stands: no formula in it, and not too long."""
    if len(name) > longest:
        name = name[: longest - 1] + "…"
    return name.replace("$", r"\$")
