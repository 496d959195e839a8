"""What a file is that cannot be read as what it should be.

Files keep their name when they become something else: a web page instead of a
download, a pointer instead of a large file, the format of another program.
"""

import contextlib
import os
import shlex
import zipfile
import zlib

from etils import epath

from gmn_tf.utils import file_signatures, texts
from gmn_tf.utils.errors import InputError
from gmn_tf.utils.file_signatures import ANY, START, FileKind


def recognise(start: bytes) -> FileKind | None:
    """The kind of file that starts with these bytes; None if unknown."""
    for mark, kind in file_signatures.KINDS:
        if start.startswith(mark) if isinstance(mark, bytes) else mark(start):
            return kind
    return None


def of(path: epath.Path) -> FileKind | None:
    """The kind of a file; None if it is unknown, or cannot be opened."""
    with contextlib.suppress(OSError), path.open("rb") as stream:
        start = stream.read(START)
        kind = recognise(start)
        if kind is file_signatures.ZIP:
            return _of_zip(path)
        if start.startswith(b"\x1f\x8b"):
            return _of_gzip(start, kind)
        return kind
    return None


def refusal(
    path: epath.Path, expected: str, wanted: str, received: str, action: str
) -> InputError:
    """The error for a file that cannot be read: what it is instead.

    Args:
        path: of the file.
        expected: what it should be, for the message.
        wanted: the same, as `MAT`, `NPY`, ... of `file_signatures`.
        received: what reading it ended in, if its kind does not tell more.
        action: what to do then.
    """
    kind = of(path)
    if advice := _advice(path, kind, wanted):
        received, action = kind.words, advice
    return InputError(f"Cannot read {path}.", expected, received, action)


def _advice(path: epath.Path, kind: FileKind | None, wanted: str) -> str:
    """What to do with a file of this kind, if anything is known."""
    if kind is None:
        return ""
    advice = kind.actions.get(wanted, kind.actions.get(ANY, ""))
    name = os.fspath(path)
    in_octave = name.replace("'", "''")
    octave = f"load('{in_octave}'); save('-v7', '{in_octave}')"
    is_plain = not set(name) & set("\"'$`\\!")
    commands = {
        "{path}": shlex.quote(name),
        "{octave}": f'"{octave}"' if is_plain else shlex.quote(octave),
    }
    # Not str.format: commands have braces of their own.
    for place, text in commands.items():
        advice = advice.replace(place, text)
    return advice


def instead(folder: epath.Path, stem: str, wanted: str) -> tuple[str, str]:
    """A file of this name with another ending, and what to do with it.

    Args:
        folder: to look in.
        stem: the name without its ending, in any case.
        wanted: what the file should be, as for `refusal`.

    Returns:
        Its name, and advice; two empty texts if there is none.
    """
    for path in sorted(folder.iterdir()):
        if path.is_dir() or texts.folded(path.stem) != stem:
            continue
        advice = _advice(path, of(path), wanted)
        return path.name, advice or "Rename it."
    return "", ""


def _of_zip(path: epath.Path) -> FileKind:
    """An archive, or one of the formats that are archives."""
    names = []
    # zipfile raises almost anything for a damaged one.
    with contextlib.suppress(Exception), path.open("rb") as stream:
        names = zipfile.ZipFile(stream).namelist()
    for ending, kind in file_signatures.ZIPS:
        if any(name.endswith(ending) for name in names):
            return kind
    return file_signatures.ZIP if names else file_signatures.DAMAGED_ZIP


def _of_gzip(start: bytes, kind: FileKind) -> FileKind:
    """The kind, with that of what is packed, if it is known."""
    with contextlib.suppress(zlib.error):
        inner = recognise(zlib.decompressobj(31).decompress(start, START))
        if inner:
            return FileKind(f"{kind.words} of {inner.words}", kind.actions)
    return kind
