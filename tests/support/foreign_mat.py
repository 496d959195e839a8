"""Variables of a .mat file that nobody asked for, of MATLAB's other classes.

scipy writes some of them; those of MATLAB's own objects are put together here,
as far as a reader sees them.
"""

import struct

import h5py
import numpy as np
import scipy.sparse

# Classes of MATLAB that version 5 keeps as opaque objects.
OPAQUE = (
    *("string", "table", "datetime", "categorical", "containers.Map"),
    *("duration", "java.util.HashMap", "timetable"),
)
# What scipy can write, by name.
WRITABLE = {
    "a_struct": {"x": 1, "y": {"z": np.eye(2)}},
    "structs": np.array([(1.0, "a")], [("x", "O"), ("y", "O")]),
    "cells": np.array([np.eye(2), "a", {"b": 1}], object),
    "nested": np.array([np.array(["a", 1], object)], object),
    "sparse": scipy.sparse.csc_matrix(np.eye(3)),
    "complex": np.eye(2) * 1j,
    "volume": np.ones((2, 3, 4)),
    "text": "a text",
    "logical": np.array([True, False]),
    "nothing": np.zeros((0, 0)),
}


def _element(kind: int, content: bytes) -> bytes:
    padding = bytes(-len(content) % 8)
    return struct.pack("<2I", kind, len(content)) + content + padding


def _flags(of_class: int) -> bytes:
    return _element(6, struct.pack("<2I", of_class, 0))


def opaque(name: str, of_class: str) -> bytes:
    """An object of version 5: a variable without a shape."""
    system = b"java" if of_class.startswith("java") else b"MCOS"
    data = _flags(13) + _element(5, struct.pack("<2i", 6, 1)) + _element(1, b"")
    data += _element(6, struct.pack("<6I", 0xDD000000, 2, 1, 1, 1, 1))
    parts = (name.encode(), system, of_class.encode())
    content = _flags(17) + b"".join(_element(1, part) for part in parts)
    return _element(14, content + _element(14, data))


def function_handle(name: str) -> bytes:
    """A function of version 5: its class, a shape, and a struct."""
    inside = _flags(2) + _element(5, struct.pack("<2i", 1, 1))
    inside += _element(1, b"") + _element(5, struct.pack("<i", 1))
    inside += _element(1, b"")
    content = _flags(16) + _element(5, struct.pack("<2i", 1, 1))
    content += _element(1, name.encode()) + _element(14, inside)
    return _element(14, content)


def subsystem() -> bytes:
    """What MATLAB keeps for its objects, at the end of a file: no name."""
    content = _flags(9) + _element(5, struct.pack("<2i", 1, 8))
    return _element(14, content + _element(1, b"") + _element(2, bytes(8)))


def write_hdf5(file: h5py.File, of_class: str, name: str) -> None:
    """An object of version 7.3 as a variable `name`."""
    data = np.array([[0xDD000000], [2], [1], [1], [1], [1]], np.uint32)
    file[name] = data
    file[name].attrs["MATLAB_class"] = np.bytes_(of_class)
    file[name].attrs["MATLAB_object_decode"] = np.int32(3)
    file.require_group("#subsystem#").attrs["x"] = 1
