"""What bin/extract_features leaves.

features.npy       float32 [n, dx]
labels.csv         class and file of each row
unreadable.csv     file and reason of each image left out, if there are any
extraction.json    the backbone, counts, versions; there once all is there
parts/             while it runs: what it goes on from, if interrupted
"""

import collections
import csv
import json
import os
import pathlib
import shutil
import tempfile

import numpy as np

from gmn_tf.images.extraction_parts import RESULTS, Folder
from gmn_tf.images.extraction_summary import examples
from gmn_tf.images.image_folder import Listing
from gmn_tf.images.image_parts import Part
from gmn_tf.utils.errors import InputError
from gmn_tf.utils.versions import versions


def write(
    folder: Folder, parts: list[Part], description: dict, listing: Listing
) -> dict:
    """Puts all parts together; gives the contents of extraction.json.

    Raises:
        InputError: if none of the images could be read.
    """
    notes = [folder.notes(part) for part in parts]
    unreadable = folder.unreadable(parts)
    sizes = [len(p.files) - len(n.unreadable) for p, n in zip(parts, notes)]
    if not sum(sizes):
        raise InputError(
            "None of the images can be read.",
            "JPEG, PNG, GIF, BMP or WebP files",
            examples(f"{file} ({why})" for file, why in unreadable.items()),
            "check that these files are images",
        )
    with tempfile.TemporaryDirectory(dir=folder.parts) as place:
        new = pathlib.Path(place)
        shape = (sum(sizes), description["feature_dim"])
        least = _write_features(new / "features.npy", folder, parts, shape)
        rows = _labels(parts, unreadable)
        _write_csv(new / "labels.csv", ("class", "file"), rows)
        if unreadable:
            heading = ("file", "reason")
            _write_csv(new / "unreadable.csv", heading, unreadable.items())
        counts = collections.Counter(class_name for class_name, _ in rows)
        record = {
            "backbone": description,
            "images": len(rows),
            "classes": {name: counts[name] for name in listing.classes},
            "smallest_feature": least,
            "unreadable": unreadable,
            "turned": {k: v for note in notes for k, v in note.turned.items()},
            "not_images": listing.others,
            "versions": versions(),
            "parts": [(part.key, size) for part, size in zip(parts, sizes)],
        }
        text = json.dumps(record, indent=1, ensure_ascii=False) + "\n"
        (new / "extraction.json").write_text(text, encoding="utf-8")
        _replace_all(new, folder.path)
    shutil.rmtree(folder.parts, ignore_errors=True)
    return record


def _write_features(path, folder: Folder, parts: list[Part], shape) -> float:
    """Writes the features; gives the smallest number of them."""
    least = np.inf
    header = {"descr": "<f4", "fortran_order": False, "shape": shape}
    # Written, not mapped into memory: a disk that fills up under a mapped
    # file kills the process.
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for part in parts:
            features = folder.read(part).features.astype("<f4")
            file.write(features.tobytes())
            least = min(least, features.min(initial=np.inf))
    return float(least)


def _labels(parts: list[Part], unreadable) -> list[tuple[str, str]]:
    return [
        (part.class_name, file)
        for part in parts
        for file in part.files
        if file not in unreadable
    ]


def _write_csv(path: pathlib.Path, heading, rows) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([heading, *rows])


def _replace_all(new: pathlib.Path, out: pathlib.Path) -> None:
    """Puts the new files into the place of old ones, if there are any."""
    # The last one in place says that the others belong together.
    (out / RESULTS[-1]).unlink(missing_ok=True)
    (out / "unreadable.csv").unlink(missing_ok=True)
    for name in RESULTS:
        if (new / name).exists():
            os.replace(new / name, out / name)
