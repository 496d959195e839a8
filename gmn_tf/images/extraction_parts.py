"""The folder of extracted features, filled part by part.

A part is kept as it is computed, and its key tells whether the images have
changed since. `extraction_result` puts the parts together at the end; from
then on, they are rows of features.npy.
"""

import itertools
import json
import pathlib
import zipfile
from typing import NamedTuple

import numpy as np

from gmn_tf.images import backbones
from gmn_tf.images.image_folder import Listing
from gmn_tf.images.image_parts import Part
from gmn_tf.utils import files
from gmn_tf.utils.errors import InputError
from gmn_tf.utils.files import replacing

COMMAND = "bin/extract_features"
RESULTS = ("features.npy", "labels.csv", "unreadable.csv", "extraction.json")


class Content(NamedTuple):
    """What became of the images of a part.

    Attributes:
        features: `[k, dx]`, of those that could be read, in their order.
        unreadable: file -> reason, of the others.
        turned: file -> EXIF orientation, where it is not upright.
    """

    features: np.ndarray
    unreadable: dict[str, str]
    turned: dict[str, int]


class Folder:
    """The folder of the features of one set of images by one backbone.

    Args:
        path: the folder; it is made by `start`.
    """

    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.parts = self.path / "parts"
        self.record = self._read_json(self.path / "extraction.json")
        self._rows = self._rows_of_parts()  # key -> first row, and past last

    def check_same_run(self, description: dict) -> None:
        """Raises InputError if the folder is not for this backbone."""
        unfinished = self._read_json(self.parts / "backbone.json")
        for there in ((self.record or {}).get("backbone"), unfinished):
            if there is None:
                continue
            there = there if isinstance(there, dict) else {}
            old, new = map(backbones.identity, (there, description))
            changed = [name for name in new if new[name] != old[name]]
            if changed:
                raise InputError(
                    f"{self.path} holds features of another backbone.",
                    ", ".join(f"{name} {old[name]}" for name in changed),
                    ", ".join(f"{name} {new[name]}" for name in changed),
                    "choose another --out, or remove that folder",
                )
        if not unfinished:
            self._check_plausible()

    def _check_plausible(self) -> None:
        """Raises InputError for files that somebody else has put here."""
        # `start` can be stopped before it says whose parts these are.
        strange = [
            f"parts/{path.name}"
            for path in self.parts.glob("*")
            if not path.name.startswith(".tmp-")
        ][:1]
        if "parts" not in (self.record or {}):
            strange += [n for n in RESULTS if (self.path / n).exists()]
        if strange:
            raise InputError(
                f"{self.path} has a {strange[0]} that {COMMAND} did not write.",
                "a new folder, or one that it wrote",
                "no extraction.json of that command beside it",
                "choose another --out",
            )

    def start(self, description: dict) -> None:
        """Makes the folder, and says in it whose features it is for."""
        self.parts.mkdir(parents=True, exist_ok=True)
        with replacing(self.parts / "backbone.json") as temporary:
            temporary.write_text(json.dumps(description), encoding="utf-8")

    def is_complete(
        self, parts: list[Part], description: dict, listing: Listing
    ) -> bool:
        """Whether all of these, and nothing else, have been put together."""
        return (
            list(self._rows) == [part.key for part in parts]
            and self.record["backbone"] == description
            and list(self.record["classes"]) == listing.classes
            and self.record.get("not_images") == listing.others
        )

    def notes(self, part: Part) -> Content | None:
        """What is there of a part, without its features; None: nothing."""
        if part.key in self._rows:
            return self._finished(part)
        try:
            with np.load(self._file(part), allow_pickle=False) as stored:
                notes = files.parse_json(stored["notes"].tobytes())
            return Content(np.empty((0, 0), np.float32), **notes)
        except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile):
            return None  # not there, or cut off when the power was

    def unreadable(self, parts: list[Part]) -> dict[str, str]:
        """File and reason of what could not be read of parts that are there."""
        notes = filter(None, map(self.notes, parts))
        return {k: v for note in notes for k, v in note.unreadable.items()}

    def read(self, part: Part) -> Content:
        """A part that is there."""
        if part.key in self._rows:
            rows = slice(*self._rows[part.key])
            features = np.array(self._finished_features()[rows])
        else:
            with np.load(self._file(part), allow_pickle=False) as stored:
                features = stored["features"]
        return self.notes(part)._replace(features=features)

    def write(self, part: Part, content: Content) -> None:
        """Keeps a part, whole or not at all."""
        notes = {"unreadable": content.unreadable, "turned": content.turned}
        with replacing(self._file(part)) as temporary:
            np.savez(
                temporary,
                features=content.features,
                notes=np.frombuffer(json.dumps(notes).encode(), np.uint8),
            )

    def _file(self, part: Part) -> pathlib.Path:
        return self.parts / f"{part.key}.npz"

    def _finished(self, part: Part) -> Content:
        noted = (
            {file: those[file] for file in part.files if file in those}
            for those in (self.record["unreadable"], self.record["turned"])
        )
        return Content(np.empty((0, 0), np.float32), *noted)

    def _finished_features(self) -> np.ndarray:
        return np.load(
            self.path / "features.npy", mmap_mode="r", allow_pickle=False
        )

    def _rows_of_parts(self) -> dict[str, tuple[int, int]]:
        """Where each part lies in features.npy, if there is a whole one."""
        try:
            keys, sizes = zip(*self.record["parts"])
            ends = list(itertools.accumulate(sizes))
            shape = (ends[-1], self.record["backbone"]["feature_dim"])
            labels = self.path / "labels.csv"
            for name in ("unreadable", "turned", "classes"):
                self.record[name].keys()
            if self._finished_features().shape != shape or not labels.exists():
                return {}
            return dict(zip(keys, zip([0, *ends], ends)))
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            return {}  # then all is computed again

    def _read_json(self, path: pathlib.Path) -> dict | None:
        try:
            content = files.parse_json(path.read_text("utf-8"))
            if not isinstance(content, dict):
                raise ValueError(f"{type(content).__name__}, not an object")
            return content
        except (FileNotFoundError, NotADirectoryError):
            return None
        except ValueError as error:
            raise InputError(
                f"Cannot read {path}.",
                f"what {COMMAND} wrote",
                str(error),
                "choose another --out, or remove that folder",
            ) from error
