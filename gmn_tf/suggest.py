"""The nearest valid name to a misspelt one."""

import difflib
from collections.abc import Collection

from gmn_tf.errors import InputError


def nearest(name: str, candidates: Collection[str]) -> str:
    """The candidate closest in spelling to `name`."""
    matches = difflib.get_close_matches(name, candidates, n=1, cutoff=0.0)
    return matches[0] if matches else ""


def hint(name: str, candidates: Collection[str]) -> str:
    """A question after the nearest candidate, if any is near."""
    matches = difflib.get_close_matches(name, candidates, n=1, cutoff=0.6)
    return f"did you mean {matches[0]!r}?" if matches else "choose one of these"


def refuse_unknown(flag: str, value: str, choices: Collection[str]) -> None:
    """Raises InputError, with the nearest choice, for any other value."""
    if value not in choices:
        raise InputError(
            f"Unknown value for --{flag}.",
            "one of " + ", ".join(choices),
            repr(value),
            hint(value, choices),
        )
