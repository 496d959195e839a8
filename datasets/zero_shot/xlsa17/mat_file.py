"""Reading the variables of a .mat file, old (version 5) and new (7.3)."""

import dataclasses
import zlib

import h5py
import numpy as np
from etils import epath

from gmn_tf.utils import file_kinds, file_signatures
from gmn_tf.utils.errors import InputError, hint, listed
from gmn_tf_datasets.zero_shot import source
from gmn_tf_datasets.zero_shot.xlsa17 import mat5, mat73
from gmn_tf_datasets.zero_shot.xlsa17.on_disk_matrix import (
    OnDiskMatrix,
    reporting_damage,
)

# What makes numbers or texts of an object, by its class in MATLAB.
_CONVERSIONS = {
    "string": "cellstr({})",
    "categorical": "cellstr({})",
    "table": "table2array({})",
    "timetable": "table2array({})",
    "datetime": "datenum({})",
    "duration": "seconds({})",
    "struct": "struct2array({})",
}


@dataclasses.dataclass(frozen=True)
class MatFile:
    """The wanted variables of a .mat file.

    Attributes:
        path: the file.
        variables: name to array, as MATLAB would show it (no axis is swapped).
            Texts, and cell arrays of them, are object arrays of one dimension;
            a matrix of version 7.3 that is larger than `mat73.IN_MEMORY` is an
            `OnDiskMatrix`; anything else is replaced by words that name it.
        names: of all variables that the file has, wanted or not.
    """

    path: epath.Path
    variables: dict[str, np.ndarray | OnDiskMatrix | str]
    names: tuple[str, ...]

    def numbers(self, name: str) -> np.ndarray | OnDiskMatrix:
        """A matrix of real numbers; InputError for anything else, or none."""
        values = self._variable(name)
        if isinstance(values, np.ndarray):
            values = source.as_matrix(values)
        source.check_matrix(
            values, f"{name} in {self.path}", "a full matrix of two dimensions"
        )
        return values

    def integers(self, name: str) -> np.ndarray:
        """Whole numbers in one row of int64; InputError for anything else."""
        values = self._variable(name)[:]
        if values.dtype.kind in "biuf" and values.ndim < 2:
            values = values.reshape(1, -1)
        source.check_matrix(
            source.as_matrix(values),
            f"{name} in {self.path}",
            "a row or column",
        )
        if max(values.shape) != values.size:
            raise InputError(
                f"{name} in {self.path} is not one row or column of numbers.",
                "one number for each row of the features",
                f"shape {values.shape}",
                "If it has a column for each class (one-hot), save the number "
                f"of the class: in MATLAB, [~, {name}] = max({name}, [], 2).",
            )
        flat = values.ravel()
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

    def texts(self, name: str) -> np.ndarray:
        """Texts in one row; InputError for anything else, or none."""
        values = self._variable(name)
        if values.dtype != object:
            raise InputError(
                f"{name} in {self.path} does not contain texts.",
                "a cell array of texts",
                f"shape {values.shape}, type {values.dtype}",
                "Store texts, or leave the variable out.",
            )
        return values

    def _variable(self, name: str) -> np.ndarray | OnDiskMatrix:
        """A variable that is an array; InputError for none, or another."""
        if name not in self.variables:
            raise InputError(
                f"{self.path} lacks {name}.",
                f"a variable {name}",
                listed(self.names, most=20),
                hint(
                    "Rename the variable that is meant, or add it; "
                    "datasets/zero_shot/README.md describes the files.",
                    name,
                    self.names,
                ),
            )
        values = self.variables[name]
        if isinstance(values, str):
            of_class = values.split()[-1]
            change = _CONVERSIONS.get(of_class, "full(double({}))")
            raise InputError(
                f"{name} in {self.path} is not an array of numbers or texts.",
                "a full matrix of real numbers, or a cell array of texts",
                values,
                f"In MATLAB: {name} = {change.format(name)}; "
                "then save the variables again, with '-v7'.",
            )
        return values


def read(path: epath.Path, wanted: tuple[str, ...]) -> MatFile:
    """Reads the wanted variables that the file has; others are skipped unread.

    Raises:
        InputError: for a damaged file, or one of another kind.
    """
    with (
        reporting_damage(path, OSError, ValueError, zlib.error, MemoryError),
        path.open("rb") as stream,
    ):
        start = stream.read(file_signatures.START)
        if file_signatures.is_version_5(start):
            stream.seek(0)
            variables, names = mat5.read(stream, wanted)
            return MatFile(path, variables, tuple(names))
    if not file_signatures.is_hdf5(start):
        raise file_kinds.refusal(
            path,
            "a MATLAB file of version 5, 6, 7 or 7.3",
            file_signatures.MAT,
            f"a file of an unknown kind that starts with {start[:16]!r}",
            "Get the file again: it is damaged, or is another one.",
        )
    # A damaged file makes HDF5 raise almost anything.
    with (
        reporting_damage(path, Exception),
        path.open("rb") as stream,
        h5py.File(stream, "r") as file,
    ):
        stored, names = mat73.read(path, file, wanted)
    with reporting_damage(path, TypeError, ValueError):
        for name, one in stored.items():
            if isinstance(one, list):
                stored[name] = np.array([*map(mat73.text, one)], object)
    return MatFile(path, stored, tuple(names))
