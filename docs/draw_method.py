#!/usr/bin/env python3
"""Draws docs/images/method.png, the picture of the method in README.md.

python docs/draw_method.py
"""

import pathlib
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Arc, FancyArrowPatch, FancyBboxPatch

OUT = pathlib.Path(__file__).parent / "images" / "method.png"
# A unit of length is a hundredth of the picture's width.
WIDTH, BOTTOM, TOP = 100, -4.5, 72
INK, MUTED = "#1f2933", "#56616d"
REAL, SYNTHETIC, TRAINED, LOSS, SCORES = (
    "#76828f",
    "#d57a22",
    "#2f6fc4",
    "#c23b3b",
    "#37893f",
)


class Box(NamedTuple):
    """A rounded box: its lower left corner, its size, and what it says."""

    x: float
    y: float
    width: float
    height: float
    colour: str
    title: str
    lines: tuple[str, ...] = ()

    def left(self, share: float = 0.5) -> tuple[float, float]:
        """The point at this share of the height of the left side."""
        return self.x, self.y + share * self.height

    def right(self, share: float = 0.5) -> tuple[float, float]:
        """The point at this share of the height of the right side."""
        return self.x + self.width, self.y + share * self.height

    @property
    def middle(self) -> float:
        """The horizontal middle."""
        return self.x + self.width / 2


def main() -> None:
    """Draws the training of the generator, and below it what it is for."""
    figure = Figure(figsize=(9, 9 * (TOP - BOTTOM) / WIDTH), facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, WIDTH), ylim=(BOTTOM, TOP))
    axes.axis("off")
    draw_training(axes)
    axes.plot([2, 98], [25, 25], color="#d5dae0", linewidth=1)
    draw_classifier(axes)
    OUT.parent.mkdir(exist_ok=True)
    figure.savefig(OUT, dpi=200, metadata={"Software": None})


def draw_training(axes: Axes) -> None:
    """Eq. 5: what the generator learns from, on seen classes."""
    draw_heading(axes, 69, "1   Train the generator on the seen classes")
    description = Box(
        2, 49, 19, 9, REAL, "Class description", ("attributes or", "sentences")
    )
    noise = Box(2, 36, 19, 9, REAL, "Noise", ("random numbers",))
    generator = Box(27, 36, 13, 22, TRAINED, "Generator")
    synthetic = Box(
        46, 49, 21, 9, SYNTHETIC, "Synthetic features", ("of that class",)
    )
    real = Box(46, 36, 21, 9, REAL, "Real features", ("of that class",))
    critic = Box(
        74,
        50.5,
        24,
        9,
        TRAINED,
        "Critic",
        ("learns to tell real", "from synthetic"),
    )
    matching = Box(74, 31, 24, 16, LOSS, "Gradient matching")
    for part in (description, noise, generator, synthetic, real, critic):
        draw_box(axes, part)
    draw_box(axes, matching, title_only=True)
    draw_gradients(axes, matching)

    draw_arrow(axes, [description.right(), (generator.x, 53.5)], INK)
    draw_arrow(axes, [noise.right(), (generator.x, 40.5)], INK)
    draw_arrow(axes, [(40, 53.5), synthetic.left()], SYNTHETIC)
    draw_arrow(axes, [synthetic.right(0.6), critic.left(0.6)], SYNTHETIC)
    draw_arrow(axes, [synthetic.right(0.3), matching.left(0.75)], SYNTHETIC)
    draw_arrow(axes, [real.right(0.7), critic.left(0.2)], REAL)
    draw_arrow(axes, [real.right(0.4), matching.left(0.45)], REAL)

    # Both losses go back to the generator, one above and one below.
    top = critic.y + critic.height
    for start, level, end, text in (
        (top, 63, 58, "learn to look real to the critic"),
        (31, 28.5, 36, "learn to give a classifier the same gradients"),
    ):
        draw_arrow(
            axes,
            [
                (critic.middle, start),
                (critic.middle, level),
                (generator.middle, level),
                (generator.middle, end),
            ],
            LOSS,
            dashed=True,
        )
        draw_label(axes, 58, level, text)


def draw_gradients(axes: Axes, box: Box) -> None:
    """Two gradients and the angle between them, which Eq. 4 makes small."""
    x, y = box.x + 3, box.y + 5.2
    ends = {
        "real": ((x + 9.5, y + 0.6), REAL),
        "synthetic": ((x + 7.6, y + 5.4), SYNTHETIC),
    }
    for name, (end, colour) in ends.items():
        draw_arrow(axes, [(x, y), end], colour)
        axes.text(
            end[0] + 0.6,
            end[1],
            name,
            color=colour,
            fontsize=10.5,
            va="center",
        )
    axes.add_patch(
        Arc((x, y), 9, 9, theta1=4, theta2=35, color=LOSS, linewidth=1.8)
    )
    axes.text(
        box.middle,
        box.y + 2.2,
        "loss: 1 \N{MINUS SIGN} cosine",
        ha="center",
        va="center",
        fontsize=10.5,
        color=MUTED,
    )


def draw_classifier(axes: Axes) -> None:
    """Section 3.4: the final classifier, and Section 4: its scores."""
    draw_heading(axes, 21.5, "2   Train the final classifier on all classes")
    description = Box(
        2, 9.5, 19, 9, REAL, "Descriptions", ("of unseen classes,", "and noise")
    )
    generator = Box(27, 9.5, 13, 9, TRAINED, "Generator", ("as trained",))
    synthetic = Box(
        46, 9.5, 21, 9, SYNTHETIC, "Synthetic features", ("of unseen classes",)
    )
    real = Box(46, -2.5, 21, 9, REAL, "Real features", ("of seen classes",))
    classifier = Box(
        72,
        0.5,
        13,
        15,
        TRAINED,
        "Classifier",
        ("over seen", "and unseen", "classes"),
    )
    scores = Box(89, 0.5, 9, 15, SCORES, "Scores", ("T-1", "u", "s", "h"))
    for part in (description, generator, synthetic, real, classifier, scores):
        draw_box(axes, part)
    draw_arrow(axes, [description.right(), generator.left()], INK)
    draw_arrow(axes, [generator.right(), synthetic.left()], SYNTHETIC)
    draw_arrow(axes, [synthetic.right(0.4), classifier.left(0.75)], SYNTHETIC)
    draw_arrow(axes, [real.right(0.6), classifier.left(0.25)], REAL)
    draw_arrow(axes, [classifier.right(), scores.left()], INK)


def draw_heading(axes: Axes, y: float, text: str) -> None:
    """The heading of one half."""
    axes.text(
        2, y, text, fontsize=14, fontweight="bold", color=INK, va="center"
    )


def draw_box(axes: Axes, box: Box, title_only: bool = False) -> None:
    """A box, its title in bold, and its lines below."""
    axes.add_patch(
        FancyBboxPatch(
            (box.x, box.y),
            box.width,
            box.height,
            boxstyle="round,pad=0,rounding_size=1",
            facecolor=_tint(box.colour),
            edgecolor=box.colour,
            linewidth=1.6,
        )
    )
    spacing = 2.5
    top = box.y + box.height / 2 + spacing * len(box.lines) / 2
    if title_only:
        top = box.y + box.height - 2.2
    axes.text(
        box.middle,
        top,
        box.title,
        ha="center",
        va="center",
        fontsize=11.5,
        fontweight="bold",
        color=INK,
    )
    for number, line in enumerate(box.lines, start=1):
        axes.text(
            box.middle,
            top - spacing * number - 0.2,
            line,
            ha="center",
            va="center",
            fontsize=10.5,
            color=MUTED,
        )


def draw_arrow(axes: Axes, points: list, colour: str, dashed=False) -> None:
    """A line through points, with a head at the last."""
    style = (0, (4, 2)) if dashed else "-"
    xs, ys = zip(*points[:-1])
    axes.plot(xs, ys, color=colour, linewidth=1.6, linestyle=style)
    axes.add_patch(
        FancyArrowPatch(
            points[-2],
            points[-1],
            arrowstyle="-|>",
            mutation_scale=13,
            color=colour,
            linewidth=1.6,
            linestyle=style,
            shrinkA=0,
            shrinkB=0,
        )
    )


def draw_label(axes: Axes, x: float, y: float, text: str) -> None:
    """A text that interrupts the line it lies on."""
    axes.text(
        x,
        y,
        text,
        ha="center",
        va="center",
        fontsize=10.5,
        color=LOSS,
        backgroundcolor="white",
    )


def _tint(colour: str) -> tuple[float, ...]:
    """A light version of `#rrggbb`."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    return tuple(0.86 + 0.14 * part for part in parts)


if __name__ == "__main__":
    main()
