"""Descriptions as the mean of word vectors, rare words weighted up.

    a_k = sum over words of w v / sum of w,  w = a / (a + p)

(Arora et al., ICLR 2017, without their last step, which `standard` of
--embedding_norm replaces). Files of vectors have no frequencies, but their
order: by Zipf's law, the word at place r of n has p = 1 / (r (ln n + 0.577)).
"""

import os
from collections.abc import Mapping, Sequence

import numpy as np
from etils import epath

from gmn_tf.descriptions import vector_files, word_forms
from gmn_tf.descriptions.encoder_table import (
    NAME,
    TEXT,
    Description,
    Note,
    Options,
    Words,
)
from gmn_tf.descriptions.word_forms import Match
from gmn_tf.utils.errors import InputError, counted, quoted

TEMPLATES = (f"{NAME} {TEXT}",)
_MOST = 50  # classes that an error names


def check(source: str | os.PathLike) -> None:
    """Raises InputError if there is no such file."""
    path = os.path.expanduser(os.fspath(source))
    if not os.path.isfile(path):
        raise InputError(
            f"There is no encoder {source}.",
            f"{vector_files.EXPECTED}; or hub:PRESET",
            "a folder without config.json"
            if os.path.isdir(path)
            else "no such file",
            "Correct --encoder.",
        )


def encode(
    source: str | os.PathLike, words: Words, options: Options, quiet: bool
) -> Description:
    """Descriptions of classes from a file of word vectors.

    Args:
        source: the file.
        words: about the classes.
        options: the rarity is read.
        quiet: whether to show no progress.

    Raises:
        InputError: for a file that cannot be read, or classes of which no word
            has a vector.
    """
    labels = words.labels
    of_classes = [
        [word for sentence in about for word in word_forms.words(sentence)]
        for about in zip(*words.sentences)
    ]
    wanted = set().union(
        *map(word_forms.wanted, {w for one in of_classes for w in one})
    )
    found = vector_files.read(source, wanted, quiet)
    if options.rarity and found.is_alphabetical:
        raise InputError(
            f"The words of {source} are in alphabetical order.",
            "the most frequent words first, to weigh words by their rarity",
            "an order that says nothing about frequency",
            "Let all words weigh the same, with --rarity=0.",
        )
    matches = [
        [word_forms.match(word, found.ranks) for word in one]
        for one in of_classes
    ]
    _check_known(source, labels, of_classes, matches)
    values = [
        _mean([u for m in one for u in m.used], found, options.rarity)
        for one in matches
    ]
    path = epath.Path(source).expanduser()
    record = {
        "source": path.name,
        "path": os.path.abspath(path),
        "sha256": found.sha256,
        "words": found.count,
        "rarity": float(options.rarity),
    }
    own = [*map(word_forms.words, words.names)]
    notes = (*_notes(labels, own, matches, found.ranks), *_notes_on_file(found))
    return Description(np.array(values, np.float32), record, notes)


def _mean(words: Sequence[str], found, rarity: float) -> np.ndarray:
    """The weighted mean of vectors, `[dim]`."""
    ranks = np.array([found.ranks[word] for word in words], float)
    probability = 1.0 / (ranks * (np.log(found.count) + np.euler_gamma))
    weights = rarity / (rarity + probability) if rarity else np.ones(len(words))
    vectors = np.array([found.vectors[word] for word in words])
    return weights @ vectors / weights.sum()


def _check_known(source, labels, words, matches) -> None:
    """Raises InputError for classes of which nothing is known."""
    unknown = {
        label: one
        for label, one, found in zip(labels, words, matches)
        if not any(match.used for match in found)
    }
    if unknown:
        raise InputError(
            f"{counted(len(unknown), 'class has', 'classes have')} no word "
            f"with a vector in {source}.",
            "at least one known word for every class",
            "; ".join(
                f"{quoted(label)} ({', '.join(one) or 'no word at all'})"
                for label, one in list(unknown.items())[:_MOST]
            )
            + "; ..." * (len(unknown) > _MOST),
            "Describe these classes by other words, in a column `text` of "
            "--classes or --texts, or take a larger file of word vectors.",
        )


def _notes(
    labels: Sequence[str],
    own: Sequence[list[str]],
    matches: Sequence[list[Match]],
    ranks: Mapping[str, int],
) -> list[Note]:
    """What was not found, and what was used instead, by class.

    Args:
        labels: of the classes.
        own: the words of the name of each.
        matches: of all its words.
        ranks: of words with a vector; the rarest say most.
    """
    by_others, lacking, changed = [], [], []
    for label, name, found in zip(labels, own, matches):
        name = [*filter(_says_something, name)] or name
        known = dict.fromkeys(used for match in found for used in match.used)
        if not any(match.used for match in found if match.word in name):
            rarest = sorted(known, key=ranks.get, reverse=True)
            by_others.append((label, tuple(rarest)))
        different = {
            match.word: match.used
            for match in found
            if not match.is_same and _says_something(match.word)
        }
        lacking.append((label, tuple(w for w, u in different.items() if not u)))
        forms = [f"{w} as {' + '.join(u)}" for w, u in different.items() if u]
        changed.append((label, tuple(forms)))
    # Names that are known first: of the others, more is said before.
    others = dict(by_others)
    lacking.sort(key=lambda detail: detail[0] in others)
    found = (
        (
            "no known word in the name; other words alone describe such a "
            "class",
            "is described by",
            by_others,
            "Check what these words say.",
        ),
        ("words without a vector, which are left out", "lacks", lacking, ""),
        ("words that are read in another form", "reads", changed, ""),
    )
    notes = []
    for text, finding, details, advice in found:
        some = [detail for detail in details if detail[1]]
        share = f"{len(some)} of {counted(len(labels), 'class', 'classes')}"
        text = f"{share} {'has' if len(some) == 1 else 'have'} {text}"
        notes += [Note(text, finding, tuple(some), advice)] if some else []
    return notes


def _says_something(word: str) -> bool:
    """Whether it is more than a single letter; of other scripts, these are."""
    return len(word) > 1 or not word.isascii()


def _notes_on_file(found: vector_files.WordVectors) -> list[Note]:
    if not found.again:
        return []
    count = counted(len(found.again), "word has", "words have")
    return [
        Note(
            f"{count} several lines in the file, of which the first counts",
            "several lines in the file",
            (("", found.again),),
        )
    ]
