"""Reading the variables of a .mat file, old (version 5) and new (7.3)."""

import contextlib
import dataclasses
import functools
import weakref
import zlib

import h5py
import numpy as np
from etils import epath

from gmn_tf.utils.errors import InputError, first_line, listed
from gmn_tf_datasets.zero_shot import source
from gmn_tf_datasets.zero_shot.xlsa17 import mat5

IN_MEMORY = 2**30  # Bytes: smaller matrices are read whole, which is faster.


class OnDiskMatrix:
    """A matrix in a MATLAB 7.3 file; rows are read when it is indexed.

    For features that memory cannot hold. It can be pickled, as long as the
    file stays where it is. `T`, `shape`, `dtype`, `ndim` and `size` are as of
    an array; `transposed` swaps the axes that MATLAB shows.
    """

    ndim = 2

    def __init__(self, path: epath.Path, name: str, transposed: bool = False):
        self._arguments = path, name, transposed
        # MATLAB writes its columns as rows of HDF5.
        self.shape = self._variable.shape[:: 1 if transposed else -1]
        self.dtype, self.size = self._variable.dtype, self._variable.size

    def __reduce__(self):
        return OnDiskMatrix, self._arguments

    def __len__(self) -> int:
        return self.shape[0]

    @functools.cached_property
    def _variable(self):
        path, name, _ = self._arguments
        file = h5py.File(path.open("rb"), "r")
        # HDF5 would close it after Python has ended, and crash.
        weakref.finalize(self, file.close)
        return file[name]

    @property
    def T(self) -> "OnDiskMatrix":  # noqa: N802
        path, name, transposed = self._arguments
        return OnDiskMatrix(path, name, not transposed)

    def __getitem__(self, rows) -> np.ndarray:
        """Whole rows: a slice, or an array of their numbers."""
        rows = np.arange(len(self))[rows]
        # HDF5 wants them in order, each once; a slice is far faster.
        wanted, places = np.unique(rows, return_inverse=True)
        if len(wanted) and wanted[-1] - wanted[0] < len(wanted):
            wanted = slice(wanted[0], wanted[-1] + 1)
        path, _, transposed = self._arguments
        with _reporting_damage(path, OSError):
            if transposed:
                return self._variable[wanted][places]
            return self._variable[:, wanted].T[places]


@dataclasses.dataclass(frozen=True)
class MatFile:
    """The wanted variables of a .mat file.

    Attributes:
        path: the file.
        variables: name to array, as MATLAB would show it (no axis is swapped).
            Texts, and cell arrays of them, are object arrays of one dimension;
            a matrix of version 7.3 that is larger than `IN_MEMORY` is an
            `OnDiskMatrix`; anything else is replaced by words that name it.
    """

    path: epath.Path
    variables: dict[str, np.ndarray | OnDiskMatrix | str]

    def numbers(self, name: str) -> np.ndarray | OnDiskMatrix:
        """A matrix of real numbers; InputError for anything else, or none."""
        if name not in self.variables:
            raise InputError(
                f"{self.path} lacks {name}.",
                f"a variable {name}",
                listed(self.variables, most=9),
                "Take the file from xlsa17, or add the variable.",
            )
        values = self.variables[name]
        source.check_matrix(
            values, f"{name} in {self.path}", "a full matrix of two dimensions"
        )
        return values

    def integers(self, name: str) -> np.ndarray:
        """The same in one row of int64; InputError if they are not whole."""
        flat = self.numbers(name)[:].ravel()
        wrong = np.flatnonzero(~np.isfinite(flat) | (flat != np.rint(flat)))
        if len(wrong):
            raise InputError(
                f"{name} in {self.path} has values that are not whole numbers.",
                "whole numbers from 1",
                f"{flat[wrong[0]]} at position {wrong[0] + 1} "
                f"({len(wrong)} such values)",
                "Number rows and classes from 1.",
            )
        return flat.astype(np.int64)


def read(path: epath.Path, wanted: tuple[str, ...]) -> MatFile:
    """Reads the wanted variables that the file has; others are skipped unread.

    Raises:
        InputError: for a damaged file.
    """
    with (
        _reporting_damage(path, OSError, ValueError, zlib.error, MemoryError),
        path.open("rb") as stream,
    ):
        if mat5.is_version_5(stream.read(mat5.HEADER)):
            stream.seek(0)
            return MatFile(path, mat5.read(stream, wanted))
    # A damaged file makes HDF5 raise almost anything.
    with (
        _reporting_damage(path, Exception),
        path.open("rb") as stream,
        h5py.File(stream, "r") as file,
    ):
        found = [name for name in wanted if name in file]
        stored = {name: _from_hdf5(path, name, file) for name in found}
    with _reporting_damage(path, TypeError, ValueError):
        for name, one in stored.items():
            if isinstance(one, list):
                stored[name] = np.array([*map(_text, one)], object)
    return MatFile(path, stored)


def _from_hdf5(
    path: epath.Path, name: str, file: h5py.File
) -> np.ndarray | OnDiskMatrix | str | list[np.ndarray]:
    """What h5py reads of a variable; of texts, the codes of each."""
    variable = file[name]
    if not isinstance(variable, h5py.Dataset):
        return "a struct, an object or a sparse matrix"
    if "MATLAB_empty" in variable.attrs:  # then it holds its own shape
        return np.zeros(variable[()])
    if h5py.check_ref_dtype(variable.dtype) is not None:
        cells = [file[reference] for reference in variable[()].ravel()]
        return [c[:0] if "MATLAB_empty" in c.attrs else c[()] for c in cells]
    if variable.attrs.get("MATLAB_class") == b"char":
        return [variable[()]]
    if variable.ndim == 2 and variable.nbytes > IN_MEMORY:
        return OnDiskMatrix(path, name)
    return variable[()].T  # MATLAB writes its columns as rows of HDF5.


def _text(codes: np.ndarray) -> str:
    codes = codes.ravel().astype("<u2", casting="same_kind")
    return codes.tobytes().decode("utf-16-le")


@contextlib.contextmanager
def _reporting_damage(path: epath.Path, *errors: type[Exception]):
    """Makes an InputError of what a damaged file raises."""
    try:
        yield
    except errors as error:
        raise InputError(
            f"Cannot read {path}.",
            "a complete MATLAB file",
            f"{path.stat().length} bytes that end in an error "
            f"({type(error).__name__}: {first_line(error, 80)})",
            "Get the file again: it is damaged, or was cut short.",
        ) from error
