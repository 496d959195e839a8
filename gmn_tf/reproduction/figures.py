"""Fig. 3 and 5 of the paper."""

from collections.abc import Mapping

from matplotlib.figure import Figure

from gmn_tf.runs.plots import SCORE_STYLES
from gmn_tf.utils import figures


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
    figure.suptitle(figures.plain_text(title, 90), x=0.01, ha="left", size=12)
    panels = figure.subplots(1, len(curves), sharey=True, squeeze=False)[0]
    lines = {}
    for axes, (variant, curve) in zip(panels, curves.items()):
        for key, (label, colour, marker, style) in SCORE_STYLES.items():
            lines[label] = figures.line_with_band(
                axes, curve, along, key, colour, marker, style
            )
        axes.set_xscale("log")
        axes.set_xticks(curve[along], [f"{n:.0f}" for n in curve[along]])
        axes.minorticks_off()
        axes.set_xlabel("Synthetic features per unseen class")
        axes.set_title(_with_seeds(variant, curve), loc="left", size=11)
    panels[0].set_ylim(0.0, 1.05 * panels[0].get_ylim()[1])
    panels[0].set_ylabel(_measure("Accuracy", curves))
    figures.legend(figure, lines.values(), lines.keys(), "outside right center")
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
    figure, axes = figures.new_figure(7.5, 4.5)
    lines = {}
    for number, (variant, curve) in enumerate(curves.items()):
        lines[_with_seeds(variant, curve)] = figures.line_with_band(
            axes,
            curve,
            along,
            score,
            figures.COLOURS[number % len(figures.COLOURS)],
            "os^Dvx"[number % 6],
            ("-", "--", "-.", ":")[number % 4],
        )
    figures.legend(figure, lines.values(), lines.keys(), "outside right center")
    axes.set_ylim(bottom=0.0)
    axes.set_xlabel("Generator steps")
    axes.set_ylabel(_measure(score, curves))
    axes.set_title(figures.plain_text(title, 70), loc="left")
    return figure


def _with_seeds(variant: str, curve: Mapping) -> str:
    return f"{variant}, {curve['seeds']} seed{'s' * (curve['seeds'] > 1)}"


def _measure(what: str, curves: Mapping[str, Mapping]) -> str:
    """The label of an axis; of single seeds there is no deviation."""
    several = any(curve["seeds"] > 1 for curve in curves.values())
    return f"{what} (%)" + (", mean ± standard deviation" if several else "")
