"""Arrays of a user, .npy and .npz files, read strictly."""

import contextlib

import numpy as np
from etils import epath

from gmn_tf.utils.errors import InputError, hint
from gmn_tf.utils.strict_tables import unreadable


def load_array(path: epath.Path) -> np.ndarray:
    """An array from a .npy file, which stays on disk.

    Raises:
        InputError: for what is no plain array.
    """
    try:
        # Not numpy.load, which takes archives too.
        return np.lib.format.open_memmap(path, mode="r")
    except Exception as error:
        with contextlib.suppress(Exception), path.open("rb") as stream:
            # What has no elements cannot be mapped, and may be what it is.
            return np.lib.format.read_array(stream, allow_pickle=False)
        raise _no_array(path, error) from error


def load_arrays(
    path: epath.Path, names: tuple[str, ...]
) -> dict[str, np.ndarray]:
    """Arrays of those names from a .npz file.

    Raises:
        InputError: if there are no such arrays.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            found = list(archive.files)
            arrays = {name: archive[name] for name in names if name in found}
    except Exception as error:
        # A damaged archive makes zipfile, zlib and NumPy raise almost anything.
        raise _no_array(path, error) from error
    for name in names:
        if name not in arrays:
            raise InputError(
                f"{path} lacks the array {name!r}.",
                f"arrays called {' and '.join(names)}",
                ", ".join(found) or "none",
                f"Save it by numpy.savez({path.name!r}, "
                + ", ".join(f"{one}=..." for one in names)
                + f"); {hint(name, found)}",
            )
    return arrays


def _no_array(path: epath.Path, error: Exception) -> InputError:
    return unreadable(
        path, "plain arrays as numpy.save and numpy.savez write them", error
    )


def check_numbers(
    path: epath.Path, name: str, values: np.ndarray, rows: str
) -> None:
    """Raises InputError unless `values` is a matrix of real numbers."""
    plain = values.dtype.kind in "fiu" and values.ndim == 2 and values.size
    if not plain:
        raise InputError(
            f"{name} in {path} is not a matrix of numbers.",
            f"two dimensions, one row per {rows}, not empty",
            f"shape {values.shape}, type {values.dtype}",
            "Save the matrix again.",
        )
