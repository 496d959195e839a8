"""Names in other scripts are drawn where a font that has them is installed."""

import io
import warnings

import pytest

from gmn_tf.utils import figures, fonts

LENT = "\N{CIRCLED LATIN CAPITAL LETTER A}"  # in a font of Matplotlib's, STIX
NOWHERE = "\N{HANGUL SYLLABLE BIC}"  # in none of Matplotlib's


@pytest.fixture
def installed(monkeypatch):
    """The fonts that come with Matplotlib, and no others."""
    kept = [
        font
        for font in fonts.font_manager.fontManager.ttflist
        if "mpl-data" in font.fname
    ]
    monkeypatch.setattr(fonts.font_manager.fontManager, "ttflist", kept)
    fonts._others.cache_clear()
    figures._warn_of_boxes.cache_clear()
    yield
    fonts._others.cache_clear()


def drawn(*names):
    figure, axes = figures.new_figure(3.0, 2.0)
    axes.barh(range(len(names)), 1.0)
    axes.set_yticks(range(len(names)), names)
    return figure, axes


def test_a_font_is_lent_to_names_that_need_it(installed):
    figure, axes = drawn(f"{LENT} and more", "plain\nlines")

    assert fonts.lend(figure) == ""
    for label in axes.get_yticklabels():
        assert label.get_fontfamily() == ["sans-serif", "STIXGeneral"]
    with warnings.catch_warnings(action="error"):
        assert figures.to_png(figure)


def test_fonts_that_cannot_be_read_are_passed_over(
    installed, monkeypatch, tmp_path
):
    """Matplotlib keeps a list of fonts, some of which may be gone."""
    (tmp_path / "damaged.ttf").write_bytes(b"no font")
    kept = fonts.font_manager.fontManager.ttflist
    unread = [
        fonts.font_manager.FontEntry(
            str(tmp_path / name), name, "normal", weight=400
        )
        for name in ("gone.ttf", "damaged.ttf")
    ]
    monkeypatch.setattr(
        fonts.font_manager.fontManager, "ttflist", [*unread, *kept]
    )
    figure, axes = drawn(LENT)

    assert fonts.lend(figure) == ""
    assert "STIXGeneral" in axes.get_yticklabels()[0].get_fontfamily()


def test_plain_names_keep_their_font(installed):
    figure, axes = drawn("plain", "größer")

    assert fonts.lend(figure) == ""
    assert axes.get_yticklabels()[0].get_fontfamily() == ["sans-serif"]


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_one_sentence_says_that_a_font_lacks(kind, installed):
    figure, _ = drawn(NOWHERE, f"{NOWHERE}{LENT}")

    with pytest.warns(UserWarning) as found:
        for _ in range(2):
            figures.save(figure, io.BytesIO(), kind)
    assert [str(one.message) for one in found] == [figures.BOXES]
    assert fonts.lend(figure) == NOWHERE
