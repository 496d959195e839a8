"""Names of classes -> words, and the forms in which a word may be known."""

import itertools
import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from gmn_tf.utils import texts

# That of "001.Crow", "12 - Crow" and "012 Crow", and not of "737 MAX".
_NUMBER = re.compile(r"^(\d+\s*[._)]|\d+\s*[-:\u2013]\s|0\d+[\s-])\s*(?=\D)")
_SIGNS = "-'\u2019"  # a hyphen and apostrophes may be part of a word
_LEAST = 3  # letters of a part of a word such as "waterthrush"
_INFLECTED = re.compile("(.*[aeiouy].*)((ing|er)s?|ed)")
_SHORT = "(?<![aeiou])[aeiouy]"  # a vowel alone: of "hop", not of "beam"
# Ends of words, which files of vectors have as words of their own.
_ENDINGS = re.compile(
    "[dgklmnpstvz]?(ing|er)s?|[dnpst]?ed|[dm]?ent|[st]?ion|[ae]nce|[ai]ble"
    "|ace|age|ate|ess|est|ful|ial|ian|ies|ina|ine|ish|ism|ist|ity|ive|les|let"
    "|ness|ous|the|tory|ure"
)


class Match(NamedTuple):
    """What stands for a word of a text.

    Attributes:
        word: in the text.
        used: words with a vector; none if nothing stands for it.
        is_same: whether they are the word itself, perhaps in another case.
    """

    word: str
    used: tuple[str, ...]
    is_same: bool


def readable(name: str) -> str:
    """The name of a class as a person would write it.

    `001.Black_footed_Albatross` and `BlackFootedAlbatross` become `Black
    footed Albatross` and `Black Footed Albatross`.
    """
    name = _NUMBER.sub("", texts.plain(name))
    spaced = re.sub(r"[_+/]+", " ", name)
    if spaced == name and " " not in name and "-" not in name:
        # Two small letters: "McLaren" and "iPhone" are one word.
        threes = zip(" " + name, name, name[1:] + " ")
        spaced = "".join(
            one + " " * (before.islower() and one.islower() and after.isupper())
            for before, one, after in threes
        )
    return texts.plain(spaced)


def words(text: str) -> list[str]:
    """The words of a text in its order: letters and digits of any script.

    Marks on a letter, such as vowel signs, belong to it. Those on anything
    else are no words, nor are those that enclose, as in a keycap.
    """
    letters = " "
    for c in texts.plain(text):
        kind = unicodedata.category(c)
        is_mark = kind in ("Mn", "Mc") and letters[-1] not in f" {_SIGNS}"
        is_part = kind[0] in "LN" or c in _SIGNS or is_mark
        letters += c if is_part else " " * (kind != "Me")
    found = (word.strip(_SIGNS) for word in letters.split())
    return [re.sub("['\u2019]s$", "", word) for word in found if word]


def wanted(word: str) -> set[str]:
    """Every word whose vector `match` may ask for."""
    found = {*_same(word), *_near(word), *_bases(word)}
    for part in _parts(word):
        found |= wanted(part)
    for pair in _halves(word):
        found.update(itertools.chain.from_iterable(map(_same, pair)))
    return found


def match(word: str, ranks: Mapping[str, int]) -> Match:
    """What stands for a word: itself, its parts, or a form of it.

    Args:
        word: of a text.
        ranks: the words that have a vector, by how rare they are.
    """
    if known := _first(_same(word), ranks):
        return Match(word, (known,), True)
    if known := _first(itertools.chain(_near(word), _bases(word)), ranks):
        return Match(word, (known,), False)
    if parts := _parts(word):
        used = [match(part, ranks).used for part in parts]
        return Match(word, tuple(itertools.chain.from_iterable(used)), False)
    pairs = [
        tuple(_first(_same(half), ranks) for half in pair)
        for pair in _halves(word)
    ]
    pairs = [pair for pair in pairs if all(pair)]
    # "water thrush", not "watert hrush": the rarer half is least rare.
    best = min(pairs, key=lambda p: max(map(ranks.get, p)), default=())
    return Match(word, best, False)


def _first(forms: Iterator[str], known: Collection[str]) -> str:
    return next((form for form in forms if form in known), "")


def _same(word: str) -> Iterator[str]:
    """The word as it is, in other cases, and with letters decomposed."""
    for form in dict.fromkeys((word, word.lower(), word.title())):
        yield form
        if not form.isascii():
            yield unicodedata.normalize("NFD", form)


def _near(word: str) -> Iterator[str]:
    """Forms that mean the same: without accents or hyphens, other numbers."""
    word = word.lower()
    letters = unicodedata.normalize("NFKD", word)
    bare = "".join(c for c in letters if not unicodedata.combining(c))
    forms = [bare, re.sub(f"[{_SIGNS}]", "", bare)]
    for form in forms[:]:
        if form.isalpha() and len(form) > _LEAST:
            forms += [
                re.sub(pattern, end, form)
                for pattern, end in (
                    *(("ies$", "y"), ("(?<=[sxzh])es$", ""), ("s$", "")),
                    *(("y$", "ies"), ("$", "s")),
                )
            ]
    return iter(dict.fromkeys(form for form in forms if form != word))


def _bases(word: str) -> Iterator[str]:
    """What -ing, -ed or -er was added to: "wink", "stare", "begin", "party"."""
    found = _INFLECTED.fullmatch(word.lower())
    if not word.isalpha() or not found:
        return
    base = re.sub("i$", "y", found[1])
    single = re.sub(rf"({_SHORT}([^aeiouy]))\2$", r"\1", base)
    forms = [base, f"{base}e", single]
    if re.search(f"{_SHORT}[^aeiouwxy]$", base):
        # "star" doubles its consonant, so that "staring" is of "stare".
        forms[:2] = reversed(forms[:2])
    yield from (form for form in forms if len(form) >= _LEAST)


def _parts(word: str) -> list[str]:
    """The parts of a word with a hyphen; none of another one."""
    parts = [part for part in re.split(f"[{_SIGNS}]", word) if part]
    return parts if len(parts) > 1 else []


def _halves(word: str) -> list[tuple[str, str]]:
    """The ways to cut a word without a space, such as "waterthrush".

    What only ends words, as in "plumage", is no part.
    """
    if not word.isalpha():
        return []
    places = range(_LEAST, len(word) - _LEAST + 1)
    pairs = [(word[:place], word[place:]) for place in places]
    return [pair for pair in pairs if not _ENDINGS.fullmatch(pair[1].lower())]
