"""Errors that the user can correct, and that of a run which was stopped."""

import difflib
from collections.abc import Collection, Iterable, Mapping

from gmn_tf.utils import texts


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
    return _near(name, candidates, 0.0)


def hint(advice: str, name: str, candidates: Collection[str]) -> str:
    """Advice, with the nearest candidate, if any is near, as a question."""
    near = _near(name, candidates, 0.6)
    return f"{advice} Did you mean {near!r}?" if near else advice


def _near(name: str, candidates: Collection[str], cutoff: float) -> str:
    """The nearest candidate; one that differs in case alone is nearer."""
    for form in (texts.plain, texts.folded):
        for candidate in candidates:
            if form(candidate) == form(name):
                return candidate
    by_form = {texts.folded(one): one for one in candidates}
    matches = difflib.get_close_matches(texts.folded(name), by_form, 1, cutoff)
    return by_form[matches[0]] if matches else ""


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
    """The first names with commas, dots for more of them; `none` for none."""
    written = [str(name) for name in names]
    more = ["..."] if len(written) > most else []
    return ", ".join(written[:most] + more) or "none"


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
