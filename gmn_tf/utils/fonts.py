"""Fonts for the names of classes in any script, of those that are installed.

Matplotlib brings one font for text, which has the letters of Europe and of
some others. For what it lacks, a text may name further fonts.
"""

import functools

from matplotlib import font_manager, ft2font
from matplotlib.figure import Figure
from matplotlib.text import Text

LAST_RESORT = "Last Resort"  # comes with Matplotlib: a box for each character


def lend(figure: Figure) -> str:
    """Names further fonts for the texts of a figure that need them.

    Returns:
        The characters that no installed font has, sorted; boxes will stand for
        them.
    """
    texts = _texts(figure)
    used = "".join(text.get_text() for text in texts)
    lacking = {ord(one) for one in used if one.isprintable()} - _characters(
        font_manager.findfont(font_manager.FontProperties())
    )
    names = []
    while lacking:
        found = {name: have & lacking for name, have in _others().items()}
        name = max(found, key=lambda name: len(found[name]), default=None)
        if name is None or not found[name]:
            break
        names.append(name)
        lacking -= found[name]
    if names:
        for text in texts:
            family = [*text.get_fontfamily(), *names]
            text.set_fontfamily(list(dict.fromkeys(family)))
    return "".join(map(chr, sorted(lacking)))


def _texts(figure: Figure) -> list[Text]:
    """All texts, those of ticks too, made when they are asked for."""
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            axis.get_ticklabels()
    return figure.findobj(Text)


@functools.cache
def _characters(path: str) -> frozenset[int]:
    try:
        font = ft2font.FT2Font(path)
    except (OSError, RuntimeError):  # removed since it was found, or damaged
        return frozenset()
    # Pictures of characters, as of emoji, have sizes of their own.
    return frozenset(font.get_charmap()) if font.scalable else frozenset()


@functools.cache
def _others() -> dict[str, frozenset[int]]:
    """The characters of each installed font in its plain style, by name."""
    return {
        font.name: _characters(font.fname)
        for font in font_manager.fontManager.ttflist
        if font.style == "normal"
        and font.weight == 400
        and not font.name.startswith(LAST_RESORT)
    }
