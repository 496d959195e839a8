"""Pictures show what they were given, at every size, in every file."""

import matplotlib
import numpy as np
import pytest
from matplotlib._pylab_helpers import Gcf

from gmn_tf.data.zero_shot_data import Samples
from gmn_tf.runs import plots
from gmn_tf.training.figures import feature_projection
from gmn_tf.utils import figures


def texts(axes) -> list[str]:
    return [label.get_text() for label in axes.get_yticklabels()]


def make_rows(counts):
    return [
        {
            "n": n,
            **{
                key: {"mean": 10.0 * place + n / 100.0, "std": 1.0 + place}
                for place, key in enumerate(("t1", "u", "s", "h"), start=1)
            },
        }
        for n in counts
    ]


def test_projection_has_dots_for_real_and_crosses_for_fake():
    rng = np.random.default_rng(0)
    labels = np.repeat([1, 3], [6, 4])
    # All variance is in two of five dimensions, the fourth and the second.
    features = np.zeros((10, 5), np.float32)
    features[:, 3] = rng.normal(size=10) * 9.0
    features[:, 1] = rng.normal(size=10)
    real = Samples(features, labels)
    fake = Samples(features[:7] + 1.0, labels[:7])
    figure = feature_projection(real, fake, ["a", "b", "c", "$d$"])
    axes = figure.axes[0]
    sizes = [len(dots.get_offsets()) for dots in axes.collections[:4]]

    assert sizes == [6, 6, 4, 1]
    first = np.abs(axes.collections[0].get_offsets()[:, 0])
    centred = features[:, 3] - features[:, 3].mean()
    # 0.1: the two dimensions correlate a little by chance.
    np.testing.assert_allclose(first, np.abs(centred[:6]), rtol=0.1, atol=0.3)
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == ["b", r"\$d\$"]
    assert "% of variance" in axes.get_xlabel()
    figures.to_png(figure)


def test_projection_repeats():
    rng = np.random.default_rng(0)
    samples = Samples(
        rng.random((600, 520), np.float32), np.repeat([0, 1], 300)
    )
    drawn = [
        figures.to_png(feature_projection(samples, samples, "ab"))
        for _ in range(2)
    ]

    assert drawn[0] == drawn[1]


def test_names_that_are_the_same_when_cut_keep_their_entries():
    names = ["x" * 40 + end for end in "ab"]
    samples = Samples(
        np.eye(4, dtype=np.float32), np.array([0, 0, 1, 1], np.int32)
    )
    figure = feature_projection(samples, samples, names)
    entries = [text.get_text() for text in figure.legends[0].get_texts()]

    assert entries == ["x" * 29 + "…"] * 2


def test_bars_are_sorted_apart_and_leave_out_what_has_no_sample():
    accuracies = np.array([0.2, np.nan, 0.6, 0.1, 0.9])
    std = np.array([0.01, 0.0, 0.02, 0.03, 0.04])
    figure = plots.class_accuracy_bars(
        "abcde", 3, np.stack([accuracies - std, accuracies + std])
    )
    unseen, seen = figure.axes

    assert texts(unseen) == ["e", "d"]
    assert texts(seen) == ["c", "a"]
    widths = [bar.get_width() for bar in seen.patches]
    (errors,) = (
        one for one in seen.collections if len(one.get_segments()) == 2
    )
    lengths = [np.ptp(segment[:, 0]) for segment in errors.get_segments()]
    np.testing.assert_allclose(lengths, [4.0, 2.0])
    np.testing.assert_allclose(widths, [60.0, 20.0])
    assert "mean 50.0 %" in unseen.get_title(loc="left")
    assert "mean 40.0 %" in seen.get_title(loc="left")
    assert "1 without a sample" in seen.get_title(loc="left")
    assert seen.get_ylim() == unseen.get_ylim()
    # The best class is on top.
    assert seen.get_ylim()[0] > seen.get_ylim()[1]
    figures.to_png(figure)


@pytest.mark.parametrize(
    ("num_seen", "num_classes"), [(7, 10), (150, 200), (645, 717)]
)
def test_names_only_where_they_can_be_read(num_seen, num_classes):
    accuracies = np.linspace(0.0, 1.0, num_classes)
    names = [f"class {label}" for label in range(num_classes)]
    figure = plots.class_accuracy_bars(names, num_seen, accuracies[np.newaxis])

    for axes, size in zip(figure.axes, (num_classes - num_seen, num_seen)):
        assert len(axes.patches) == size
        assert len(texts(axes)) == (size if size <= plots.MAX_NAMES else 0)
    assert figure.get_size_inches()[1] < 12.0


def test_bars_have_marks_of_the_baseline_and_a_title():
    accuracies = np.array([0.2, 0.6, 0.1, 0.9])
    baseline = np.array([[0.3, 0.4, 0.5, 0.9], [0.3, 0.4, 0.5, 0.5]])
    figure = plots.class_accuracy_bars(
        "abcd", 2, accuracies[np.newaxis], baseline, "birds"
    )

    for axes, expected in zip(figure.axes, ([70.0, 50.0], [40.0, 30.0])):
        (marks,) = (c for c in axes.collections if len(c.get_offsets()) == 2)
        np.testing.assert_allclose(marks.get_offsets()[:, 0], expected)
        np.testing.assert_allclose(marks.get_offsets()[:, 1], [0, 1])
    assert figure.get_suptitle() == "birds"
    assert len(figure.legends) == 1


def test_bars_without_any_accuracy():
    figure = plots.class_accuracy_bars("abcd", 2, np.full((1, 4), np.nan))

    assert "2 without" in figure.axes[0].get_title(loc="left")
    figures.to_png(figure)


def test_curve_has_a_line_and_a_band_per_score():
    figure = plots.synthetic_count_curve(make_rows([100, 10]), "toy")
    axes = figure.axes[0]

    np.testing.assert_array_equal(axes.lines[0].get_xdata(), [10, 100])
    # The legend has the order of the lines' ends: h is the highest.
    np.testing.assert_allclose(axes.lines[0].get_ydata(), [40.1, 41.0])
    first = figure.legends[0].get_texts()[0].get_text()
    assert first.startswith("h")
    assert len(axes.lines) == len(axes.collections) == 4
    band = axes.collections[0].get_paths()[0].vertices[:, 1]
    np.testing.assert_allclose([band.min(), band.max()], [35.1, 46.0])
    assert axes.get_xscale() == "log"
    ticks = [label.get_text() for label in axes.get_xticklabels()]
    assert ticks == ["10", "100"]


def test_no_figure_is_kept_by_matplotlib():
    before = dict(matplotlib.rcParams)
    figures.to_png(plots.synthetic_count_curve(make_rows([5]), "toy"))

    assert not Gcf.figs
    assert dict(matplotlib.rcParams) == before
