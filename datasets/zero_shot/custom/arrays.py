"""Arrays of a user, .npy and .npz files, found and read strictly.

Each function raises InputError for files that cannot be used.
"""

import contextlib
import os
import shlex
from collections.abc import Iterable

import numpy as np
from etils import epath

from gmn_tf.utils import file_kinds
from gmn_tf.utils.errors import InputError, first_line, hint, listed
from gmn_tf_datasets.zero_shot.custom import object_arrays

# What scipy.sparse.save_npz calls the arrays of every kind of matrix.
_SPARSE = {"data", "format", "shape"}


def only(folder: epath.Path, names: Iterable[str]) -> epath.Path | None:
    """The one of these files in a folder, or None; InputError for several."""
    found = [name for name in names if (folder / name).exists()]
    if len(found) > 1:
        raise InputError(
            f"{folder} has {' and '.join(found)}.",
            f"one of {', '.join(names)}",
            f"{len(found)} of them",
            "Move the others elsewhere.",
        )
    return folder / found[0] if found else None


def load_array(path: epath.Path, objects: bool = False) -> np.ndarray:
    """A plain array from a .npy file, which stays on disk.

    Args:
        path: of the file.
        objects: whether texts and whole numbers may be Python objects.
    """
    try:
        # Not numpy.load, which takes archives too.
        return np.lib.format.open_memmap(path, mode="r")
    except Exception as error:
        with contextlib.suppress(Exception), path.open("rb") as stream:
            # An array without elements is valid, but cannot be mapped.
            return np.lib.format.read_array(stream, allow_pickle=False)
        with (
            contextlib.suppress(ValueError, OSError),
            path.open("rb") as stream,
        ):
            if objects:
                return object_arrays.read(stream)
        raise _unreadable(path, error) from error


def load_arrays(
    path: epath.Path, names: tuple[str, ...]
) -> dict[str, np.ndarray]:
    """Plain arrays of those names from a .npz file."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            found = list(archive.files)
            arrays = {
                name: _member(archive, name) for name in names if name in found
            }
    except Exception as error:
        # A damaged archive makes zipfile, zlib and NumPy raise almost anything.
        raise _unreadable(path, error) from error
    if not arrays and set(found) >= _SPARSE:
        raise InputError(
            f"{path} is a sparse matrix of SciPy.",
            f"plain arrays called {' and '.join(names)}",
            f"{', '.join(sorted(_SPARSE))}",
            "Save it as a plain array: python -c 'import sys, numpy, "
            'scipy.sparse as s; numpy.save("features.npy", '
            's.load_npz(sys.argv[1]).toarray().astype("f4"))\' '
            f"{shlex.quote(os.fspath(path))}",
        )
    for name in names:
        if name not in arrays:
            raise InputError(
                f"{path} lacks the array {name!r}.",
                f"arrays called {' and '.join(names)}",
                listed(found),
                hint(
                    f"Save it with numpy.savez({path.name!r}, "
                    + ", ".join(f"{one}=..." for one in names)
                    + ").",
                    name,
                    found,
                ),
            )
    return arrays


def _member(archive: np.lib.npyio.NpzFile, name: str) -> np.ndarray:
    """An array of an archive; labels may be Python objects."""
    try:
        return archive[name]
    except ValueError:
        with archive.zip.open(f"{name}.npy") as stream:
            if name != "labels":
                raise
            with contextlib.suppress(ValueError):
                return object_arrays.read(stream)
        raise


def _unreadable(path: epath.Path, error: Exception) -> InputError:
    received = f"{type(error).__name__}: {first_line(error)}"
    if "allow_pickle" in received or "Python objects" in received:
        return InputError(
            f"Cannot read {path}: it has Python objects, which are a pickle.",
            "plain arrays of numbers or texts",
            "an array of type object; a pickle can run code, so that it is "
            "never loaded here",
            "If you trust the file, save it as texts: python -c 'import sys, "
            "numpy as n; p = sys.argv[1]; n.save(p, n.load(p, "
            f"allow_pickle=True).astype(str))' {shlex.quote(os.fspath(path))}",
        )
    return file_kinds.refusal(
        path,
        "plain arrays as numpy.save and numpy.savez write them",
        path.suffix.removeprefix("."),
        received,
        "Correct the path, or save the file again.",
    )
