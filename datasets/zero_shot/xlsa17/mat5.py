"""MATLAB files of version 5, read with every length in them checked.

`scipy.io.loadmat` reads them too, but its compiled code trusts the lengths
that a file gives: a damaged one can crash the whole process. (Of 2690 damaged
files, 35 ended it with a segmentation fault or a bus error.)
"""

import math
import struct
import zlib
from typing import BinaryIO

import numpy as np

HEADER = 128  # bytes
_TAG = 8
_NAME_WITHIN = 1024  # bytes from the start of a variable, its name among them
_MATRIX, _COMPRESSED = 14, 15
# Storage of numbers and of characters, by its number in a tag.
_NUMBERS = dict(enumerate(("i1", "u1", "i2", "u2", "i4", "u4", "f4"), start=1))
_NUMBERS |= {9: "f8", 12: "i8", 13: "u8"}
_BYTES = {1: "latin-1", 2: "latin-1", 16: "utf-8"}
# The wide ones with the byte order of the file, `l` or `b`.
_ENCODINGS = _BYTES | {4: "utf-16-{}e", 17: "utf-16-{}e", 18: "utf-32-{}e"}
# Classes of MATLAB, by their number in a variable.
_CELL, _CHAR, _NUMERIC = 1, 4, range(6, 16)
_OTHERS = {2: "a struct", 3: "an object", 5: "a sparse matrix"}
_COMPLEX = 0x800


def is_version_5(start: bytes) -> bool:
    """Whether a file that starts like this is of version 5, not 7.3."""
    return start[124:HEADER] in (b"\x00\x01IM", b"\x01\x00MI")


def read(stream: BinaryIO, wanted: tuple[str, ...]) -> dict:
    """Reads the wanted variables that the file has, from its start.

    Returns:
        Name to array, as MATLAB shows it. Texts, and cells of them, are object
        arrays of one dimension; anything else is replaced by words that name
        it.

    Raises:
        ValueError, zlib.error, MemoryError: for a damaged file.
    """
    header = stream.read(HEADER)
    if not is_version_5(header):
        raise ValueError("no header of a MATLAB file")
    order = "<" if header.endswith(b"IM") else ">"
    content = {}
    while tag := stream.read(_TAG):
        if len(tag) < _TAG:
            raise ValueError("it ends in a tag")
        kind, size = struct.unpack(order + "2I", tag)
        part = stream.read(size)
        if len(part) < size:
            raise ValueError("it ends in a variable")
        if kind == _COMPRESSED:
            start = zlib.decompressobj().decompress(part, _NAME_WITHIN)
            if _head(memoryview(start)[_TAG:], order)[3] not in wanted:
                continue
            kind, part = _decompressed(part, order)
        if kind != _MATRIX:
            raise ValueError(f"no variable, but a part of type {kind}")
        name = _head(memoryview(part), order)[3]
        if name in content:
            raise ValueError(f"{name} is there twice")
        if name in wanted:
            content[name] = _value(memoryview(part), order)
    return content


def _decompressed(part: bytes, order: str) -> tuple[int, memoryview]:
    """Type and content of the only element in a compressed part."""
    decompress = zlib.decompressobj()
    result = memoryview(decompress.decompress(part))
    # Only at the end of its stream has zlib compared the checksum.
    if not decompress.eof or decompress.unused_data:
        raise ValueError("a compressed part does not end where it should")
    kind, content, rest = _element(result, order)
    if rest:
        raise ValueError("more than one variable in a compressed part")
    return kind, content


def _element(view: memoryview, order: str):
    """Type and content of the first element, and what follows it."""
    if len(view) < _TAG:
        raise ValueError("a variable ends in a tag")
    kind, size = struct.unpack_from(order + "2I", view)
    start, stop = _TAG, _TAG + -(-size // 8) * 8
    if kind >> 16:  # up to four bytes that stand in the tag itself
        kind, size, start, stop = kind & 0xFFFF, kind >> 16, 4, _TAG
    if start + size > min(len(view), max(stop, _TAG)):
        raise ValueError("a part is longer than what it is in")
    return kind, view[start : start + size], view[stop:]


def _head(view: memoryview, order: str):
    """Class, whether complex, shape and name of a variable, and the rest."""
    kind, flags, rest = _element(view, order)
    if (kind, len(flags)) != (6, 8):
        raise ValueError("a variable without a class")
    flags = struct.unpack_from(order + "I", flags)[0]
    kind, shape, rest = _element(rest, order)
    shape = np.frombuffer(shape, order + "i4").tolist()
    # Some programs store signed numbers as unsigned, and names as UTF-8.
    if kind not in (5, 6) or len(shape) < 2 or min(shape) < 0:
        raise ValueError("a variable without a shape")
    kind, name, rest = _element(rest, order)
    if kind not in _BYTES:
        raise ValueError("a variable without a name")
    name = bytes(name).decode("latin-1")
    return flags & 0xFF, bool(flags & _COMPLEX), shape, name, rest


def _value(view: memoryview, order: str):
    kind, is_complex, shape, _, rest = _head(view, order)
    if kind == _CELL:
        return _cells(rest, order, math.prod(shape))
    if kind == _CHAR:
        return np.array(_texts(rest, order, shape), object)
    if is_complex:
        return "complex numbers"
    if kind not in _NUMERIC:
        return _OTHERS.get(kind, f"something of class {kind}")
    kind, numbers, rest = _element(rest, order)
    if kind not in _NUMBERS or rest:
        raise ValueError("a matrix that is not one of numbers alone")
    numbers = np.frombuffer(numbers, order + _NUMBERS[kind])
    # Native order, whatever the machine that wrote the file.
    return numbers.astype(_NUMBERS[kind], copy=False).reshape(shape, order="F")


def _cells(view: memoryview, order: str, count: int):
    texts = []
    for _ in range(count):
        kind, cell, view = _element(view, order)
        if kind != _MATRIX:
            raise ValueError("a cell that is not a variable")
        if not cell:  # how an empty one is written
            texts.append("")
            continue
        kind, _, shape, _, rest = _head(cell, order)
        if kind != _CHAR:
            return "cells of other things than texts"
        texts.append("".join(_texts(rest, order, shape)))
    if view:
        raise ValueError("more cells than there should be")
    return np.array(texts, object)


def _texts(view: memoryview, order: str, shape: list[int]) -> list[str]:
    """The rows of a matrix of characters."""
    if not math.prod(shape):
        return []
    kind, letters, rest = _element(view, order)
    if kind not in _ENCODINGS:
        raise ValueError(f"text of type {kind}")
    encoding = _ENCODINGS[kind].format("l" if order == "<" else "b")
    text = bytes(letters).decode(encoding)
    if rest or (len(text) != math.prod(shape) and shape[0] != 1):
        raise ValueError("a text of another length than it should have")
    return [text[row :: shape[0]] for row in range(shape[0])]
