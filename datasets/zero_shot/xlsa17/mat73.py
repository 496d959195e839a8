"""MATLAB files of version 7.3: HDF5, as MATLAB, h5py and others write it."""

import h5py
import numpy as np
from etils import epath

from gmn_tf_datasets.zero_shot.xlsa17 import mat5
from gmn_tf_datasets.zero_shot.xlsa17.on_disk_matrix import OnDiskMatrix

IN_MEMORY = 2**30  # Bytes: smaller matrices are read whole, which is faster.
_CLASSES = ("double", "single", "logical", "char", "cell")
_TEXT = "<u2"  # how MATLAB keeps a letter


def read(
    path: epath.Path, file: h5py.File, wanted: tuple[str, ...]
) -> tuple[dict, list[str]]:
    """Reads the wanted variables that the file has, as they are stored.

    Of all others, of whatever class, nothing but the name is read.

    Returns:
        Name to array, as MATLAB shows it, to a list of texts that `texts`
        decodes, or to words that name anything else; and the names of all.

    Raises:
        Exception: for a damaged file, almost any.
    """
    names = [name for name in file if not name.startswith("#")]
    return {
        name: _value(path, name, file) for name in wanted if name in names
    }, names


def _value(path: epath.Path, name: str, file: h5py.File):
    variable = file[name]
    kind = _matlab_class(variable)
    if not isinstance(variable, h5py.Dataset):
        return _of_group(variable, kind)
    if "MATLAB_empty" in variable.attrs:  # then it holds its own shape
        is_text = kind in ("char", "cell")
        return [] if is_text else np.zeros(variable[()])
    if kind and kind not in _CLASSES and "int" not in kind:
        return f"an object of class {kind}"
    if h5py.check_ref_dtype(variable.dtype) is not None:
        cells = [_cell(file, one) for one in variable[()].ravel()]
        if any(one is None for one in cells):
            return "cells of other things than texts"
        return cells
    if kind == "char":
        return [*np.atleast_2d(variable[()].T)]
    if h5py.check_string_dtype(variable.dtype) is not None:
        return [*np.atleast_1d(variable[()]).ravel()]
    if variable.dtype.names:
        return _of_records(variable)
    if variable.ndim == 2 and variable.nbytes > IN_MEMORY:
        return OnDiskMatrix(path, name)
    return variable[()].T  # MATLAB writes its columns as rows of HDF5.


def _matlab_class(variable) -> str:
    kind = variable.attrs.get("MATLAB_class", b"")
    return kind.decode("latin-1") if isinstance(kind, bytes) else str(kind)


def _of_group(group: h5py.Group, kind: str):
    """A sparse matrix as a full one, one of Octave; words for another."""
    if "MATLAB_sparse" in group.attrs:
        starts = group["jc"][()]
        shape = [int(group.attrs["MATLAB_sparse"]), len(starts) - 1]
        stored = {
            part: group[part][()] if part in group else np.zeros(0)
            for part in ("ir", "data")
        }
        rows, values = stored["ir"], stored["data"]
        if values.dtype.names:
            return "complex numbers"
        return mat5.full(shape, rows, starts, values)
    # Octave's `save -hdf5`.
    if {"type", "value"} <= set(group) and isinstance(
        group["value"], h5py.Dataset
    ):
        return group["value"][()].T
    return f"an object of class {kind or 'struct'}"


def _of_records(variable: h5py.Dataset):
    if variable.dtype.names != ("real", "imag"):
        return "a table (an HDF5 compound type)"
    values = variable[()].T
    return "complex numbers" if values["imag"].any() else values["real"]


def _cell(file: h5py.File, reference: h5py.Reference):
    """The letters or the text of a cell, perhaps in a cell inside it."""
    for _ in range(2):
        if not reference:
            return b""
        cell = file[reference]
        if not isinstance(cell, h5py.Dataset):
            return None
        if "MATLAB_empty" in cell.attrs:
            return b""
        if h5py.check_string_dtype(cell.dtype) is not None and cell.size == 1:
            return cell[()].ravel()[0] if cell.ndim else cell[()]
        if h5py.check_ref_dtype(cell.dtype) is None:
            is_text = _matlab_class(cell) in ("", "char")
            is_text = is_text and cell.dtype.kind in "iu"
            return cell[()] if is_text else None
        if cell.size != 1:
            return None
        reference = cell[()].ravel()[0]
    return None


def text(stored: bytes | str | np.ndarray) -> str:
    """The text of what is stored: codes of its letters, or UTF-8.

    Raises:
        TypeError, ValueError: for what is neither.
    """
    if isinstance(stored, str):
        return stored
    if isinstance(stored, bytes):
        return stored.decode()
    codes = stored.ravel().astype(_TEXT, casting="same_kind")
    return codes.tobytes().decode("utf-16-le")
