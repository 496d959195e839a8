"""Pictures of confusions and of the reject curve."""

import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure

from gmn_tf.utils import figures

MAX_NAMES = 50  # more names than this along a matrix cannot be read
MOST_PAIRS = 25  # that are listed by name
SIZE = 13.0, 6.2  # inches
LEGEND = 1.6  # its width in inches
KINDS = {  # of two classes: their colour
    "unseen for seen": figures.COLOURS[1],
    "unseen for unseen": figures.COLOURS[4],
    "seen for unseen": figures.COLOURS[2],
    "seen for seen": figures.COLOURS[0],
}


def confusions(
    class_names: Sequence[str],
    num_seen: int,
    shares: np.ndarray,
    title: str = "",
) -> Figure:
    """Which classes are taken for which: all as a matrix, the worst by name.

    Classes that are confused stand next to each other, in groups of unseen and
    seen ones. Those without a sample are left out as rows.

    Args:
        class_names: `C` names, seen classes first.
        num_seen: S.
        shares: `[C, C]`; see `metrics.confusions`.
        title: of the figure.
    """
    columns = order(shares, num_seen)
    rows = np.array([c for c in columns if not np.isnan(shares[c, 0])], int)
    pairs = worst_pairs(shares)[:MOST_PAIRS]
    if not len(rows):  # an empty picture has no size
        rows = columns[:1]
    few = len(class_names) <= MAX_NAMES
    # Fixed margins: finding some to measure would draw all of it twice.
    named = [figures.plain_text(name, 24) for name in class_names]
    room = 0.4 + 0.056 * max(map(len, named)) if few else 1.1
    texts = [_pair(class_names, *pair) for pair in pairs]
    begin = 7.0 + 0.061 * max(map(len, texts), default=8)
    figure = Figure(SIZE)
    figure.suptitle(figures.plain_text(title, 150), x=0.01, ha="left", size=11)
    matrix = _axes(figure, room, room if few else 0.6, 5.9, 5.7)
    bars = _axes(figure, begin, 0.6, 12.85, 5.7)
    image = matrix.imshow(
        # Small shares are what the picture is for.
        100.0 * shares[np.ix_(rows, columns)],
        cmap="magma_r",
        norm=PowerNorm(0.5, 0.0, 100.0),
        aspect="auto",
        interpolation="nearest",
    )
    bar = figure.colorbar(image, cax=_axes(figure, 6.0, 1.7, 6.12, 5.7))
    bar.set_ticks([0, 1, 5, 10, 25, 50, 100])
    bar.set_label("Share of the class in its row (%)")
    unseen = len(columns) - num_seen
    matrix.axvline(unseen - 0.5, color=figures.GREY, lw=1.0)
    matrix.axhline(np.sum(rows >= num_seen) - 0.5, color=figures.GREY, lw=1.0)
    for axis, those in (("x", columns), ("y", rows)):
        places, names = _ticks(class_names, num_seen, those)
        matrix.tick_params(
            axis,
            length=0,
            labelsize=6 if few else 9,
            labelrotation=90 if few and axis == "x" else 0,
        )
        getattr(matrix, f"set_{axis}ticks")(places, names)
    matrix.set_ylabel("Class of the sample")
    matrix.set_xlabel("Taken for")
    matrix.set_title("All classes", loc="left", size=11)
    _draw_pairs(bars, texts, num_seen, shares, pairs)
    return figure


def _axes(figure, left, bottom, right, top):
    """Axes at a place in inches."""
    width, height = SIZE
    place = left / width, bottom / height
    return figure.add_axes(
        (*place, (right - left) / width, (top - bottom) / height)
    )


def _pair(class_names, label, other) -> str:
    first, second = (
        figures.plain_text(class_names[one], 26) for one in (label, other)
    )
    return f"{first} for {second}"


def _ticks(class_names, num_seen, those):
    """Names of classes, or of the two groups if they are too many to read."""
    if len(class_names) <= MAX_NAMES:
        names = [figures.plain_text(class_names[c], 24) for c in those]
        return np.arange(len(those)), names
    groups = {"unseen": those >= num_seen, "seen": those < num_seen}
    known = {n: group for n, group in groups.items() if group.any()}
    return (
        [np.flatnonzero(group).mean() for group in known.values()],
        [f"{group.sum()} {name}" for name, group in known.items()],
    )


def _draw_pairs(axes, texts, num_seen, shares, pairs):
    kinds = [kind_of(*pair, num_seen) for pair in pairs]
    places = np.arange(len(pairs))
    drawn = {}
    for kind, colour in KINDS.items():
        those = [place for place in places if kinds[place] == kind]
        if those:
            widths = [100.0 * shares[pairs[place]] for place in those]
            drawn[kind] = axes.barh(those, widths, color=colour, height=0.72)
    axes.set_yticks(places, texts, size=7.5)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(max(len(pairs), 1) - 0.4, -0.6)
    percents = [100.0 * shares[pair] for pair in pairs] or [1.0]
    # The legend stands at the right of the lowest bars.
    room = 1.0 - LEGEND / (axes.get_position().width * SIZE[0])
    beside = percents[int(0.8 * len(percents))] / room
    limit = max(1.05 * percents[0], beside)
    axes.set_xlim(0.0, limit)
    ticks = [tick for tick in axes.get_xticks() if tick <= min(limit, 100.0)]
    axes.set_xticks(ticks)
    axes.set_xlabel("Share of the first class (%)")
    axes.set_title("The largest confusions", loc="left", size=11)
    axes.spines[["top", "right", "left"]].set_visible(False)
    if drawn:
        axes.legend(drawn.values(), drawn, loc="lower right", fontsize=8)


def kind_of(label: int, other: int, num_seen: int) -> str:
    """The key of `KINDS` for a class that is taken for another one."""
    first, second = (
        "seen" if c < num_seen else "unseen" for c in (label, other)
    )
    return f"{first} for {second}"


def worst_pairs(shares: np.ndarray) -> list[tuple[int, int]]:
    """Pairs of a class and another that it is taken for, most often first."""
    wrong = np.nan_to_num(shares)
    np.fill_diagonal(wrong, 0.0)
    places = np.argsort(-wrong, axis=None, kind="stable")
    pairs = np.stack(np.unravel_index(places, wrong.shape), axis=1)
    return [(int(a), int(b)) for a, b in pairs[: np.count_nonzero(wrong)]]


def order(shares: np.ndarray, num_seen: int) -> np.ndarray:
    """Unseen classes, then seen ones; what is confused stands together."""
    # Only for those who draw.
    from scipy.cluster import hierarchy

    known = np.nan_to_num(shares)
    near = known + known.T
    groups = np.arange(num_seen, len(near)), np.arange(num_seen)
    found = []
    for group in groups:
        if len(group) > 2:
            inside = near[np.ix_(group, group)]
            rows, columns = np.triu_indices(len(group), 1)
            tree = hierarchy.average(2.0 - inside[rows, columns])
            group = group[hierarchy.leaves_list(tree)]
        found.append(group)
    return np.concatenate(found)


def reject_curve(curve: Sequence[dict], title: str = "") -> Figure:
    """Accuracy of the answers against the share of samples answered.

    Args:
        curve: see `probabilities.reject_curve`.
        title: of the figure.
    """
    figure, axes = figures.new_figure(7.5, 4.5, layout=None)
    figure.subplots_adjust(0.09, 0.12, 0.68, 0.88)
    lines = {
        "": ("seen and unseen, half each", figures.COLOURS[6], "-"),
        "_seen": ("samples of seen classes", figures.COLOURS[0], "-."),
        "_unseen": ("samples of unseen classes", figures.COLOURS[1], "--"),
    }
    drawn = {}
    for end, (name, colour, kind) in lines.items():
        points = [
            (row[f"answered{end}"], row[f"accuracy{end}"])
            for row in curve
            if row[f"accuracy{end}"] is not None
        ]
        if points:
            style = {"color": colour, "linestyle": kind}
            (drawn[name],) = axes.plot(*zip(*points), **style)
    # Some levels along the main line, as the flag of bin/predict takes them.
    for level in (0.25, 0.5, 0.75, 0.9):
        above = [row for row in curve if row["min_probability"] >= level]
        if above and above[0]["accuracy"] is not None:
            point = above[0]["answered"], above[0]["accuracy"]
            axes.plot(*point, "o", color=figures.COLOURS[6], markersize=4)
            axes.annotate(
                f"{level:g}",
                point,
                xytext=(4, 4),
                textcoords="offset points",
                fontsize=8,
            )
    figures.legend(
        figure, drawn.values(), drawn.keys(), "center left", (0.69, 0.5)
    )
    axes.set_xlim(0.0, 101.0)
    axes.set_ylim(0.0, 101.0)
    axes.grid(color="#dddddd")
    axes.set_xlabel("Samples answered (%); dots: --min_probability")
    axes.set_ylabel("Accuracy of the answers (%)")
    lines = textwrap.wrap(figures.plain_text(title, 150), 85)
    figure.suptitle("\n".join(lines), x=0.01, ha="left", size=10)
    return figure
