"""Names are compared as people see them."""

import unicodedata

import pytest

from gmn_tf.utils import errors, texts

NAME = "Große Mönchsgrasmücke"


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
        NAME.upper(),
        NAME.casefold(),
    ],
)
def test_a_name_is_found_in_every_form(written):
    names = ("Fitis", unicodedata.normalize("NFD", NAME))
    assert texts.Names(names).find(written) == 1
    assert texts.Names(names[::-1]).find(written) == 0
    assert texts.same(NAME, written)


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
