"""The encoders that turn words into numbers: one row each.

To add one, write a file with `check` and `encode` as those of `word_vectors`,
and add its row. Nothing here imports TensorFlow, so that bad flags are
answered at once.
"""

import importlib
import os
import pathlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from gmn_tf.utils import hub_presets
from gmn_tf.utils.errors import ended, listed, quoted

WORDS, TEXT_TOWER = "words", "hub"
NAME, TEXT = "{name}", "{text}"  # what a template stands around
_MOST = 3  # examples of a note


class Options(NamedTuple):
    """How an encoder is used; each kind reads those that it knows.

    Attributes:
        templates: sentences with `{name}` and, perhaps, `{text}`; the
            description is the mean over them. Without any, those of the kind.
        rarity: a in a / (a + p), the weight of a word of probability p; 0 if
            all words weigh the same.
    """

    templates: tuple[str, ...] = ()
    rarity: float = 1e-4


class Note(NamedTuple):
    """What a person should know of some classes; as a text, with examples.

    Attributes:
        summary: what is found, and of how many classes.
        finding: the same as a verb between a class and words.
        details: all classes that it is found of, and words to each; an empty
            text for a class where it is about words alone.
        advice: what to do about it; empty for nothing.
    """

    summary: str
    finding: str
    details: tuple[tuple[str, tuple[str, ...]], ...]
    advice: str = ""

    def __str__(self) -> str:
        examples = [
            f"{quoted(name)} {self.finding} {listed(words, _MOST)}"
            if name and words
            else quoted(name) or listed(words, _MOST)
            for name, words in self.details[:_MOST]
        ]
        examples += ["..."] if len(self.details) > _MOST else []
        shown = "; ".join(examples)
        return f"{ended(f'{self.summary}: {shown}')} {self.advice}".strip()

    @property
    def is_short(self) -> bool:
        """Whether the text has all of it."""
        sizes = [len(words) for _, words in self.details]
        return max(len(sizes), *sizes) <= _MOST


class Description(NamedTuple):
    """Descriptions of classes.

    Attributes:
        values: `[n, da]` float32.
        record: how they were made, for JSON: `describe_alike` describes other
            classes in the same way. `encoder` names the kind, `source` the
            file or preset, `path` where it was, `sha256` its content.
        notes: what a person should know, the most important first.
    """

    values: np.ndarray
    record: dict
    notes: tuple[Note, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """A name for each of the `da` numbers."""
        width = len(str(self.values.shape[1]))
        return tuple(
            f"{self.record['encoder']}_{number:0{width}d}"
            for number in range(1, self.values.shape[1] + 1)
        )


# By kind, the module of this room.
ENCODERS = {WORDS: "word_vectors", TEXT_TOWER: "text_towers"}


def kind_of(source: str | os.PathLike) -> str:
    """The kind of encoder that a flag names: a file, or a preset."""
    return TEXT_TOWER if hub_presets.is_preset(source) else WORDS


def name_of(source: str | os.PathLike) -> str:
    """What a record calls an encoder: its file, or its preset."""
    if hub_presets.is_preset(source):
        return hub_presets.name_of(source)
    return pathlib.PurePath(source).name


def check(source: str | os.PathLike) -> None:
    """Raises InputError for what can be seen without opening the source."""
    _module(kind_of(source)).check(source)


def encode(
    source: str | os.PathLike,
    names: Sequence[str],
    texts: Sequence[str],
    options: Options,
    quiet: bool,
    labels: Sequence[str],
) -> Description:
    """Descriptions of classes by the encoder that `source` names."""
    module = _module(kind_of(source))
    return module.encode(source, names, texts, options, quiet, labels)


def _module(kind: str):
    return importlib.import_module(f"{__package__}.{ENCODERS[kind]}")
