"""From what a browser sends to likely classes."""

import dataclasses
import functools
import pathlib
import tempfile
import warnings
import zipfile
from collections.abc import Callable, Sequence

import numpy as np
import PIL.Image

from gmn_tf.data.label_map import ADDED
from gmn_tf.data.zero_shot_data import ZeroShotData
from gmn_tf.demo.catalogue import Catalogue, shown
from gmn_tf.images import image_batches
from gmn_tf.images.backbones import Backbone
from gmn_tf.inference.prediction import Predictor
from gmn_tf.utils.errors import InputError, listed
from gmn_tf_datasets.zero_shot.custom import features as feature_files

ROWS = (".csv", ".npy", ".npz")  # endings of files of features
MOST_ROWS = 24  # that are answered of a file
MOST_PIXELS = 80_000_000  # of a photograph
MOST_UNPACKED = 200_000_000  # bytes of a .npz file
MOST_ADDED = 20  # classes
HELD_BACK = 6  # samples of the run's data that are drawn at once


class Sample(dict):
    """A sample: its `name`, `features`, and perhaps its `truth`."""


@dataclasses.dataclass(frozen=True, eq=False)
class Demo:
    """What answers a page.

    Attributes:
        predictor: of the run.
        catalogue: of its classes.
        backbone: makes features of photographs; None if it is not known.
        load: reads the data of the run, for samples held back.
        describe: makes descriptions `[n, da]` of names and of sentences about
            these; None if the classes of the run were not described by words.
        calibrated: whether a temperature was found for the probabilities.
    """

    predictor: Predictor
    catalogue: Catalogue
    backbone: Backbone | None = None
    load: Callable[[], ZeroShotData] | None = None
    describe: Callable[[Sequence[str], Sequence[str]], np.ndarray] | None = None
    calibrated: bool = False

    @functools.cached_property
    def _network(self):
        read = image_batches.reader(self.backbone)
        return read, image_batches.compiled(self.backbone)

    @functools.cached_property
    def _data(self) -> ZeroShotData:
        return self.load()

    @property
    def takes_new_classes(self) -> bool:
        """Whether classes can be added by their descriptions."""
        return bool(self.predictor.classifiers[0].embedders)

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
        self.predictor.classes.check_features_match(dim, found.backbone)
        values = np.asarray(found.values[:MOST_ROWS], np.float32)
        names = found.names or [
            f"{name}, row {n + 1}" for n in range(len(values))
        ]
        return [
            Sample(name=one, features=row) for one, row in zip(names, values)
        ]

    def _photograph(self, name: str, path: pathlib.Path) -> Sample:
        classes = self.predictor.classes
        if self.backbone is None:
            raise InputError(
                f"{name} is not a file of features.",
                f"a {' or '.join(ROWS)} file with rows of "
                f"{classes.feature_dim} numbers: it is not recorded which "
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

    def held_back(self, seed: int) -> list[Sample]:
        """Some samples of the run's data that nothing was learned from.

        Raises:
            InputError: if the data is not there.
        """
        data = self._data
        rng = np.random.default_rng(seed)
        parts = (("unseen", data.unseen), ("seen", data.seen))
        found = []
        for kind, part in parts:
            count = min(HELD_BACK // len(parts), len(part))
            rows = np.sort(rng.choice(len(part), count, replace=False))
            scaled = part.features[rows] if count else ()
            for row, features in zip(rows, scaled):
                truth = data.class_names[part.labels[row]]
                found.append(
                    Sample(
                        name=f"{kind} class, sample {row + 1}",
                        features=features,
                        truth=truth,
                        shown=shown(truth),
                    )
                )
        return found

    def describes(self, name: str, sentence: str) -> np.ndarray:
        """The description `[da]` of a class by its name and a sentence.

        Raises:
            InputError: if words do not describe the classes of this run.
        """
        if self.describe is None:
            parts = [part.name for part in self.predictor.classes.scalings]
            raise InputError(
                "Words cannot describe a class of this run.",
                "a run whose classes were described by words",
                f"classes described by {self.predictor.classes.embedding_dim} "
                f"numbers ({listed(parts)})",
                "Use the sliders.",
            )
        return self.describe([name], [sentence])[0]

    @functools.lru_cache(8)  # noqa: B019 - one for the whole process
    def _with(self, names: tuple, values: tuple) -> Predictor:
        return self.predictor.with_classes(names, np.array(values))

    def answers(
        self, features, names: Sequence[str], values, top_k: int
    ) -> list[list[dict]]:
        """The likeliest classes of samples, among those added too.

        Args:
            features: `[n, dx]`, as they were extracted, or none.
            names: of `k` added classes.
            values: `[k, da]`, their descriptions.
            top_k: how many; added classes follow wherever their place is.

        Raises:
            InputError: for features or classes that do not fit.
        """
        if len(names) > MOST_ADDED:
            raise InputError(
                "Too many added classes.",
                f"at most {MOST_ADDED}",
                str(len(names)),
                "Remove some, or predict with bin/predict --classes=FILE.",
            )
        predictor = self.predictor
        if names:
            predictor = self._with(tuple(names), tuple(map(tuple, values)))
        if not len(features):
            return []
        kinds = dict(zip(predictor.classes.names, predictor.classes.kinds))
        return [
            [
                {
                    "name": name,
                    "shown": name if kinds[name] == ADDED else shown(name),
                    "kind": kinds[name],
                    "probability": probability,
                    "rank": rank,
                }
                for rank, (name, probability) in enumerate(top, start=1)
                if rank <= top_k or kinds[name] == ADDED
            ]
            for top in predictor.top(features, len(kinds))
        ]


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
