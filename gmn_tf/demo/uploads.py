"""From the files that a browser sends to features."""

import dataclasses
import functools
import pathlib
import tempfile
import warnings
import zipfile

import numpy as np
import PIL.Image

from gmn_tf.data.label_map import LabelMap
from gmn_tf.images import image_batches
from gmn_tf.images.backbones import Backbone
from gmn_tf.utils.errors import InputError
from gmn_tf_datasets.zero_shot.custom import features as feature_files

ROWS = (".csv", ".npy", ".npz")  # endings of files of features
MOST_ROWS = 24  # that are answered of a file
MOST_PIXELS = 80_000_000  # of a photograph
MOST_UNPACKED = 200_000_000  # bytes of a .npz file


class Sample(dict):
    """A sample: its `name`, `features`, and perhaps its `truth`."""


@dataclasses.dataclass(frozen=True, eq=False)
class Uploads:
    """What reads files.

    Attributes:
        classes: the label map of the run.
        backbone: makes features of photographs; None if it is not known.
    """

    classes: LabelMap
    backbone: Backbone | None = None

    @functools.cached_property
    def _network(self):
        read = image_batches.reader(self.backbone)
        return read, image_batches.compiled(self.backbone)

    def read(self, name: str, content: bytes) -> list[Sample]:
        """The samples in a file: a photograph, or rows of features.

        The file lies in the temporary folder until this returns.

        Args:
            name: of the file.
            content: its bytes.

        Raises:
            InputError: for a file that cannot be read, or does not fit.
        """
        name = pathlib.PurePath(name.replace("\\", "/")).name or "file"
        ending = pathlib.PurePath(name).suffix.lower()
        with tempfile.TemporaryDirectory(prefix="gmn_tf-demo-") as folder:
            path = pathlib.Path(folder, f"sample{ending[:9]}")
            path.write_bytes(content)
            if ending in ROWS:
                return self._rows(name, path)
            return [self._photograph(name, path)]

    def _rows(self, name: str, path: pathlib.Path) -> list[Sample]:
        if unpacked := _too_much(path):
            raise InputError(
                f"{name} is too large.",
                f"at most {MOST_UNPACKED // 10**6} MB when it is unpacked",
                f"{unpacked // 10**6} MB",
                "Send fewer rows.",
            )
        try:
            found = feature_files.read(path)
        except InputError as error:
            raise _renamed(error, path, name) from error
        dim = found.values.shape[1]
        self.classes.check_features_match(dim, found.backbone)
        values = np.asarray(found.values[:MOST_ROWS], np.float32)
        names = found.names or [
            f"{name}, row {n + 1}" for n in range(len(values))
        ]
        return [
            Sample(name=one, features=row) for one, row in zip(names, values)
        ]

    def _photograph(self, name: str, path: pathlib.Path) -> Sample:
        if self.backbone is None:
            raise InputError(
                f"{name} is not a file of features.",
                f"a {' or '.join(ROWS)} file with rows of "
                f"{self.classes.feature_dim} numbers: it is not recorded which "
                "network made the features of this run from photographs",
                path.suffix or "a file without an ending",
                "Drop such a file, or try samples that were held back.",
            )
        reason = _too_large(path)
        if not reason:
            read, network = self._network
            image, pixels = image_batches.decode(path, self.backbone, read)
            reason = image.reason
        if reason:
            raise InputError(
                f"{name} cannot be read.",
                "a photograph, such as JPEG, PNG or WebP",
                reason,
                "Save it in one of these formats, or choose another file.",
            )
        (features,) = network(np.asarray(pixels)[np.newaxis]).numpy()
        return Sample(name=name, features=features)


def _too_large(path: pathlib.Path) -> str:
    """Why a photograph is not decoded: it would need too much memory."""
    try:
        # Pillow warns of what is refused here.
        with (
            warnings.catch_warnings(action="ignore"),
            PIL.Image.open(path) as image,
        ):
            columns, rows = image.size
    except Exception:  # no image, of which the decoder says what is wrong
        return ""
    if columns * rows <= MOST_PIXELS:
        return ""
    return f"{columns} x {rows} pixels, above {MOST_PIXELS // 10**6} million"


def _too_much(path: pathlib.Path) -> int:
    """The unpacked bytes of an archive, if they are above the limit."""
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(one.file_size for one in archive.infolist())
    except Exception:  # no archive, of which its reader says what is wrong
        return 0
    return size if size > MOST_UNPACKED else 0


def _renamed(error: InputError, path: pathlib.Path, name: str) -> InputError:
    """The error with the name that the user knows."""
    parts = [
        str(part).replace(str(path), name).replace(path.name, name)
        for part in (
            error.problem,
            error.expected,
            error.received,
            error.action,
        )
    ]
    return InputError(*parts)
