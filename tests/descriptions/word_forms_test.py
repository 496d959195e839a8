import unicodedata

import numpy as np
import pytest

from gmn_tf.descriptions import word_forms


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("001.Black_footed_Albatross", "Black footed Albatross"),
        ("12 - Le_Conte Sparrow", "Le Conte Sparrow"),
        ("BlackFootedAlbatross", "Black Footed Albatross"),
        ("McCown_Longspur", "McCown Longspur"),
        ("McLaren", "McLaren"),
        ("iPhone", "iPhone"),
        ("001-Crow", "Crow"),
        ("12: Crow", "Crow"),
        ("737 MAX", "737 MAX"),
        ("7-Eleven", "7-Eleven"),
        ("1.5 l bottle", "1.5 l bottle"),
        ("grizzly+bear", "grizzly bear"),
        ("737-800", "737-800"),
        ("lean-to", "lean-to"),
        ("  fire\u00a0salamander ", "fire salamander"),
        ("Gro\u0308nla\u0308nder", "Gr\u00f6nl\u00e4nder"),
        ("象", "象"),
        ("42", "42"),
    ],
)
def test_names_become_readable(name, expected):
    assert word_forms.readable(name) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Brewer's Blackbird", ["Brewer", "Blackbird"]),
        ("Clark\u2019s (white-necked) grebe!", "Clark white-necked grebe"),
        ("- a 4x4, in 2 parts -", "a 4x4 in 2 parts"),
        ("किताब घर", "किताब घर"),  # with vowel signs
        ("...", ""),
        ("❄\ufe0f", ""),  # with a variation selector
        ("☀\u0308 owl", "owl"),  # a mark on no letter
        ("-\u0308 x\u0325", "x\u0325"),
        ("1\ufe0f\u20e3 a\u20ddb", "1 ab"),  # enclosed
    ],
)
def test_words(text, expected):
    expected = expected.split() if isinstance(expected, str) else expected
    assert word_forms.words(text) == expected


KNOWN = (
    *("the", "water", "thrush", "hrush", "watert", "leaf", "berry", "wolves"),
    *("Paris", "muller", "black", "footed", "black-footed", "finches"),
    unicodedata.normalize("NFD", "é"),
)
RANKS = {word: place for place, word in enumerate(KNOWN, 1)}


@pytest.mark.parametrize(
    ("word", "used", "is_same"),
    [
        ("The", "the", True),
        ("PARIS", "Paris", True),
        ("é", KNOWN[-1], True),
        ("Müller", "muller", False),
        ("leafs", "leaf", False),
        ("berries", "berry", False),
        ("finch", "", False),  # whose plural is not made by an s
        ("Black-Footed", "black-footed", True),
        ("black-leaf", "black leaf", False),
        ("blue-black", "black", False),
        ("waterthrush", "water thrush", False),
        ("xy", "", False),
    ],
)
def test_what_stands_for_a_word(word, used, is_same):
    found = word_forms.match(word, RANKS)
    assert found == (word, tuple(used.split()), is_same)
    assert {*found.used} <= word_forms.wanted(word)


# Each is the form of a word below, or a wrong part of one.
WORDS = (
    *("per", "ing", "ed", "er", "age", "dent", "ace", "tri", "king", "shed"),
    *("beam", "wink", "flush", "slip", "smile", "star", "stare", "party"),
    *("begin", "hop", "hug", "nose", "add", "peck", "red", "inner", "let"),
    *("win", "flu", "beg", "grim", "plum", "weld", "par", "tying", "drop"),
    *("sun", "flower", "wood", "pecker", "blue", "bird", "ear", "ring"),
    *("wax", "wing", "sea", "weed", "fire", "ant", "the", "fisher", "str"),
)


@pytest.mark.parametrize(
    ("word", "used"),
    [
        ("Winking", "wink"),
        ("flushed", "flush"),
        ("slipper", "slip"),
        ("slippers", "slip"),
        ("beginner", "begin"),
        ("beaming", "beam"),
        ("welding", "weld"),
        ("smiling", "smile"),
        ("staring", "stare"),
        ("starring", "star"),
        ("hugged", "hug"),
        ("partying", "party"),
        ("partied", "party"),
        ("adding", "add"),
        ("star-nosed", "star nose"),
        ("grimace", ""),
        ("plumage", ""),
        ("trident", ""),
        ("droplet", ""),
        ("using", ""),
        ("string", ""),  # what is left has no vowel
        ("thing", ""),  # not of "the"
        ("sunflower", "sun flower"),
        ("woodpecker", "wood pecker"),
        ("bluebird", "blue bird"),
        ("earring", "ear ring"),
        ("waxwing", "wax wing"),
        ("seaweed", "sea weed"),
        ("fireant", "fire ant"),
        ("kingfisher", "king fisher"),
    ],
)
def test_inflections_come_before_parts_which_are_words(word, used):
    found = word_forms.match(word, {w: place for place, w in enumerate(WORDS)})
    assert found == (word, tuple(used.split()), False)
    assert {*found.used} <= word_forms.wanted(word)


def test_a_word_is_not_cut_before_an_ending_if_its_base_is_unknown():
    ranks = {w: place for place, w in enumerate(WORDS) if w != "wink"}
    assert word_forms.match("winking", ranks).used == ()


def test_any_name_has_words_or_none():
    rng = np.random.default_rng(0)
    ranges = [(32, 127), (0xA0, 0x250), (0x900, 0x980), (0x3040, 0x30FF)]
    for _ in range(300):
        low, high = ranges[rng.integers(len(ranges))]
        codes = rng.integers(low, high, rng.integers(0, 20)).tolist()
        name = "".join(map(chr, codes))
        for word in word_forms.words(word_forms.readable(name)):
            assert word and not set(word) & set(" _+/.,")
            found = word_forms.match(word, RANKS)
            assert {*found.used} <= {*RANKS} & word_forms.wanted(word)
