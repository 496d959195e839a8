"""A matrix of a MATLAB 7.3 file that stays on disk."""

import contextlib
import functools
import weakref

import h5py
import numpy as np
from etils import epath

from gmn_tf.utils.errors import InputError, first_line


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
        """Whole rows: a slice, `...`, or an array of their numbers."""
        rows = np.arange(len(self))[rows]
        # HDF5 wants them in order, each once; a slice is far faster.
        wanted, places = np.unique(rows, return_inverse=True)
        if len(wanted) and wanted[-1] - wanted[0] < len(wanted):
            wanted = slice(wanted[0], wanted[-1] + 1)
        path, _, transposed = self._arguments
        with reporting_damage(path, OSError):
            if transposed:
                return self._variable[wanted][places]
            return self._variable[:, wanted].T[places]


@contextlib.contextmanager
def reporting_damage(path: epath.Path, *errors: type[Exception]):
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
