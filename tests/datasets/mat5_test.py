"""The reader of MATLAB files reads what scipy writes, and trusts no length."""

import io
import struct
import zlib

import numpy as np
import pytest
import scipy.io

from gmn_tf_datasets.zero_shot.xlsa17 import mat5

KINDS = ("u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8")


def _file(variables: dict, compressed: bool = False) -> bytes:
    stream = io.BytesIO()
    scipy.io.savemat(stream, variables, do_compression=compressed)
    return stream.getvalue()


def _read(content: bytes, *wanted: str) -> dict:
    return mat5.read(io.BytesIO(content), wanted)[0]


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_matrices_of_every_kind(kind, compressed):
    matrix = np.arange(12).reshape(3, 4).astype(kind)
    content = _file({"a": matrix, "skipped": matrix}, compressed)
    found = _read(content, "a", "absent")
    assert list(found) == ["a"]
    assert found["a"].dtype == matrix.dtype
    np.testing.assert_array_equal(found["a"], matrix)


@pytest.mark.parametrize("compressed", [False, True])
def test_texts(compressed):
    content = _file(
        {
            "cells": np.array([["ant", "bée"], ["", "d" * 99]], object),
            "text": "a text",
            "rows": np.array(["ab ", "cde"]),
            "none": np.zeros((0, 1), object),
        },
        compressed,
    )
    found = _read(content, "cells", "text", "rows", "none")
    # MATLAB counts down the columns.
    assert found["cells"].tolist() == ["ant", "", "bée", "d" * 99]
    assert found["text"].tolist() == ["a text"]
    assert found["rows"].tolist() == ["ab ", "cde"]
    assert found["none"].tolist() == []


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (np.eye(2) * 1j, "complex"),
        ({"x": 1}, "struct"),
        (np.array([[np.eye(2), "a"]], object), "other things than texts"),
    ],
)
def test_what_is_no_matrix_of_numbers_is_named(value, words):
    assert words in _read(_file({"a": value}), "a")["a"]


def _big_endian(matrix: np.ndarray) -> bytes:
    """A file as a machine of the other byte order writes it."""

    def element(kind, content):
        padding = bytes(-len(content) % 8)
        return struct.pack(">2I", kind, len(content)) + content + padding

    variable = b"".join(
        [
            element(6, struct.pack(">2I", 6, 0)),
            element(5, struct.pack(">2i", *matrix.shape)),
            struct.pack(">2H", 1, 1) + b"a\0\0\0",  # a small element
            element(9, matrix.T.astype(">f8").tobytes()),
        ]
    )
    header = b"MATLAB 5.0".ljust(124) + b"\x01\x00MI"
    return header + element(14, variable)


def test_the_other_byte_order():
    matrix = np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(_read(_big_endian(matrix), "a")["a"], matrix)


@pytest.mark.parametrize("compressed", [False, True])
def test_no_cut_is_read_as_something_else(compressed):
    matrix = np.arange(12.0).reshape(3, 4)
    content = _file({"a": matrix, "b": matrix}, compressed)
    whole = 0
    for kept in range(len(content)):
        try:
            found = _read(content[:kept], "a", "b")
        except (ValueError, zlib.error):
            continue
        # A file that is cut at the end of a variable looks like a shorter one.
        whole += 1
        for name in found:
            np.testing.assert_array_equal(found[name], matrix)
    assert whole == 2


def test_no_damage_passes_a_checksum():
    matrix = np.arange(12.0).reshape(3, 4)
    content = _file({"a": matrix}, compressed=True)
    for place in range(128, len(content)):
        for change in (1, 128, 255):
            spoilt = bytearray(content)
            spoilt[place] ^= change
            try:
                found = _read(bytes(spoilt), "a")["a"]
            except (ValueError, zlib.error, KeyError):
                continue
            # Some bits that fill up the last byte mean nothing.
            np.testing.assert_array_equal(found, matrix)


@pytest.mark.parametrize("size", [0, 3, 2**16, 2**31 - 1, 2**32 - 1])
@pytest.mark.parametrize("place", range(128, 200, 4))
def test_no_length_is_trusted(place, size):
    content = bytearray(_file({"a": np.arange(12.0).reshape(3, 4)}))
    content[place : place + 4] = struct.pack("<I", size)
    try:
        found = _read(bytes(content), "a").get("a", "")
    except ValueError:
        return
    assert isinstance(found, str | np.ndarray)


def test_a_variable_that_is_there_twice():
    content = _file({"a": np.eye(2)})
    with pytest.raises(ValueError, match="twice"):
        _read(content + content[128:], "a")
