"""Reading the variables of a .mat file, old (version 5) and new (7.3)."""

import numpy as np
import scipy.io
from etils import epath

from gmn_tf.errors import InputError


def read_variables(
    path: epath.Path, wanted: tuple[str, ...]
) -> dict[str, np.ndarray]:
    """Reads the wanted variables that the file has.

    Args:
      path: the .mat file.
      wanted: names of variables; others are skipped unread.

    Returns:
      Name to array, as MATLAB would show it (no axis is swapped). Cell arrays
      of texts are object arrays of one dimension.
    """
    try:
        with path.open("rb") as stream:
            return _read_version_5(stream, wanted)
    except NotImplementedError:
        # What scipy says about the HDF5 files of MATLAB 7.3.
        return _read_version_7_3(path, wanted)
    except Exception as error:
        # A damaged file makes scipy raise almost anything (zlib, struct,
        # value, type and memory errors have been seen).
        raise _unreadable(path, error) from error


def _read_version_5(stream, wanted: tuple[str, ...]) -> dict[str, np.ndarray]:
    content = scipy.io.loadmat(stream, variable_names=list(wanted))
    return {
        name: _texts(content[name].ravel())
        if content[name].dtype.kind in "OU"
        else content[name]
        for name in wanted
        if name in content
    }


def _texts(cells) -> np.ndarray:
    texts = [
        "".join(str(part) for part in np.asarray(cell).ravel())
        for cell in cells
    ]
    return np.array(texts, dtype=object)


def _read_version_7_3(
    path: epath.Path, wanted: tuple[str, ...]
) -> dict[str, np.ndarray]:
    import h5py  # Only few files need it, and loading it takes time.

    try:
        with path.open("rb") as stream, h5py.File(stream, "r") as file:
            return {
                name: _from_hdf5(file, file[name])
                for name in wanted
                if name in file
            }
    except Exception as error:
        raise _unreadable(path, error) from error


def _from_hdf5(file, variable) -> np.ndarray:
    import h5py

    if h5py.check_ref_dtype(variable.dtype) is None:
        return variable[()].T  # MATLAB writes its columns as rows of HDF5.
    return np.array(
        [
            "".join(chr(code) for code in file[reference][()].ravel())
            for reference in variable[()].ravel()
        ],
        dtype=object,
    )


def _unreadable(path: epath.Path, error: Exception) -> InputError:
    size = path.stat().length
    return InputError(
        f"{path} cannot be read.",
        "a complete MATLAB file",
        f"{size} bytes that end in an error ({type(error).__name__}: "
        f"{_first_line(error)})",
        "The file is damaged or was cut short: fetch it again.",
    )


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0][:80]


def require(path: epath.Path, content: dict, keys: tuple[str, ...]) -> None:
    missing = [key for key in keys if key not in content]
    if missing:
        raise InputError(
            f"{path} lacks {', '.join(missing)}.",
            f"the variables {', '.join(keys)}",
            f"of these, only {', '.join(content) or 'none'}",
            "Take the file from xlsa17, or add the variables.",
        )


def numbers(path: epath.Path, name: str, values: np.ndarray) -> np.ndarray:
    """The values, if they are a matrix of real numbers."""
    if isinstance(values, np.ndarray) and (
        values.dtype.kind in "fiu" and values.ndim == 2 and values.size
    ):
        return values
    raise InputError(
        f"{name} in {path} is not a matrix of numbers.",
        "a full matrix of two dimensions, not empty",
        f"{type(values).__name__} of shape {getattr(values, 'shape', '?')}, "
        f"type {getattr(values, 'dtype', '?')}",
        "Save the variable as a full (not sparse) matrix.",
    )


def integers(path: epath.Path, name: str, values: np.ndarray) -> np.ndarray:
    """The values as one row of int64, whatever type and shape they had."""
    flat = numbers(path, name, values).ravel()
    wrong = np.flatnonzero(~np.isfinite(flat) | (flat != np.rint(flat)))
    if len(wrong):
        raise InputError(
            f"{name} in {path} has values that are not whole numbers.",
            "whole numbers from 1",
            f"{flat[wrong[0]]} at position {wrong[0] + 1} "
            f"({len(wrong)} such values)",
            "Number rows and classes from 1.",
        )
    return flat.astype(np.int64)


def some(numbers, limit: int = 5) -> str:
    """The first few numbers, for a message."""
    shown = ", ".join(str(int(number)) for number in numbers[:limit])
    return shown + (", ..." if len(numbers) > limit else "")
