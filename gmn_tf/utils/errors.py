"""Errors that the user can correct, and that of a run which was stopped."""

import difflib
import itertools
import re
from collections.abc import Collection, Iterable, Mapping

from gmn_tf.utils import texts

_NEARLY = 0.84  # of difflib: two letters of twelve


class InputError(ValueError):
    """Input from outside (files, flags, folders) that cannot be used.

    The commands print it without a stack trace and exit with status 1.

    Args:
        problem: what is wrong, with the file, flag or row it was found in.
        expected: what would have been right.
        received: what was found instead.
        action: what the user can do about it.
    """

    def __init__(
        self, problem: str, expected: object, received: object, action: str
    ):
        self.problem, self.action = problem, action
        self.expected, self.received = expected, received
        super().__init__(
            f"{problem}\n"
            f"  expected: {expected}\n"
            f"  received: {received}\n"
            f"  what to do: {action}"
        )


class LostDataError(InputError):
    """Prepared data changed or disappeared while a command was running."""


class UnwritableError(InputError):
    """A file that cannot be written, because a disk is full for example."""


class StoppedError(Exception):
    """A signal stopped a run, which has saved what is to be saved.

    Args:
        step: steps done.
        signal: number of the signal.
    """

    def __init__(self, step: int, signal: int):
        super().__init__(f"Stopped after step {step}.")
        self.step, self.signal = step, signal


def nearest(name: str, candidates: Collection[str]) -> str:
    """The candidate closest in spelling to `name`."""
    return _same(name, candidates) or _closest(name, candidates, 0.0)


def meant(name: str, candidates: Collection[str]) -> str:
    """The candidate that `name` is a likely slip for; empty if none is.

    A slip is another case, a letter or two, or a word more or less: `Seen`,
    `sen` and `is_seen` for `seen`, but not `seg_e`.
    """
    return _same(name, candidates) or _slip(name, candidates)


def hint(advice: str, name: str, candidates: Collection[str]) -> str:
    """Advice, with the candidate that is `meant`, if any."""
    near = meant(name, candidates)
    return f"{advice} Did you mean {near!r}?" if near else advice


def _same(name: str, candidates: Collection[str]) -> str:
    """The candidate that is the same to people, the same case preferred.

    The last to differ in are signs, as between `a/b`, `a_b` and `A b`.
    """
    for form in (texts.plain, texts.folded, _letters):
        wanted = form(name)
        for candidate in candidates if wanted else ():
            if form(candidate) == wanted:
                return candidate
    return ""


def _letters(text: str) -> str:
    return re.sub(r"[\W_]", "", texts.folded(text))


def _closest(name: str, candidates: Collection[str], cutoff: float) -> str:
    by_form = {texts.folded(one): one for one in candidates}
    matches = difflib.get_close_matches(texts.folded(name), by_form, 1, cutoff)
    return by_form[matches[0]] if matches else ""


def _slip(name: str, candidates: Collection[str]) -> str:
    near = _closest(name, candidates, 0.6)
    if near and _is_slip(texts.folded(name), texts.folded(near)):
        return near
    form = texts.folded(name)
    around = [
        one
        for one in candidates
        if form in _words(one) or texts.folded(one) in _words(name)
    ]
    return around[0] if len(around) == 1 else ""


def _is_slip(one: str, other: str) -> bool:
    """Whether texts are nearly the same, or the same but for a letter.

    Two neighbours may also have changed places. Of one or two letters, each
    makes another word.
    """
    if difflib.SequenceMatcher(None, one, other).ratio() >= _NEARLY:
        return True
    if max(len(one), len(other)) < 3:
        return False
    start = _common(one, other)
    one, other = one[start:], other[start:]
    end = _common(one[::-1], other[::-1])
    one, other = one[: len(one) - end], other[: len(other) - end]
    is_turned = len(one) == 2 and one == other[::-1]
    return is_turned or max(len(one), len(other)) == 1


def _common(one: str, other: str) -> int:
    """How many letters two texts have in common at their beginning."""
    pairs = zip(one, other)
    return sum(1 for _ in itertools.takewhile(lambda p: p[0] == p[1], pairs))


def _words(text: str) -> set[str]:
    """The words of a name such as `is_seen`, `isSeen` or `seen01`."""
    divided = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)
    words = set(re.findall(r"[^\W\d_]+|\d+", texts.folded(divided)))
    return words | {re.sub("e?s$", "", word) for word in words}


def check_choice(flag: str, value: str, choices: Collection[str]) -> None:
    """Raises InputError, with the nearest choice, for any other value."""
    if value not in choices:
        raise InputError(
            f"Unknown value for --{flag}.",
            "one of " + ", ".join(choices),
            repr(value),
            hint("Choose one of the expected values.", value, choices),
        )


def first_line(error: BaseException, longest: int = 200) -> str:
    """What an error of a library or of the system says, in one line."""
    text = str(getattr(error, "strerror", None) or error)
    lines = text.strip().splitlines() or [type(error).__name__]
    return lines[0][:longest]


def listed(names: Iterable[object], most: int = 5) -> str:
    """The first names with commas, dots for more of them; `none` for none.

    In quotation marks are those that have commas of their own; see `quoted`.
    """
    written = [*map(quoted, names)]
    more = ["..."] if len(written) > most else []
    return ", ".join(written[:most] + more) or "none"


def ended(text: str) -> str:
    """A text with the full stop that a list with dots does not need."""
    return text if text.endswith("...") else f"{text}."


def quoted(name: object) -> str:
    """A name as a list of names has it.

    It is in quotation marks if it contains a comma or has a space at an end,
    so that it can be told from those beside it.
    """
    text = str(name)
    return repr(text) if "," in text or text != text.strip() else text


def counted(number: int, one: str, several: str = "") -> str:
    """A number and its noun: `1 class`, `2 classes`.

    Args:
        number: how many.
        one: the noun in the singular.
        several: the plural; an empty text for `one` with an s.
    """
    return f"{number} {one if number == 1 else several or one + 's'}"


def check_same(
    problem: str,
    expected: Mapping[str, object],
    received: Mapping[str, object],
    action: str,
) -> None:
    """Raises InputError with the values by name that differ, on both sides.

    What only one side has differs from None.
    """
    names = [
        name
        for name in {**expected, **received}
        if expected.get(name) != received.get(name)
    ]
    if names:
        raise InputError(
            problem,
            ", ".join(f"{name}={expected.get(name)!r}" for name in names),
            ", ".join(f"{name}={received.get(name)!r}" for name in names),
            action,
        )
