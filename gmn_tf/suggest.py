"""The nearest valid name to a misspelt one."""

import difflib
from collections.abc import Iterable


def nearest(name: str, candidates: Iterable[str]) -> str:
    """The candidate closest in spelling to `name`."""
    candidates = list(candidates)
    matches = difflib.get_close_matches(name, candidates, n=1, cutoff=0.0)
    return matches[0] if matches else ""
