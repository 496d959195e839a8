"""Remarks on a user's data: what to know before trusting a score."""

import hashlib
import itertools
import pathlib
import re
from collections import Counter

import numpy as np

from gmn_tf.utils.dimensions import statistics
from gmn_tf.utils.errors import counted, ended, listed
from gmn_tf_datasets.zero_shot.custom.classes import Classes
from gmn_tf_datasets.zero_shot.custom.features import Features

_NEAR = 1e-6  # Distance of rows of length 1: what float32 can tell.
_MOST = 5  # notes
_BLOCK = 1024  # rows looked at together
# A name of files is looked at if so many of them would be tested, were all
# names treated alike. Less than this part of that is nearly never.
_EXPECTED, _NEARLY_NEVER = 3, 0.1


def on_samples(
    samples: Features, rows: dict[str, np.ndarray], class_names: tuple[str, ...]
) -> list[str]:
    """Remarks on features: copies of a sample, digits that float32 loses.

    Args:
        samples: with labels.
        rows: of each split, as in `Source`.
        class_names: by label.
    """
    values, digests = samples.values, []
    low = high = values[0]
    for start in range(0, len(values), _BLOCK):
        block = np.ascontiguousarray(values[start : start + _BLOCK])
        written = block.astype(np.float32)
        digests += [_digest(row) for row in written]
        low = np.minimum(low, block.min(axis=0))
        high = np.maximum(high, block.max(axis=0))
    notes = _on_copies(np.array(digests, np.uint64), samples, rows, class_names)
    kept = low.astype(np.float32)
    lost = (low < high) & (kept == high.astype(np.float32))
    for columns, advice in (
        (lost & (kept != 0.0), "Subtract its mean from such a column."),
        # Too near to 0 for float32.
        (lost & (kept == 0.0), "Multiply such a column by a constant."),
    ):
        numbers = np.flatnonzero(columns)
        if len(numbers):
            notes.append(
                f"{counted(len(numbers), 'column')} of the features "
                f"{'is' if len(numbers) == 1 else 'are'} constant in float32, "
                "in which features are kept, though not in the file (from 0: "
                f"{listed(numbers)}). {advice}"
            )
    return notes


def _digest(row: np.ndarray) -> int:
    return int.from_bytes(hashlib.blake2b(row.data, digest_size=8).digest())


def _on_copies(digests, samples, rows, class_names) -> list[str]:
    """A remark on samples that have the same features."""
    _, first, groups = np.unique(
        digests, return_index=True, return_inverse=True
    )
    original = first[groups]  # of each row, the first that is the same
    copies = np.flatnonzero(original != np.arange(len(original)))
    if not len(copies):
        return []
    labels = samples.labels
    others = copies[labels[copies] != labels[original[copies]]]
    learned = np.isin(groups, groups[rows["trainval"]])
    tested = np.concatenate([rows["test_seen"], rows["test_unseen"]])
    known = np.count_nonzero(learned[tested])

    def named(row):
        name = samples.names[row] if samples.names else f"row {row}"
        return f"{name} of {class_names[labels[row]]}"

    example = (others if len(others) else copies)[0]
    text = (
        f"{counted(len(copies), 'sample')} "
        f"{'has' if len(copies) == 1 else 'have'} the same features as an "
        f"earlier one"
    )
    if len(others):
        text += f", {len(others)} of them in another class"
    text += f" (the first: {named(example)}, as {named(original[example])})."
    if known:
        text += (
            f" {counted(known, 'sample')} to score "
            f"{'is' if known == 1 else 'are'} also among those to learn from, "
            "which makes scores too high."
        )
    advice = " If they are copies, keep one of each"
    if len(others):
        advice += ", in the class that is right"
    return [f"{text}{advice}."]


def on_rule(samples: Features, rows: dict[str, np.ndarray]) -> list[str]:
    """A remark if the rule of a fifth tests names too often, or too rarely.

    Such as `front.jpg` of each class, and never `back.jpg`: where a name says
    where a sample comes from, s measures some origins only. Numbers as names
    say nothing.
    """
    stems = [pathlib.PurePath(name).stem for name in samples.names]
    if len(set(stems)) < 2:
        return []
    forms = Counter(map(_without_digits, set(stems)))

    def count(split):
        found = Counter(stems[row] for row in rows[split])
        return Counter({n: c for n, c in found.items() if _is_word(n, forms)})

    tested, total = count("test_seen"), len(rows["test_seen"])
    advice = "say in splits.csv which samples are for testing."
    name, most = next(iter(tested.most_common(1)), ("", 0))
    if most > 1 and 2 * most > total:
        return [
            f"{most} of the {total} samples of seen classes to score are "
            f"called {name}. If that is where they come from, s measures one "
            f"origin only: {advice}"
        ]
    share = total / (total + len(rows["trainval"]))
    rare = [
        f"{name} ({tested[name]} of {number})"
        for name, number in (count("trainval") + tested).most_common()
        if number * share >= _EXPECTED
        and tested[name] < _NEARLY_NEVER * number * share
    ]
    if not rare:
        return []
    return [
        f"{counted(len(rare), 'name')} that many files share "
        f"{'is' if len(rare) == 1 else 'are'} never, or almost never, among "
        f"the samples of seen classes to score: {listed(rare)}. If names say "
        f"where samples come from, s says nothing of these origins: {advice}"
    ]


def _without_digits(name: str) -> str:
    return re.sub(r"\d+", "\0", name)


def _is_word(name: str, forms: Counter) -> bool:
    """Whether a name says more than a number: `noto-v1`, and not `IMG_7`.

    Args:
        name: of a file.
        forms: how many names there are of each form without digits.
    """
    form = _without_digits(name)
    numbers = forms[form] > 1 or not any(map(str.isalpha, name))
    return form == name or not numbers


def on_descriptions(classes: Classes) -> list[str]:
    """Remarks on numbers that no seen class, or no class, tells apart."""
    values = classes.embeddings
    seen = np.setdiff1d(np.arange(len(values)), classes.unseen)
    constant = ~statistics(values, seen).varies
    if not constant.any() or constant.all():
        return []
    count = np.count_nonzero(constant)
    names = list(itertools.compress(classes.columns, constant))
    text = (
        f"{count} of {len(constant)} numbers of a description "
        f"{'is' if count == 1 else 'are'} the same for all seen classes, so "
        f"that nothing can be learned of {'it' if count == 1 else 'them'}: "
        f"{listed(names)}"
    )
    return [ended(text)]


def on_similar(classes: Classes) -> list[str]:
    """A sentence for each class that is described as another one is."""
    raw, notes = classes.embeddings, []
    of_direction = {}  # by the first of a direction, one class of each length
    # Seen classes first, so that the sentence is about an unseen one.
    seen = np.setdiff1d(np.arange(len(raw)), classes.unseen)
    order = np.concatenate([seen, classes.unseen])
    # As --embedding_norm=l2 does, which is the default.
    lengths = np.linalg.norm(raw.astype(np.float64), axis=1, keepdims=True)
    first = _first_similar((raw / lengths)[order])
    sizes = lengths.ravel().tolist()
    for number, similar in zip(order.tolist(), order[first].tolist()):
        size, others = sizes[number], of_direction.setdefault(similar, [])
        near = (o for o in others if abs(size - sizes[o]) <= _NEAR * size)
        same = next(near, number)
        if same == number:
            others.append(number)
        if number == similar:
            continue
        kind, is_same = classes.kinds[number], same != number
        notes.append(
            f"The {kind} class {classes.names[number]} is described as "
            f"{classes.names[same if is_same else similar]} is"
            + ("" if is_same else ", apart from the length of the description")
            + (
                ": nothing can tell them apart"
                if kind == "unseen"
                else ": they cannot be told apart by their description"
            )
            + ("." if is_same else " with --embedding_norm=l2.")
        )
    more = len(notes) - _MOST
    if more > 1:
        notes[_MOST:] = [f"{more} more classes are described as others are."]
    return notes


def _first_similar(rows: np.ndarray) -> np.ndarray:
    """For each row, the first one that is nearly the same, perhaps itself."""
    # Trees and radius searches of SciPy and scikit-learn compare far more
    # pairs in so many dimensions; all products take a hundred times longer.
    direction = np.random.default_rng(0).normal(size=rows.shape[1])
    # No two points are nearer than their shadows on a line.
    shadows = rows @ (direction / np.linalg.norm(direction))
    order = np.argsort(shadows)
    gaps = np.flatnonzero(np.diff(shadows[order]) > _NEAR) + 1
    first = np.arange(len(rows))
    for near in np.split(order, gaps):
        near = np.sort(near)
        while len(near) > 1:
            distances = np.linalg.norm(rows[near] - rows[near[0]], axis=1)
            same = distances <= _NEAR
            first[near[same]] = near[0]
            near = near[~same]
    return first
