"""Prepared data -> res101.mat and att_splits.mat, as other code reads them.

The layout is that of xlsa17 (docs/new_data_sets.md): prepared again, the files
give the same samples, embeddings, classes and splits, tune splits too.
"""

import contextlib
import json
import os
import pathlib
from collections.abc import Iterator

import h5py
import numpy as np
import scipy.io
import tensorflow_datasets as tfds

from gmn_tf.data import prepared
from gmn_tf.utils import files
from gmn_tf.utils.errors import InputError
from gmn_tf_datasets.zero_shot import encoder_records

FEATURES_FILE = "res101.mat"
SPLITS = ("train", "test_seen", "test_unseen")  # the others are parts of train
LARGEST = 2**31  # bytes of features in a file of MATLAB 5
_BATCH = 512  # rows read at once
_USER_BLOCK = 512  # bytes of a file of MATLAB 7.3 before HDF5 begins


def write(
    name: str, data_dir: str | os.PathLike, folder: str | os.PathLike
) -> list[pathlib.Path]:
    """Writes `res101.mat`, and a `NAME_splits.mat` for each embedding.

    Features of more than 2 GB are written as MATLAB 7.3, row by row.

    Args:
        name: the data set's TFDS name.
        data_dir: where it is prepared.
        folder: for the files, which must not be there yet.

    Returns:
        The files, that of the features first.

    Raises:
        InputError: for data that cannot be read, that have no sample of an
            unseen class, or if the files cannot be written.
    """
    opened = prepared.open_prepared(name, data_dir)
    metadata = opened.metadata
    parts = [part["name"] for part in metadata["embeddings"]]
    folder = pathlib.Path(folder).expanduser()
    paths = [folder / FEATURES_FILE]
    paths += [folder / f"{part}_splits.mat" for part in parts]
    _check(name, metadata, paths)
    with contextlib.ExitStack() as stack:
        places = [stack.enter_context(files.replacing(p)) for p in paths]
        rows, labels = _rows_and_labels(opened)
        numbers = _numbers(rows)
        variables = _split_variables(metadata, numbers, labels)
        names = np.array(metadata["class_names"], object).reshape(-1, 1)
        recorded = [part.get("encoder") for part in metadata["embeddings"]]
        for place, raw, encoder in zip(places[1:], opened.embeddings, recorded):
            described = {"att": raw.T, "original_att": raw.T}
            if encoder:
                described[encoder_records.VARIABLE] = json.dumps(encoder)
            described["allclasses_names"] = names
            scipy.io.savemat(place, described | variables, do_compression=True)
        _write_features(places[0], opened, numbers, labels)
    return paths


def _check(name: str, metadata: dict, paths: list[pathlib.Path]) -> None:
    """Raises InputError for what cannot be written in this layout."""
    there = [path.name for path in paths if path.exists()]
    if there:
        raise InputError(
            f"{paths[0].parent} has {' and '.join(there)} already.",
            "a folder without " + ", ".join(path.name for path in paths),
            ", ".join(there),
            "Choose another folder, such as xlsa17/data/MYDATA.",
        )
    if not metadata["num_samples"]["test_unseen"]:
        raise InputError(
            f"{name} has no sample of an unseen class.",
            "at least one, for test_unseen_loc, which other code scores",
            "none",
            "Add samples of unseen classes, and prepare the data again.",
        )


def _batches(opened: prepared.Prepared, split: str) -> Iterator[dict]:
    reading = tfds.ReadConfig(interleave_cycle_length=1)
    with prepared.reporting_damage(opened.name, opened.data_dir, Exception):
        data = opened.builder.as_dataset(split=split, read_config=reading)
        yield from data.batch(_BATCH).as_numpy_iterator()


def _rows_and_labels(opened: prepared.Prepared) -> tuple[dict, dict]:
    """Of each split, the rows its samples had, and their labels."""
    rows, labels = {}, {}
    for split in SPLITS:
        found = [(b["row"], b["label"]) for b in _batches(opened, split)]
        rows[split], labels[split] = map(np.concatenate, zip(*found))
    return rows, labels


def _numbers(rows: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """New numbers of the rows, from 0, without gaps and in the same order."""
    order = np.unique(np.concatenate(list(rows.values())))
    return {split: np.searchsorted(order, each) for split, each in rows.items()}


def _split_variables(metadata: dict, numbers: dict, labels: dict) -> dict:
    """The row numbers from 1 of each split, `[n, 1]`."""
    train = numbers["train"]
    held_out = np.isin(labels["train"], metadata["validation_classes"])
    rows = {
        "trainval": train,
        "test_seen": numbers["test_seen"],
        "test_unseen": numbers["test_unseen"],
        "train": np.sort(train[~held_out]),
        "val": np.sort(train[held_out]),
    }
    return {f"{key}_loc": _column(values) for key, values in rows.items()}


def _column(numbers: np.ndarray) -> np.ndarray:
    """Numbers from 0 as MATLAB has them."""
    return (numbers + 1.0).reshape(-1, 1)


def _write_features(
    path: pathlib.Path, opened: prepared.Prepared, numbers: dict, labels: dict
) -> None:
    """`features [dx, n]` and `labels [n, 1]`."""
    count = sum(map(len, numbers.values()))
    shape = count, *opened.builder.info.features["features"].shape
    all_labels = np.zeros(count, np.int64)
    for split, rows in numbers.items():
        all_labels[rows] = labels[split]
    all_labels = _column(all_labels)
    if 4 * count * shape[1] <= LARGEST:
        features = np.empty(shape, np.float32)
        _copy(opened, numbers, features)
        scipy.io.savemat(path, {"features": features.T, "labels": all_labels})
        return
    with h5py.File(path, "w", userblock_size=_USER_BLOCK) as file:
        # MATLAB takes rows of HDF5 as its columns.
        features = file.create_dataset("features", shape, np.float32)
        _copy(opened, numbers, features)
        file["labels"] = all_labels.T
        for name, kind in (("features", b"single"), ("labels", b"double")):
            file[name].attrs["MATLAB_class"] = np.bytes_(kind)
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM")


def _copy(opened: prepared.Prepared, numbers: dict, features) -> None:
    """Copies the samples of all splits into an array, or what acts like it."""
    for split, rows in numbers.items():
        start = 0
        for batch in _batches(opened, split):
            places = rows[start : start + len(batch["label"])]
            # HDF5 wants them in ascending order.
            order = np.argsort(places)
            features[places[order]] = batch["features"][order]
            start += len(places)
