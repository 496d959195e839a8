"""Features of images: of single files, or of a folder with all its classes."""

import dataclasses
import os
import pathlib
import time
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from gmn_tf.images import backbone_records, image_folder
from gmn_tf.images.backbones import Backbone
from gmn_tf.images.feature_store import (
    FeatureStore,
    check_some_readable,
    key,
    with_reasons,
)
from gmn_tf.images.image_batches import batches
from gmn_tf.images.image_folder import by_reason
from gmn_tf.utils import locks
from gmn_tf.utils.errors import InputError, check_choice, counted, listed

BATCH_SIZE = 32
UNREADABLE = ("stop", "skip")
# What extraction.json lists, and how a person reads it.
REMARKS = {
    "unreadable": "Unreadable images, left out (see unreadable.csv)",
    "turned": "Turned upright, as EXIF orientation says",
    "transparent": "Transparent in parts, where white shows through",
}


class Features(NamedTuple):
    """Features of some images.

    Attributes:
        values: `[n, dx]` of the readable images, in their order.
        unreadable: reasons of the others, by path.
        turned: EXIF's numbers of the orientations that images were turned
            from, by path.
        transparent: those of which some was transparent.
    """

    values: np.ndarray
    unreadable: dict[str, str]
    turned: dict[str, int]
    transparent: list[str]


@dataclasses.dataclass(frozen=True)
class Summary:
    """What an extraction found and computed; as a text, for a person.

    Attributes:
        out: the folder of the features.
        record: the contents of extraction.json.
        computed: images that this call computed.
        seconds: the time that they took.
    """

    out: pathlib.Path
    record: dict
    computed: int
    seconds: float

    def __str__(self):
        record, backbone = self.record, self.record["backbone"]
        counts = record["classes"]
        lines = [
            f"{self.out} has the features of "
            f"{counted(record['images'], 'image')} in "
            f"{counted(sum(map(bool, counts.values())), 'class', 'classes')}: "
            f"{backbone['feature_dim']} numbers each, by {backbone['name']} "
            f"(weights: {backbone['weights']}).",
            "All features were there already; nothing was computed.",
        ]
        if self.computed:
            before = record["images"] + len(record["unreadable"])
            before -= self.computed
            lines[-1] = (
                f"Computed: {self.computed} in {self.seconds:.0f} s, "
                f"{self.computed / self.seconds:.1f} images/s."
                + (f" Computed before: {before}." if before else "")
            )
        remarks = {what: record[name] for name, what in REMARKS.items()}
        remarks["Classes without any image"] = [
            name for name, count in counts.items() if not count
        ]
        lines += [
            f"{what}: {len(those)}: {listed(those, 3)}."
            for what, those in remarks.items()
            if those
        ]
        others = by_reason(record["left_out"])
        lines += [f"Left out: {reason}." for reason in others]
        return "\n".join(lines)


def features_of(
    paths: Sequence[str | os.PathLike],
    backbone: Backbone,
    unreadable: str = "stop",
    batch_size: int = BATCH_SIZE,
    quiet: bool = True,
) -> Features:
    """Features of image files.

    Args: those of `run`, and
        paths: the files.

    Raises:
        InputError: if an image cannot be read and `unreadable` is `stop`, or
            none of them can be.
    """
    features = [np.empty((0, backbone.description["feature_dim"]), np.float32)]
    reasons, turned, transparent = {}, {}, []
    for batch in batches(paths, backbone, batch_size, quiet):
        features += [i.feature[None] for i in batch if not i.reason]
        reasons |= {str(i.path): i.reason for i in batch if i.reason}
        turned |= {str(i.path): i.turned for i in batch if i.turned}
        transparent += [str(i.path) for i in batch if i.transparent]
        if unreadable == "stop":
            _check_readable(reasons)
    check_some_readable(len(features) - 1, reasons)
    return Features(np.concatenate(features), reasons, turned, transparent)


def run(
    images: str | os.PathLike,
    out: str | os.PathLike,
    backbone: Backbone,
    unreadable: str = "stop",
    batch_size: int = BATCH_SIZE,
    quiet: bool = False,
) -> Summary:
    """Writes the features of a folder of images; resumes if interrupted.

    Args: those of `gmn_tf.extract_features`, and
        backbone: what makes the features.
        batch_size: images that the network sees at once.

    Raises:
        InputError: if there are no images, some cannot be read and
            `unreadable` is `stop`, or `out` has other contents.
    """
    check_choice("unreadable", unreadable, UNREADABLE)
    root, out = pathlib.Path(images), pathlib.Path(out)
    if out.is_file() or out.resolve().is_relative_to(root.resolve()):
        raise InputError(
            "The features would lie among the images, or in a file.",
            f"--out, a new or existing folder beside {root}, not in it",
            f"{out}, a file" if out.is_file() else str(out),
            "Choose another --out.",
        )
    listing, description = image_folder.scan(root), backbone.description
    FeatureStore(out, description)  # checks it before the lock makes a file
    with locks.exclusive(out):
        store = FeatureStore(out, description)
        identity = backbone_records.identity(description)
        keys = {file: key(root, file, identity) for _, file in listing.images}
        if unreadable == "stop":
            _check_readable(store.unreadable(keys))
        missing = [file for file in keys if keys[file] not in store.stored]
        quiet = quiet or not missing
        began = time.monotonic()
        paths = [root / file for file in missing]
        for batch in batches(paths, backbone, batch_size, quiet):
            files = [i.path.relative_to(root).as_posix() for i in batch]
            named = {file: keys[file] for file in files}
            store.write(dict(zip(named.values(), batch)))
            if unreadable == "stop":
                _check_readable(store.unreadable(named))
        record = store.finish(keys, listing)
        return Summary(out, record, len(missing), time.monotonic() - began)


def _check_readable(reasons: dict[str, str]) -> None:
    if reasons:
        raise InputError(
            f"Cannot read some images: {len(reasons)} so far.",
            "whole image files, such as JPEG or PNG",
            with_reasons(reasons),
            "Replace or remove them and give the same command again, or leave "
            "them out with --unreadable=skip.",
        )
