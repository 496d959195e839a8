"""Files of word vectors, in the text formats of GloVe, word2vec and fastText.

A line has a word and its numbers, with spaces between them. word2vec and
fastText put a line with the numbers of words and of dimensions first. A file
may be packed by gzip, whatever it is called. It may have gigabytes: it is read
once from its beginning to its end, and only vectors that are asked for stay in
memory.
"""

import codecs
import collections
import contextlib
import gzip
import hashlib
import os
import shlex
import zlib
from collections.abc import Collection, Iterator
from typing import NamedTuple

import numpy as np
from etils import epath

from gmn_tf.utils import file_kinds
from gmn_tf.utils.errors import InputError, first_line, listed
from gmn_tf.utils.file_signatures import ANY
from gmn_tf.utils.progress import progress

EXPECTED = (
    "word vectors as text, as of GloVe, word2vec and fastText, a word and its "
    "numbers in each line, plain or packed by gzip"
)
_BLOCK = 1 << 20  # bytes that are read at once
_SAMPLE = 200  # lines that tell how many numbers there are
_MOST = 1000  # damaged lines that are listed
_ORDERED = 1000  # words in alphabetical order that are no coincidence
_LONGEST = 1 << 24  # bytes of a line
_LARGEST = float(np.finfo(np.float32).max)
_NAME = "Name a file of word vectors."
_GZIP = b"\x1f\x8b"
_AGAIN = "Get the file again: it was cut off, or changed on its way."
_BINARY = (
    "Convert it to text: python -c 'import sys; from gensim.models import "
    "KeyedVectors as K; K.load_word2vec_format(sys.argv[1], "
    'binary=True).save_word2vec_format(sys.argv[1] + ".txt")\' '
)


class WordVectors(NamedTuple):
    """Vectors of some of the words of a file.

    Attributes:
        vectors: `[dim]` float64, by word.
        ranks: the place of each of these words in the file, from 1.
        dim: how many numbers each word of the file has.
        count: words in the file.
        sha256: of its content, which is the same packed and unpacked.
        again: those of these words that the file has more than once; the
            first line counts.
        is_alphabetical: whether the order says nothing about frequency.
    """

    vectors: dict[str, np.ndarray]
    ranks: dict[str, int]
    dim: int
    count: int
    sha256: str
    again: tuple[str, ...]
    is_alphabetical: bool


def read(
    path: str | os.PathLike, wanted: Collection[str], quiet: bool = True
) -> WordVectors:
    """The vectors of wanted words.

    Args:
        path: of the file.
        wanted: words, as the file writes them.
        quiet: whether to show no progress.

    Raises:
        InputError: for a file that is missing or something else, or lines that
            are damaged, with their numbers.
    """
    path = epath.Path(path).expanduser()
    kind = file_kinds.of(path)
    if kind and ANY in kind.actions and not kind.words.startswith("a gzip"):
        raise _unreadable(path, "", "")
    reader, digest = _Reader(path, wanted), hashlib.sha256()
    rest = b""
    try:
        for block in _blocks(path, quiet):
            digest.update(block)
            *lines, rest = (rest + block).split(b"\n")
            reader.take(lines)
            if len(rest) > _LONGEST:
                raise _unreadable(path, "a line without an end", _NAME)
    except (OSError, EOFError, zlib.error) as error:
        reason = f"{type(error).__name__}: {first_line(error)}"
        action = _AGAIN if path.exists() else "Correct the path."
        raise _unreadable(path, reason, action) from error
    reader.take([rest] if rest.strip() else [])
    return reader.result(digest.hexdigest())


def _blocks(path: epath.Path, quiet: bool) -> Iterator[bytes]:
    """The unpacked content."""
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(path.open("rb"))
        is_packed = file.read(len(_GZIP)) == _GZIP
        file.seek(0)
        stream = gzip.GzipFile(fileobj=file) if is_packed else file
        name, size = f"Reading {path.name}", path.stat().length
        advance = stack.enter_context(
            progress(name, size, quiet, unit="B", leave=False)
        )
        done = 0
        while block := stream.read(_BLOCK):
            advance(file.tell() - done)
            done = file.tell()
            yield block


class _Reader:
    """Takes lines, and keeps the vectors of wanted words."""

    def __init__(self, path: epath.Path, wanted: Collection[str]):
        self._path = path
        self._wanted = {word.encode() for word in wanted}
        self._dim = self._stated = 0
        self._tabs = False
        self._lines = self._words = 0
        self._damaged, self._first, self._again = [], [], {}
        self._vectors, self._ranks = {}, {}

    def take(self, lines: list[bytes]) -> None:
        """Takes the next lines, without their ends."""
        if not self._dim and lines:
            lines = [lines[0].removeprefix(codecs.BOM_UTF8), *lines[1:]]
            self._find_form(lines[:_SAMPLE])
            if self._stated:
                self._lines, lines = 1, lines[1:]
        if len(self._first) < _ORDERED:
            self._first += [line.split(b" ", 1)[0] for line in lines[:_ORDERED]]
        wanted, dim = self._wanted, self._dim
        for line in lines:
            self._lines += 1
            if self._tabs:
                line = line.replace(b"\t", b" ")
            is_wanted = line[: line.find(b" ")] in wanted
            if is_wanted or line.count(b" ") != dim:
                self._take_line(line, is_wanted)
            else:
                self._words += 1

    def _find_form(self, lines: list[bytes]) -> None:
        """How many numbers a word has, and whether a line before says so."""
        self._tabs = any(b"\t" in line for line in lines)
        rows = [line.replace(b"\t", b" ").split() for line in lines]
        stated = rows[0]
        if len(stated) == 2 and all(map(bytes.isdigit, stated)):
            self._stated, rows = int(stated[0]), rows[1:]
        sizes = collections.Counter(len(row) - 1 for row in rows)
        self._dim = sizes.most_common(1)[0][0] if sizes else 0
        example = next((r for r in rows if len(r) == self._dim + 1), [])
        is_binary = self._stated and any(b"\0" in line for line in lines)
        if is_binary or self._dim < 2 or _numbers(example[1:]) is None:
            raise _unreadable(
                self._path,
                "the binary format of word2vec"
                if is_binary
                else f"{lines[0][:60].decode(errors='replace')!r} in line 1",
                _BINARY + shlex.quote(os.fspath(self._path))
                if is_binary
                else _NAME,
            )

    def _take_line(self, line: bytes, is_wanted: bool) -> None:
        """A line with a wanted word, or another number of spaces."""
        line = line.rstrip()
        if not line:
            return
        # The words of some files have spaces: ". . .", "at name@domain.com".
        word, *numbers = line.rsplit(b" ", self._dim)
        vector = _numbers(numbers) if is_wanted else ()
        is_longer = b" " in word and _numbers([word.rsplit(b" ")[-1]])
        if len(numbers) != self._dim or vector is None or is_longer:
            if len(self._damaged) < _MOST:
                self._damaged.append(self._lines)
            return
        self._words += 1
        if word not in self._wanted or not is_wanted:
            return
        text = word.decode()
        if text in self._vectors:
            self._again[text] = None
            return
        self._vectors[text] = np.array(vector)
        self._ranks[text] = self._words

    def result(self, sha256: str) -> WordVectors:
        """What was found; InputError if lines are damaged or missing."""
        if self._damaged:
            count = len(self._damaged)
            raise InputError(
                f"{self._path} has damaged lines.",
                f"a word and {self._dim} finite numbers in each line, as in "
                "most",
                f"{count}{' or more' * (count == _MOST)} other lines: "
                f"{listed(self._damaged)}",
                _AGAIN + " Or remove these lines.",
            )
        if self._stated > self._words or not self._words:
            raise _unreadable(
                self._path,
                f"{self._words} words, where its first line says {self._stated}"
                if self._words
                else "an empty file",
                _AGAIN,
            )
        first = self._first[:_ORDERED]
        return WordVectors(
            self._vectors,
            self._ranks,
            self._dim,
            self._words,
            sha256,
            tuple(self._again),
            len(first) == _ORDERED and first == sorted(first),
        )


def _numbers(texts: list[bytes]) -> list[float] | None:
    """Numbers that float32 can hold; None if there are others, or words."""
    try:
        found = [float(text) for text in texts]
    except ValueError:
        return None
    # Comparing with NaN is false.
    return found if all(abs(one) <= _LARGEST for one in found) else None


def _unreadable(path: epath.Path, received: str, action: str) -> InputError:
    if received:
        return InputError(f"Cannot read {path}.", EXPECTED, received, action)
    return file_kinds.refusal(path, EXPECTED, ANY, received, action)
