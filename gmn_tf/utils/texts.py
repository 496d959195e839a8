"""Names compared as people see them.

The same name comes composed and decomposed (NFC from Linux and Windows, NFD
from folders of macOS), with other spaces, with letters that nobody sees, and
in another case. What is written keeps the form that the user gave it.
"""

import collections
import functools
import re
import unicodedata
from collections.abc import Collection, Sequence

# Unicode's Default_Ignorable_Code_Point (DerivedCoreProperties.txt of 16.0),
# variation selectors among them. Tags after a black flag tell England's from
# Scotland's, and stay.
_HIDDEN = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff"
    "\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e001f\U000e0080-\U000e0fff]"
    "|(?<![\U0001f3f4\U000e0020-\U000e007f])[\U000e0020-\U000e007f]+"
)


def visible(text: str) -> str:
    """The text without letters that nobody sees."""
    return text if text.isascii() else _HIDDEN.sub("", text)


def plain(text: str) -> str:
    """The text composed (NFC), with single plain spaces, none at its ends.

    Letters that nobody sees are left out.
    """
    if not text.isascii():
        text = unicodedata.normalize("NFC", visible(text))
    return " ".join(text.split())


def folded(text: str) -> str:
    """The plain text without difference in case."""
    return unicodedata.normalize("NFC", plain(text).casefold())


def same(one: str, other: str) -> bool:
    """Whether two texts differ at most in what `folded` takes away."""
    return one == other or folded(one) == folded(other)


class Names(collections.abc.Sequence):
    """A sequence of names, in which one is found as people see it.

    Args:
        names: of which each counts once, at its first place.
    """

    def __init__(self, names: Collection[str]):
        self._names = tuple(names)
        self._places = {}
        for place, name in enumerate(self._names):
            self._places.setdefault(name, place)

    def __len__(self) -> int:
        return len(self._names)

    def __getitem__(self, place):
        return self._names[place]

    @functools.cached_property
    def _forms(self) -> list[tuple]:
        """The ways to look a name up, and the places by what each gives."""
        forms = []
        for form in (plain, folded):
            places = collections.defaultdict(list)
            for name, place in self._places.items():
                places[form(name)].append(place)
            forms.append((form, places))
        return forms

    def find(self, name: str) -> int | None:
        """The place of the name, or of the one that is the same to people.

        None if there is none, or if several differ as little from it.
        """
        if name in self._places:
            return self._places[name]
        for form, places in self._forms:
            if found := places.get(form(name)):
                return found[0] if len(found) == 1 else None
        return None


def renamed(names: Sequence[str], known: Collection[str]) -> list[str]:
    """Names, where one is the same as a known one to people in its form.

    A name keeps its own form if the known one is there in its own right, or if
    several are the same.
    """
    forms = collections.Counter(map(folded, names))
    by_form = {folded(name): name for name in known}
    return [
        by_form.get(folded(name), name) if forms[folded(name)] == 1 else name
        for name in names
    ]


def found(names: Sequence[str], given: Collection[str]) -> tuple[str, ...]:
    """Given names in the form that `names` have them; others as they are."""
    known = Names(names)
    places = {one: known.find(one) for one in map(str.strip, given) if one}
    return tuple(
        one if place is None else names[place] for one, place in places.items()
    )
