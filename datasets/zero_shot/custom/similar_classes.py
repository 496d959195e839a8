"""Classes of a user's own data that their descriptions do not tell apart."""

from collections.abc import Iterator

import numpy as np

from gmn_tf_datasets.zero_shot.custom.class_table import UNSEEN, Classes

_NEAR = 1e-6  # Distance of rows of length 1: what float32 can tell.
_SHOWN = 5  # notes


def notes(classes: Classes) -> list[str]:
    """A sentence for each class that is described as another one is."""
    found = [_note(classes, *pair) for pair in _pairs(classes)]
    more = len(found) - _SHOWN
    if more > 1:
        found[_SHOWN:] = [f"{more} more classes are described as others are."]
    return found


def _note(classes: Classes, number: int, other: int, is_same: bool) -> str:
    length = "" if is_same else ", apart from the length of the description"
    effect = (
        "nothing can tell them apart"
        if classes.kinds[number] == UNSEEN
        else "their synthetic features are the same"
    )
    unless = "" if is_same else ", unless --embedding_norm=none is given"
    return (
        f"The {classes.kinds[number]} class {classes.names[number]} is "
        f"described as {classes.names[other]} is{length}: {effect}{unless}."
    )


def _pairs(classes: Classes) -> Iterator[tuple[int, int, bool]]:
    """A class, one it is like, and whether that holds for lengths, too."""
    raw = classes.embeddings
    # Seen ones first, so that an unseen one is the one that is told of.
    seen = np.setdiff1d(np.arange(len(raw)), classes.unseen)
    order = np.concatenate([seen, classes.unseen])
    # As --embedding_norm=l2 does, which is the default.
    lengths = np.linalg.norm(raw.astype(np.float64), axis=1, keepdims=True)
    for group in _groups(raw[order] / lengths[order]):
        first, same = order[group[0]], {}
        for number in order[group]:
            other = same.setdefault(raw[number].tobytes(), number)
            if number != first:
                is_same = other != number
                yield number, other if is_same else first, is_same


def _groups(rows: np.ndarray) -> list[np.ndarray]:
    """Numbers of rows that are nearly the same, without trying all pairs."""
    direction = np.random.default_rng(0).normal(size=rows.shape[1])
    # No two points are nearer than their shadows.
    shadows = rows @ (direction / np.linalg.norm(direction))
    order = np.argsort(shadows, kind="stable")
    ends = np.searchsorted(shadows[order], shadows[order] + _NEAR, "right")
    is_free, groups = np.ones(len(rows), bool), []
    for place, end in enumerate(ends):
        around = order[place:end]
        around = around[is_free[around]]
        if not is_free[order[place]] or len(around) < 2:
            continue
        apart = np.linalg.norm(rows[around] - rows[order[place]], axis=1)
        group = np.sort(around[apart <= _NEAR])
        is_free[group] = False
        if len(group) > 1:
            groups.append(group)
    return sorted(groups, key=lambda group: group[1])
