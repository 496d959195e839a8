"""The picture of a search: its trials, and what each setting does."""

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullFormatter

from gmn_tf.runs.plots import SCORE_STYLES
from gmn_tf.search.space import gain_text
from gmn_tf.utils import figures

FEW_VALUES = 6  # up to so many are shown by name, not on a scale


def draw(
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
    figure.suptitle(figures.plain_text(title, 110), x=0.01, ha="left", size=12)
    top, bottom = figure.subfigures(2, 1, height_ratios=(2.8, 2.4 * lines))
    label = SCORE_STYLES[objective][0].partition(",")[0] + " (%)"
    _history(top.subplots(), rows, objective, label)
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


def _history(axes, rows, objective: str, label: str) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    shown = []
    for row in rows:
        score, number = row[objective], row["trial"]
        if score is None:
            axes.axvline(number, color="0.8", lw=4.0, label="failed")
        elif number == "preset":
            axes.axhline(score, color=figures.GREY, ls="--", label="the preset")
        else:
            shown.append((number, score))
    if shown:
        numbers, scores = zip(*shown)
        axes.scatter(numbers, scores, 25, figures.COLOURS[0], label="a trial")
        bests = np.maximum.accumulate(scores)
        style = {"color": figures.COLOURS[1], "where": "post"}
        axes.step(numbers, bests, label="best so far", **style)
    once = dict(zip(*reversed(axes.get_legend_handles_labels())))
    figures.legend(axes, once.values(), once, "center left", (1.0, 0.5))
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
        names = sorted(set(values))
        if not numbers:  # 512 before 1024, and both before 512,512
            names.sort(key=len)
        values = [names.index(value) for value in values]
        axes.set_xticks(range(len(names)), [f"{n}" for n in names], size=8)
        axes.set_xlim(-0.5, len(names) - 0.5)
    colour = figures.COLOURS[0]
    faces = ["none" if row["trial"] == "preset" else colour for row in rows]
    axes.scatter(values, scores, 22, facecolors=faces, edgecolors=colour)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title(name, loc="left", size=9)


def draw_choices(rows: Sequence[Mapping], objective: str, title: str) -> Figure:
    """The score with each choice of an automatic search.

    A line leads to each from the score before its setting was tried.

    Args:
        rows: in their order: `trial`, its `title`, `setting`, `value`, whether
            it was `kept`, the scores in percent, the `gain` over the
            value before, and the `reason` if there are no scores.
        objective: the score that is drawn.
        title: what was searched.
    """
    figure, axes = figures.new_figure(8.0, 1.4 + 0.28 * len(rows))
    trials = list(dict.fromkeys(row["trial"] for row in rows))
    scores = [row[objective] for row in rows if row[objective] is not None]
    low, high = min(scores, default=0.0), max(scores, default=100.0)
    room = max(0.1 * (high - low), 0.5)
    axes.set_xlim(low - 2.0 * room, high + 3.0 * room)
    labels = []
    for place, row in enumerate(rows):
        name = row["title"]
        if row.get("setting"):
            name = f"{row['setting']}={row['value']}"
        labels.append(_in_two_lines(name, 40))
        score, gain = row[objective], row["gain"]
        if score is None:
            text = figures.plain_text(f"{row['reason']}", 70)
            at = low - 2.0 * room
            axes.text(at, place, f" {text}", va="center", size=8, color="0.4")
            continue
        colour = figures.COLOURS[trials.index(row["trial"])]
        face = "white" if row.get("kept") is False else colour
        text = f"{score:.1f}{gain_text(gain)}"
        if gain is not None:
            axes.plot([score - gain, score], [place, place], color=colour)
        style = {"facecolors": face, "edgecolors": colour, "zorder": 3}
        axes.scatter(score, place, 36, **style)
        right = max(score, score - (gain or 0.0)) + 0.25 * room
        axes.text(right, place, text, va="center", size=8)
    axes.set_yticks(range(len(labels)), labels, size=8)
    for label, row in zip(axes.get_yticklabels(), rows):
        label.set_weight("normal" if row.get("setting") else "bold")
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.grid(axis="y", color="0.93")
    name = SCORE_STYLES[objective][0].partition(",")[0]
    axes.set_xlabel(f"{name} (%) of the validation classes; hollow: not kept")
    axes.set_title(figures.plain_text(title, 90), loc="left", size=11)
    return figure


def _in_two_lines(name: str, width: int) -> str:
    """A name as text of the picture; a long one is broken after a comma.

    Values of a joined embedding are long, and differ anywhere.
    """
    begun, comma, rest = name, "", ""
    if len(name) > width and "," in name[:width]:
        begun, comma, rest = name[:width].rpartition(",")
        rest += name[width:]
    lines = [begun + comma, rest] if rest else [begun]
    return "\n".join(figures.plain_text(line, width) for line in lines)
