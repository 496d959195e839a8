"""Reading features to predict on: files, or an extraction's folder."""

import os
import pathlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from gmn_tf.utils import files, tables
from gmn_tf.utils.errors import InputError

NOT_NUMBERS = ("class", "file", "label", "sample", "split")
FEATURES, LABELS, EXTRACTION = "features.npy", "labels.csv", "extraction.json"


class Features(NamedTuple):
    """Features to predict on.

    Attributes:
        values: `[n, dx]`, an array that may lie on disk.
        samples: `n` names: the image's file, or the row's number from 0.
        backbone: what they come from; None if nobody has recorded it.
    """

    values: np.ndarray
    samples: Sequence[str]
    backbone: dict | None


def read(path: str | os.PathLike) -> Features:
    """Reads features.

    Args:
        path: a folder of bin/extract_features; a .npy file `[n, dx]`; a .npz
            file with `features`; or a .csv file with a header, in which a
            column `sample` or `file` names the samples and columns called
            `class`, `label` and `split` are passed over.

    Raises:
        InputError: for anything else.
    """
    path = pathlib.Path(path).expanduser()
    if path.is_dir():
        path = path / FEATURES
    if not path.is_file():
        raise _unusable(path, "no such file")
    if path.suffix not in _READERS:
        raise _unusable(path, f"the ending {path.suffix!r}")
    try:
        values, samples = _READERS[path.suffix](path)
        if values.ndim != 2 or values.dtype.kind not in "fiu":
            raise ValueError(f"{values.dtype} of shape {values.shape}")
        backbone = _backbone(path.parent)
        if samples is None and path.name == FEATURES:
            samples = _files(path.parent / LABELS)
    except KeyError as error:
        raise _unusable(path, f"no {error}") from error
    except Exception as error:
        # A damaged file makes NumPy and zipfile raise almost anything.
        raise _unusable(path, str(error)) from error
    if samples is None:
        samples = [str(row) for row in range(len(values))]
    if len(samples) != len(values):
        raise _unusable(path, f"{len(values)} rows, {len(samples)} names")
    return Features(values, samples, backbone)


def _read_npy(path: pathlib.Path):
    return np.load(path, mmap_mode="r", allow_pickle=False), None


def _read_npz(path: pathlib.Path):
    with np.load(path, allow_pickle=False) as arrays:
        return arrays["features"], None


def _read_csv(path: pathlib.Path):
    table = tables.read(path)
    if all(map(_is_number, table.header)):
        raise ValueError("numbers in the first line, instead of their names")
    numbers = [
        place
        for place, name in enumerate(table.header)
        if name not in NOT_NUMBERS
    ]
    values = [[tables.number(row[i]) for i in numbers] for row in table.rows]
    named = [name for name in ("sample", "file") if name in table.header]
    samples = table.column(named[0]) if named else None
    return np.array(values, np.float32).reshape(len(values), -1), samples


def _is_number(text: str) -> bool:
    try:
        tables.number(text)
    except ValueError:
        return False
    return True


_READERS = {".npy": _read_npy, ".npz": _read_npz, ".csv": _read_csv}


def _files(path: pathlib.Path) -> list[str] | None:
    """The images' names, if an extraction has left them."""
    if not path.exists():
        return None
    table = tables.read(path)
    return table.column("file") if "file" in table.header else None


def _backbone(folder: pathlib.Path) -> dict | None:
    if not (folder / EXTRACTION).exists():
        return None
    content = files.parse_json((folder / EXTRACTION).read_text("utf-8"))
    if not isinstance(content, dict) or not isinstance(
        content.get("backbone"), dict
    ):
        raise ValueError(f"{EXTRACTION} does not tell the backbone")
    return content["backbone"]


def _unusable(path, received: str) -> InputError:
    return InputError(
        f"{path} holds no features that can be read.",
        "a folder of bin/extract_features, or a .npy, .npz or .csv file with "
        "one row of numbers per sample",
        received,
        "check --features",
    )
