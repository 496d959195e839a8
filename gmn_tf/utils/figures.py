"""Colours, axes and legends of all figures; no global state."""

import functools
import io
import warnings
from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from gmn_tf.utils import fonts

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
BOXES = (
    "No installed font has all characters of the names in a picture; boxes "
    "stand for the others. Install one that has them, such as Noto Sans of "
    "their script."
)


def new_figure(width: float, height: float, layout="constrained"):
    """A figure in inches with one plain pair of axes."""
    figure = Figure((width, height), layout=layout)
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_axisbelow(True)
    return figure, axes


def line_with_band(axes, rows: Sequence[Mapping], along, key, style):
    """A line with the band of a standard deviation about it.

    Args:
        axes: where it is drawn.
        rows: dictionaries with a number `along`, and with `mean` and `std` of
            `key`, None where they are not known.
        along: what `key` is drawn against.
        key: what is drawn.
        style: colour, marker and kind of the line.
    """
    colour, marker, kind = style
    x = [row[along] for row in rows]
    mean, std = (
        np.array([row[key][part] for row in rows], float)
        for part in ("mean", "std")
    )
    (line,) = axes.plot(x, mean, color=colour, marker=marker, linestyle=kind)
    axes.fill_between(x, mean - std, mean + std, color=colour, alpha=0.2, lw=0)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_axisbelow(True)
    axes.grid(axis="y", color="#dddddd")
    return line


def lines_with_bands(
    lines: Mapping[str, tuple], along: str, title: str, label: str
):
    """A figure of lines with bands, and a legend in the order of the lines.

    Args:
        lines: by name, the rows, key and style that `line_with_band` takes.
        along: what they are drawn against.
        title: of the figure.
        label: of the y axis, which begins at 0.
    """
    figure, axes = new_figure(7.5, 4.5)
    drawn = [
        line_with_band(axes, rows, along, key, style)
        for rows, key, style in lines.values()
    ]
    legend(figure, drawn, lines.keys(), "outside right center")
    axes.set_ylim(bottom=0.0)
    axes.set_ylabel(label)
    axes.set_title(plain_text(title, 70), loc="left")
    return figure, axes


def log_ticks(axes, values: Sequence[float]) -> None:
    """Makes the x axis logarithmic, with ticks at these values only."""
    axes.set_xscale("log")
    axes.set_xticks(values, [f"{value:g}" for value in values])
    axes.minorticks_off()


def legend(figure, handles, names, place: str, corner=None) -> None:
    """A legend outside the axes."""
    style = {"loc": place, "bbox_to_anchor": corner, "fontsize": 9}
    figure.legend(handles, names, frameon=False, **style)


def plain_text(name: str, longest: int = 30) -> str:
    """A name as text that Matplotlib reads no formula in, cut if too long."""
    if len(name) > longest:
        name = name[: longest - 1] + "…"
    return name.replace("$", r"\$")


def save(figure: Figure, target, kind: str, dpi: int = 150) -> None:
    """Writes a PNG or SVG picture: the same bytes for the same figure.

    Args:
        figure: the figure.
        target: a path, or a buffer.
        kind: `png` or `svg`.
        dpi: dots per inch, for a PNG picture.

    Warns:
        UserWarning: once, if no installed font has some of its characters.
    """
    metadata = {"Date": None} if kind == "svg" else None
    if fonts.lend(figure):
        _warn_of_boxes()
    with (
        matplotlib.rc_context({"svg.hashsalt": "gmn_tf"}),
        warnings.catch_warnings(),
    ):
        # Which Matplotlib would name one by one.
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        figure.savefig(target, format=kind, dpi=dpi, metadata=metadata)


@functools.cache  # Python itself forgets what it said when filters change
def _warn_of_boxes() -> None:
    warnings.warn(BOXES, stacklevel=3)


def to_png(figure: Figure) -> bytes:
    """The picture as the bytes of a PNG file, for TensorBoard."""
    buffer = io.BytesIO()
    save(figure, buffer, "png", dpi=100)
    return buffer.getvalue()
