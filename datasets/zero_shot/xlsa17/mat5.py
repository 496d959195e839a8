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

from gmn_tf.utils.file_signatures import is_version_5

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
_CELL, _CHAR, _SPARSE, _NUMERIC, _OPAQUE = 1, 4, 5, range(6, 16), 17
_OTHERS = {
    2: "an object of class struct",
    3: "an object of an older class",
    16: "an object of class function_handle",
}
_COMPLEX = 0x800
# A full matrix may have so many numbers for each one that a sparse one stores,
# and so many in any case: more would be a damaged shape.
_SPARSEST, _SMALL = 1000, 2**20


def read(stream: BinaryIO, wanted: tuple[str, ...]) -> tuple[dict, list[str]]:
    """Reads the wanted variables that the file has, from its start.

    Of all others, of whatever class, nothing but the name is read.

    Returns:
        Name to array, as MATLAB shows it: texts, and cells of them, are object
        arrays of one dimension, a sparse matrix is full, and anything else is
        replaced by words that name it; and the names of all variables.

    Raises:
        ValueError, zlib.error, MemoryError: for a damaged file.
    """
    header = stream.read(HEADER)
    if not is_version_5(header):
        raise ValueError("no header of a MATLAB file")
    order = "<" if header.endswith(b"IM") else ">"
    content, names = {}, []
    while tag := stream.read(_TAG):
        if len(tag) < _TAG:
            raise ValueError("it ends in a tag")
        kind, size = struct.unpack(order + "2I", tag)
        part = stream.read(size)
        if len(part) < size:
            raise ValueError("it ends in a variable")
        if kind == _COMPRESSED:
            start = zlib.decompressobj().decompress(part, _NAME_WITHIN)
            name = _name(memoryview(start)[_TAG:], order)
            if name not in wanted:
                names.append(name)
                continue
            kind, part = _decompressed(part, order)
        if kind != _MATRIX:
            raise ValueError(f"no variable, but a part of type {kind}")
        name = _name(memoryview(part), order)
        if name in content:
            raise ValueError(f"{name} is there twice")
        if name in wanted:
            content[name] = _value(memoryview(part), order)
        names.append(name)
    # Without a name is what MATLAB keeps for its objects.
    return content, [name for name in names if name]


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


def _class(view: memoryview, order: str) -> tuple[int, bool, memoryview]:
    """Class of a variable, whether it is complex, and the rest."""
    kind, flags, rest = _element(view, order)
    if (kind, len(flags)) != (6, 8):
        raise ValueError("a variable without a class")
    flags = struct.unpack_from(order + "I", flags)[0]
    return flags & 0xFF, bool(flags & _COMPLEX), rest


def _text_of(view: memoryview, order: str) -> tuple[str, memoryview]:
    """A name of a variable or of a class, and the rest."""
    kind, name, rest = _element(view, order)
    # Some programs store names as UTF-8.
    if kind not in _BYTES:
        raise ValueError("a variable without a name")
    return bytes(name).decode("latin-1"), rest


def _name(view: memoryview, order: str) -> str:
    """The name of a variable of any class."""
    kind, _, rest = _class(view, order)
    if kind == _OPAQUE:  # such an object has no shape
        return _text_of(rest, order)[0]
    return _head(view, order)[3]


def _head(view: memoryview, order: str):
    """Class, whether complex, shape and name of a variable, and the rest."""
    matlab_class, is_complex, rest = _class(view, order)
    kind, shape, rest = _element(rest, order)
    # Some programs store signed numbers as unsigned.
    if kind not in (5, 6) or len(shape) % 4:
        raise ValueError("a variable without a shape")
    shape = np.frombuffer(shape, order + "i4").tolist()
    if len(shape) < 2 or min(shape) < 0:
        raise ValueError("a variable without a shape")
    name, rest = _text_of(rest, order)
    return matlab_class, is_complex, shape, name, rest


def _value(view: memoryview, order: str):
    matlab_class, _, rest = _class(view, order)
    if matlab_class == _OPAQUE:
        _, rest = _text_of(rest, order)
        _, rest = _text_of(rest, order)
        return f"an object of class {_text_of(rest, order)[0]}"
    kind, is_complex, shape, _, rest = _head(view, order)
    if kind == _CELL:
        return _cells(rest, order, math.prod(shape))
    if kind == _CHAR:
        return np.array(_texts(rest, order, shape), object)
    if kind == _SPARSE:
        return _sparse(rest, order, shape, is_complex)
    if kind not in _NUMERIC:
        return _OTHERS.get(kind, f"something of class {kind}")
    numbers, rest = _numbers(rest, order)
    if is_complex:
        imaginary, rest = _numbers(rest, order)
        if imaginary.any():
            return "complex numbers"
    if rest:
        raise ValueError("a matrix that is not one of numbers alone")
    return numbers.reshape(shape, order="F")


def _numbers(view: memoryview, order: str) -> tuple[np.ndarray, memoryview]:
    """The numbers of an element, and what follows it."""
    kind, numbers, rest = _element(view, order)
    if kind not in _NUMBERS:
        raise ValueError("a matrix that is not one of numbers")
    numbers = np.frombuffer(numbers, order + _NUMBERS[kind])
    # Native order, whatever the machine that wrote the file.
    return numbers.astype(_NUMBERS[kind], copy=False), rest


def _sparse(view: memoryview, order: str, shape: list[int], is_complex: bool):
    """The full matrix: rows of the numbers, where columns start, numbers."""
    rows, view = _numbers(view, order)
    starts, view = _numbers(view, order)
    values, view = _numbers(view, order)
    if is_complex and _numbers(view, order)[0].any():
        return "complex numbers"
    return full(shape, rows, starts, values)


def full(shape: list[int], rows, starts, values) -> np.ndarray:
    """The full matrix of a sparse one of MATLAB.

    Args:
        shape: of the matrix.
        rows: row of each number, from 0.
        starts: place of the first number of each column, and of the end.
        values: the numbers.

    Raises:
        ValueError: if these do not fit.
    """
    starts = starts.astype(np.int64)
    count = int(starts[-1]) if len(starts) else -1
    if (
        len(shape) != 2
        or len(starts) != shape[1] + 1
        or starts[0]
        or (np.diff(starts) < 0).any()
        or count > min(len(rows), len(values))
        or math.prod(shape) > _SPARSEST * count + _SMALL
    ):
        raise ValueError("a sparse matrix that is damaged")
    rows = rows[:count].astype(np.int64)
    if count and not 0 <= rows.min() <= rows.max() < shape[0]:
        raise ValueError("a sparse matrix that is damaged")
    matrix = np.zeros(shape, values.dtype)
    columns = np.repeat(np.arange(shape[1]), np.diff(starts))
    matrix[rows, columns] = values[:count]
    return matrix


def _cells(view: memoryview, order: str, count: int):
    """The text of each cell."""
    texts = []
    for _ in range(count):
        kind, cell, view = _element(view, order)
        if kind != _MATRIX:
            raise ValueError("a cell that is not a variable")
        text = _cell(cell, order)
        if text is None:
            return "cells of other things than texts"
        texts.append(text)
    if view:
        raise ValueError("more cells than there should be")
    return np.array(texts, object)


def _cell(cell: memoryview, order: str, inside: bool = False) -> str | None:
    """The text of a cell, perhaps in a cell inside it; None for no text."""
    if not cell:  # how an empty one is written
        return ""
    if _class(cell, order)[0] == _OPAQUE:
        return None
    kind, _, shape, _, rest = _head(cell, order)
    if kind == _CHAR:
        return "".join(_texts(rest, order, shape))
    if kind == _CELL and math.prod(shape) == 1 and not inside:
        kind, cell, _ = _element(rest, order)
        return _cell(cell, order, inside=True) if kind == _MATRIX else None
    # [] in place of ''.
    return "" if kind in _NUMERIC and not math.prod(shape) else None


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
