"""The encoders that turn words into numbers: one row each.

To add one, write a file with `TEMPLATES`, `check` and `encode` as those of
`word_vectors`, and add its row. Nothing here imports TensorFlow, so that bad
flags are answered at once.
"""

import importlib
import os
import pathlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from gmn_tf.descriptions import word_forms
from gmn_tf.utils import hub_presets
from gmn_tf.utils.errors import ended, listed, quoted
from gmn_tf.version import __version__

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


class Words(NamedTuple):
    """What an encoder reads about `n` classes.

    Attributes:
        names: as a person would write them.
        sentences: of each template, one about each class.
        labels: what notes and errors call the classes.
    """

    names: list[str]
    sentences: list[list[str]]
    labels: Sequence[str]


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
    """Descriptions of classes by the encoder that `source` names.

    Args:
        source: a file or preset.
        names: of `n` classes, as they are.
        texts: a free text about each, perhaps empty.
        options: how the encoder is used.
        quiet: whether to show no progress.
        labels: what notes and errors call the classes.

    Raises:
        InputError: for an encoder that cannot be used, or classes of which it
            knows nothing.
    """
    kind = kind_of(source)
    module = _module(kind)
    module.check(source)
    templates = options.templates or module.TEMPLATES
    readable = [*map(word_forms.readable, names)]
    sentences = [
        [
            " ".join(template.replace(NAME, n).replace(TEXT, t).split())
            for n, t in zip(readable, texts)
        ]
        for template in templates
    ]
    words = Words(readable, sentences, labels)
    found = module.encode(source, words, options, quiet)
    record = {
        "encoder": kind,
        **found.record,
        "dim": found.values.shape[1],
        "templates": list(templates),
        "version": __version__,
    }
    return found._replace(record=record)


def _module(kind: str):
    return importlib.import_module(f"{__package__}.{ENCODERS[kind]}")
