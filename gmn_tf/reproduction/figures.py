"""Fig. 3 and 5 of the paper.

Curves by variant are those of `results.curves`: rows of scores, each a mean and
a standard deviation over generator seeds, and the number of these seeds.
"""

import itertools
from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from gmn_tf.runs import plots
from gmn_tf.utils import figures
from gmn_tf.utils.errors import counted

Curves = Mapping[str, tuple[Sequence[Mapping], int]]


def curves_by_variant(curves: Curves, along: str, title: str) -> Figure:
    """Fig. 3: a panel for each variant, with all scores against `along`."""
    figure = Figure((3.6 * len(curves) + 2.2, 4.0), layout="constrained")
    figure.suptitle(figures.plain_text(title, 90), x=0.01, ha="left", size=12)
    panels = figure.subplots(1, len(curves), sharey=True, squeeze=False)[0]
    lines = {}
    for axes, (variant, (rows, seeds)) in zip(panels, curves.items()):
        for key, (label, *style) in plots.SCORE_STYLES.items():
            lines[label] = figures.line_with_band(axes, rows, along, key, style)
        figures.log_ticks(axes, [row[along] for row in rows])
        axes.set_xlabel("Synthetic features per unseen class")
        name = f"{variant}, {counted(seeds, 'seed')}"
        axes.set_title(name, loc="left", size=11)
    panels[0].set_ylim(0.0, 1.05 * panels[0].get_ylim()[1])
    panels[0].set_ylabel(_measure("Accuracy", curves))
    figures.legend(figure, lines.values(), lines.keys(), "outside right center")
    return figure


def variants_together(curves: Curves, along: str, title: str) -> Figure:
    """Fig. 5: u of all variants in one panel, against `along`."""
    styles = itertools.cycle(
        zip(figures.COLOURS, "os^Dvxo", 2 * ["-", "--", "-.", ":"])
    )
    lines = {
        f"{variant}, {counted(seeds, 'seed')}": (rows, "u", style)
        for (variant, (rows, seeds)), style in zip(curves.items(), styles)
    }
    label = _measure("u", curves)
    figure, axes = figures.lines_with_bands(lines, along, title, label)
    axes.set_xlabel("Generator steps")
    return figure


def _measure(what: str, curves: Curves) -> str:
    """The label of an axis; single seeds have no deviation."""
    several = any(seeds > 1 for _, seeds in curves.values())
    return f"{what} (%)" + ", mean ± standard deviation" * several
