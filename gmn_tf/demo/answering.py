"""From samples and added classes to likely classes."""

import dataclasses
import functools
from collections.abc import Callable, Sequence

import numpy as np

from gmn_tf.data.label_map import ADDED
from gmn_tf.data.zero_shot_data import ZeroShotData
from gmn_tf.demo.catalogue import Catalogue, shown
from gmn_tf.demo.uploads import Sample, Uploads
from gmn_tf.images.backbones import Backbone
from gmn_tf.inference.prediction import Predictor
from gmn_tf.utils.errors import InputError, listed

MOST_ADDED = 20  # classes
HELD_BACK = 6  # samples of the run's data that are drawn at once


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
    def _uploads(self) -> Uploads:
        return Uploads(self.predictor.classes, self.backbone)

    @functools.cached_property
    def _data(self) -> ZeroShotData:
        return self.load()

    @property
    def takes_new_classes(self) -> bool:
        """Whether classes can be added by their descriptions."""
        return bool(self.predictor.classifiers[0].embedders)

    def read(self, name: str, content: bytes) -> list[Sample]:
        """The samples in a file; see `Uploads.read`."""
        return self._uploads.read(name, content)

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
