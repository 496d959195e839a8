"""The folder of extracted features, filled batch by batch.

features.npy          float32 [n, dx]
labels.csv            class and file of each row
unreadable.csv        file and reason of each image left out, if there are any
extraction.json       the backbone, counts, versions, keys; written last
unfinished_features/  the batches computed so far, until all are there

Each image has a key that changes when the file or the backbone does. A feature
that is stored under its key is not computed again.
"""

import collections
import contextlib
import functools
import hashlib
import itertools
import json
import os
import pathlib
import shutil
import tempfile
from typing import NamedTuple
from zipfile import BadZipFile

import numpy as np

from gmn_tf.images import backbone_records, pillow
from gmn_tf.images.image_batches import Image
from gmn_tf.images.image_folder import Listing
from gmn_tf.utils import files
from gmn_tf.utils.errors import InputError, check_same, listed
from gmn_tf.utils.versions import versions

RESULTS = ("features.npy", "labels.csv", "unreadable.csv", "extraction.json")
# What NumPy raises for a file that is missing, damaged or cut off.
_DAMAGE = (OSError, ValueError, LookupError, TypeError, EOFError, BadZipFile)


class Stored(NamedTuple):
    """An image that has been computed.

    Attributes:
        path: the file with its feature.
        row: the row in that file.
        reason: see `Image`.
        turned: see `Image`.
        transparent: see `Image`.
    """

    path: pathlib.Path
    row: int
    reason: str
    turned: int
    transparent: bool


def key(root: pathlib.Path, file: str, backbone: dict) -> str:
    """A digest of what decides the feature of an image.

    Args:
        root: the folder of images.
        file: the path of the image in it.
        backbone: `backbone_records.identity` of what makes the feature.
    """
    stat = (root / file).stat()
    # A copy may have the old time of modification, but a new one of change.
    times = stat.st_mtime_ns, stat.st_ctime_ns
    readable = os.access(root / file, os.R_OK)
    text = json.dumps([backbone, file, stat.st_size, *times, readable])
    return hashlib.sha256(text.encode()).hexdigest()[:32]


class FeatureStore:
    """The folder of the features of one set of images by one backbone.

    Args:
        path: the folder; it is made when something is written.
        backbone: `Backbone.description` of what makes the features.

    Raises:
        InputError: if the folder is for another backbone, or has other files.
    """

    def __init__(self, path: str | os.PathLike, backbone: dict):
        self._path, self._backbone = pathlib.Path(path), backbone
        self._unfinished = self._path / "unfinished_features"
        # Says whose features they are before there are any.
        self._started = self._unfinished / "backbone.json"
        action = "Choose another --out, or remove that folder."
        self._record, started = (
            files.read_json(file, "what bin/extract_features wrote", action)
            if file.exists()
            else {}
            for file in (self._path / "extraction.json", self._started)
        )
        for there in (started, self._record.get("backbone")):
            if there and isinstance(there, dict):
                check_same(
                    f"{path} has features of another backbone, or of images "
                    "that were read in another way.",
                    backbone_records.identity(there),
                    backbone_records.identity(backbone),
                    action,
                )
        foreign = [name for name in RESULTS if (self._path / name).exists()]
        # A process that was killed may have left a hidden file there.
        foreign += [p.parent.name for p in self._unfinished.glob("[!.]*")]
        if foreign and not started and "keys" not in self._record:
            raise InputError(
                f"{self._path / foreign[0]} was not written by this version of "
                "bin/extract_features.",
                "a new folder, or one that this version wrote",
                "no extraction.json with the keys of images beside it",
                "Choose another --out, or remove what an older version wrote.",
            )

    @functools.cached_property
    def stored(self) -> dict[str, Stored]:
        """What has been computed, by key."""
        found = self._finished()
        for path in self._unfinished.glob("*.npz"):
            # What cannot be read is computed again.
            with (
                contextlib.suppress(*_DAMAGE),
                np.load(path, allow_pickle=False) as part,
            ):
                names = ("keys", "reasons", "turned", "transparent")
                notes = (part[name].tolist() for name in names)
                found |= _index(path, part["features"], *notes)
        # Meanwhile a library may have been installed.
        needs = pillow.NEEDS_HEIF
        return {k: one for k, one in found.items() if one.reason != needs}

    def _finished(self) -> dict[str, Stored]:
        """What is in features.npy; nothing if that is missing or damaged."""
        record, path = self._record, self._path / "features.npy"
        try:
            keys = record["keys"].values()
            reasons = [record["unreadable"].get(f, "") for f in record["keys"]]
            turned = [record["turned"].get(f, 0) for f in record["keys"]]
            seen_through = set(record["transparent"])
            transparent = [f in seen_through for f in record["keys"]]
            notes = keys, reasons, turned, transparent
            (self._path / "labels.csv").stat()
            return _index(path, _load(path), *notes)
        except (*_DAMAGE, AttributeError):
            return {}

    def write(self, images: dict[str, Image]) -> None:
        """Stores some images by their keys, all or none of them."""
        files.write_json(self._started, self._backbone)
        path = self._unfinished / f"{next(iter(images))}.npz"
        features = [i.feature for i in images.values() if not i.reason]
        notes = {
            "keys": list(images),
            "reasons": [image.reason for image in images.values()],
            "turned": [image.turned for image in images.values()],
            "transparent": [image.transparent for image in images.values()],
        }
        with files.replacing(path) as temporary:
            np.savez(temporary, features=np.array(features, "f4"), **notes)
        self.stored.update(_index(path, features, *notes.values()))

    def unreadable(self, keys: dict[str, str]) -> dict[str, str]:
        """Reasons of those that could not be read, by file as `keys`."""
        stored = {f: self.stored.get(key) for f, key in keys.items()}
        return {f: i.reason for f, i in stored.items() if i and i.reason}

    def finish(self, keys: dict[str, str], listing: Listing) -> dict:
        """Writes the results, unless they are there.

        Args:
            keys: of all images, each of which is stored, by file.
            listing: of their folder.

        Returns:
            The contents of extraction.json.

        Raises:
            InputError: if none of the images could be read.
        """
        images = {file: self.stored[key] for file, key in keys.items()}
        unreadable = self.unreadable(keys)
        rows = [image for image in listing.images if image[1] not in unreadable]
        check_some_readable(len(rows), unreadable)
        counts = collections.Counter(class_name for class_name, _ in rows)
        record = {
            "backbone": self._backbone,
            "images": len(rows),
            "classes": {name: counts[name] for name in listing.classes},
            "unreadable": unreadable,
            "turned": {f: i.turned for f, i in images.items() if i.turned},
            "transparent": [f for f, i in images.items() if i.transparent],
            "left_out": listing.left_out,
            "keys": keys,
        }
        if not (self._finished() and record.items() <= self._record.items()):
            files.write_json(self._started, self._backbone)
            with tempfile.TemporaryDirectory(dir=self._unfinished) as place:
                new = pathlib.Path(place)
                readable = [images[file] for _, file in rows]
                self._join(new / "features.npy", readable)
                tables = {
                    "labels.csv": [{"class": c, "file": f} for c, f in rows]
                }
                if unreadable:
                    tables["unreadable.csv"] = [
                        {"file": file, "reason": reason}
                        for file, reason in unreadable.items()
                    ]
                for name, lines in tables.items():
                    files.write_csv(new / name, lines)
                self._record = {"versions": versions(), **record}
                files.write_json(new / "extraction.json", self._record)
                # Its presence says that the other files belong together.
                (self._path / "extraction.json").unlink(missing_ok=True)
                (self._path / "unreadable.csv").unlink(missing_ok=True)
                for name in ("features.npy", *tables, "extraction.json"):
                    os.replace(new / name, self._path / name)
        shutil.rmtree(self._unfinished, ignore_errors=True)
        return self._record

    def _join(self, path: pathlib.Path, images: list[Stored]) -> None:
        """Writes features.npy."""
        shape = (len(images), self._backbone["feature_dim"])
        header = {"descr": "<f4", "fortran_order": False, "shape": shape}
        load = functools.lru_cache(1)(_load)
        # Written, not mapped into memory: a disk that fills up under a mapped
        # file kills the process.
        with path.open("wb") as file:
            np.lib.format.write_array_header_1_0(file, header)
            for image in images:
                feature = load(image.path)[image.row]
                file.write(feature.astype("<f4").tobytes())


def check_some_readable(count: int, unreadable: dict[str, str]) -> None:
    """Raises InputError if there are only unreadable images.

    Args:
        count: readable images.
        unreadable: reasons of the others, by file.
    """
    if unreadable and not count:
        raise InputError(
            "None of the images can be read.",
            "image files, such as JPEG or PNG",
            with_reasons(unreadable),
            "Check that these files are images.",
        )


def with_reasons(unreadable: dict[str, str]) -> str:
    """The first unreadable files and the reasons."""
    return listed((f"{file} ({why})" for file, why in unreadable.items()), 3)


def _load(path: pathlib.Path) -> np.ndarray:
    """The features in a file; those of features.npy stay on the disk."""
    content = np.load(path, mmap_mode="r", allow_pickle=False)
    return content if path.suffix == ".npy" else content["features"]


def _index(
    path, features, keys, reasons, turned, transparent
) -> dict[str, Stored]:
    """Images by key; `features` has a row for each that has no reason."""
    rows = (np.cumsum([not reason for reason in reasons]) - 1).tolist()
    if len(features) != rows[-1] + 1:
        raise ValueError(f"{path} is damaged.")
    places = itertools.repeat(path)
    images = map(Stored, places, rows, reasons, turned, transparent)
    return dict(zip(keys, images))
