"""Names are compared as people see them."""

import unicodedata

import pytest

from gmn_tf.utils import errors, texts

NAME = "Große Mönchsgrasmücke"
# The first and last of each range of default ignorable code points.
HIDDEN = (
    *(0xAD, 0x34F, 0x61C, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B, 0x180D),
    *(0x180E, 0x180F, 0x200B, 0x200F, 0x202A, 0x202E, 0x2060, 0x2065, 0x206F),
    *(0x3164, 0xFE00, 0xFE0E, 0xFE0F, 0xFEFF, 0xFFA0, 0xFFF0, 0xFFF8),
    *(0x1BCA0, 0x1BCA3, 0x1D173, 0x1D17A, 0xE0000, 0xE0001, 0xE0020, 0xE007F),
    *(0xE0080, 0xE0100, 0xE01EF, 0xE0FFF),
)


@pytest.mark.parametrize(
    "written",
    [
        NAME,
        unicodedata.normalize("NFD", NAME),
        f"  {NAME}\t",
        NAME.replace(" ", "\u00a0"),
        NAME.replace(" ", "  "),
        f"\ufeff{NAME}",
        NAME.replace("M", "M\u200b"),
        NAME.replace("sg", "s\u00adg"),
        *(f"{NAME}{chr(hidden)}" for hidden in HIDDEN),
        unicodedata.normalize("NFD", NAME).replace("o", "o\u034f"),
        NAME.upper(),
        NAME.casefold(),
    ],
)
def test_a_name_is_found_in_every_form(written):
    names = ("Fitis", unicodedata.normalize("NFD", NAME))
    assert texts.Names(names).find(written) == 1
    assert texts.Names(names[::-1]).find(written) == 0
    assert texts.same(NAME, written)


def test_emoji_are_compared_as_people_see_them():
    assert texts.Names(("❄\ufe0f", "🦄")).find("❄") == 0
    # Tags of letters are all that tells these flags apart.
    flags = [
        "\U0001f3f4"
        + "".join(chr(0xE0000 + ord(c)) for c in land)
        + "\U000e007f"
        for land in ("gbeng", "gbsct")
    ]
    assert [texts.Names(flags).find(flag) for flag in flags] == [0, 1]
    assert not texts.same(*flags) and texts.plain(flags[0]) == flags[0]
    # What people see stays.
    for text in ("¶", "é", "e\u0325", "\u0600", "👍🏽", "किताब", "1\u20e3"):
        assert texts.visible(text) == text


def test_a_name_that_may_be_several_is_not_found():
    names = texts.Names(("Wren", "WREN", "owl", "Owl "))
    assert names.find("wren") is None
    assert names.find("WREN") == 1
    assert names.find("Owl") == 3  # the case tells
    assert names.find("OWL") is None
    assert names.find("wre") is None
    assert names[0] == "Wren" and len(names) == 4


def test_known_names_replace_the_same_ones():
    names = [" Class", "SEEN", "seen", "x"]
    assert texts.renamed(names, ("class", "seen")) == ["class", *names[1:]]
    assert texts.found(("A b", "c"), ["a B ", "", "d"]) == ("A b", "d")


def test_a_suggestion_prefers_another_case():
    assert errors.nearest("WREN", ["wrens", "wren", "WRENS"]) == "wren"
    found = errors.hint("No.", "SEN", ["SENT", "sen"])
    assert found == "No. Did you mean 'sen'?"
    assert "'Wren'" in errors.hint("No.", "WRNE", ["kite", "Wren"])
