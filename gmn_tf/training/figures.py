"""Real and synthetic features in the plane."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from gmn_tf.data.zero_shot_data import Samples
from gmn_tf.utils import figures

# How real and synthetic samples are drawn: marker, size, width of lines.
REAL, SYNTHETIC = ("o", 16, 0.0), ("x", 22, 1.1)


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
    solver = "arpack" if min(real.features.shape) > 2 else "full"
    plane = PCA(2, svd_solver=solver, random_state=0).fit(real.features)
    # Fixed margins: finding some to measure would draw all of it twice.
    figure, axes = figures.new_figure(7.5, 4.5, layout=None)
    figure.subplots_adjust(0.09, 0.11, 0.68, 0.93)

    def scatter(samples, label, colour, marker, size, width):
        features = samples.features[samples.labels == label]
        points = plane.transform(features) if len(features) else features
        return axes.scatter(
            *points[:, :2].T, size, colour, marker, alpha=0.65, linewidths=width
        )

    dots, names = [], []
    for number, label in enumerate(np.unique(real.labels)):
        colour = figures.COLOURS[number % len(figures.COLOURS)]
        dots.append(scatter(real, label, colour, *REAL))
        scatter(fake, label, colour, *SYNTHETIC)
        names.append(figures.plain_text(class_names[label]))
    figures.legend(figure, dots, names, "upper left", (0.68, 0.95))
    marks = [axes.scatter([], [], 25, figures.GREY, marker) for marker in "ox"]
    figures.legend(
        figure, marks, ["real", "synthetic"], "lower left", (0.68, 0.09)
    )
    shares = 100.0 * plane.explained_variance_ratio_
    axes.set_xlabel(f"Principal component 1 ({shares[0]:.0f} % of variance)")
    axes.set_ylabel(f"Principal component 2 ({shares[1]:.0f} % of variance)")
    axes.set_title(figures.plain_text(title, 70), loc="left")
    return figure
