"""The classes of a run: descriptions, accuracies, confusions."""

import dataclasses
import functools
from collections.abc import Sequence

import numpy as np

from gmn_tf.data import prepared
from gmn_tf.data.label_map import LabelMap
from gmn_tf.descriptions.word_forms import readable
from gmn_tf.runs.mistakes import MOST_CLASSES
from gmn_tf.runs.workdir import Workdir
from gmn_tf.settings import absolute_data_dir
from gmn_tf.utils import tables
from gmn_tf.utils.errors import InputError

STRONGEST = 10  # attributes that are shown of a class
MOST_CONFUSED = 8
AVERAGE = ""  # the name under which the mean of all classes is asked for


@dataclasses.dataclass(frozen=True)
class Catalogue:
    """What is known of the classes of a run.

    Attributes:
        classes: the run's label map.
        descriptions: `[C, da]` as recorded with the data, in the order of the
            labels; None if the data is not there.
        missing: why not.
        accuracies: percent by class name, of those with a sample.
        taken: `[(class, taken for, percent)]`, the largest first.
        notes: what else is missing.
    """

    classes: LabelMap
    descriptions: np.ndarray | None
    missing: str
    accuracies: dict[str, float]
    taken: list[tuple[str, str, float]]
    notes: tuple[str, ...] = ()

    @classmethod
    def read(
        cls, workdir: Workdir, classes: LabelMap, data_dir: str | None = None
    ) -> "Catalogue":
        """What a run and its prepared data say.

        Args:
            workdir: of a finished run.
            classes: its label map.
            data_dir: where the data is now; default: where it was.
        """
        _, source = workdir.read_config()
        descriptions, missing, notes = None, "", []
        folder = absolute_data_dir(data_dir or source["data_dir"])
        try:
            found = prepared.open_prepared(source["name"], folder)
            descriptions = _in_order(found, classes)
        except InputError as error:
            missing = f"{str(error).partition(chr(10))[0]} Check --data_dir."
        accuracies, taken = {}, []
        path = workdir.path / "class_accuracy.csv"
        if path.exists():
            accuracies = {
                row["class"]: float(row["accuracy_percent"])
                for row in tables.read(path, ["class", "accuracy_percent"])
                if row["accuracy_percent"]
            }
        path = workdir.path / "confusions.csv"
        if path.exists():
            taken = [
                (row["class"], row["taken_for"], float(row["percent"]))
                for row in tables.read(path, ["class", "taken_for", "percent"])
                if row["class"] != row["taken_for"]
            ]
            taken.sort(key=lambda one: -one[2])
        elif len(classes.names) <= MOST_CLASSES:
            notes.append(
                "This run does not say which classes are confused; "
                "bin/evaluate writes it."
            )
        else:  # bin/evaluate does not write it then
            notes.append(
                "Which classes are confused is not recorded for runs with more "
                f"than {MOST_CLASSES} classes."
            )
        return cls(
            classes, descriptions, missing, accuracies, taken, tuple(notes)
        )

    @functools.cached_property
    def attributes(self) -> tuple[str, ...]:
        """A name for each number of a description."""
        found = []
        for part in self.classes.scalings:
            columns = part.columns or [
                f"{part.name} {number + 1}" for number in range(part.dim)
            ]
            found += map(shown, columns)
        return tuple(found)

    @functools.cached_property
    def _moments(self):
        return self.descriptions.mean(axis=0), self.descriptions.std(axis=0)

    def description(self, name: str) -> np.ndarray:
        """Of a class, or the mean of all; InputError if it is not known."""
        if self.descriptions is None:
            raise InputError(
                "The descriptions of the classes are not there.",
                "the prepared data of the run",
                self.missing,
                "Start bin/demo with --data_dir=DIR.",
            )
        if name == AVERAGE:
            return self._moments[0]
        if name not in self.classes.names:
            raise _unknown(name)
        return self.descriptions[self.classes.names.index(name)]

    def strongest(self, values: Sequence[float]) -> list[dict]:
        """The numbers of a description that differ most from the usual.

        Returns:
            Of each its `number`, `name` and `value`, the `mean`, `least` and
            `most` of it over the classes of the run, and its `strength`: how
            many standard deviations it is above the mean.
        """
        mean, deviation = self._moments
        values = np.asarray(values, np.float64)
        usable = np.where(deviation > 0.0, deviation, np.inf)
        strength = (values - mean) / usable
        # Of the mean class nothing is strong; then what differs most.
        order = np.lexsort((-deviation / (np.abs(mean) + 1e-9), -abs(strength)))
        least = np.minimum(self.descriptions.min(axis=0), values)
        most = np.maximum(self.descriptions.max(axis=0), values)
        return [
            {
                "number": int(place),
                "name": self.attributes[place],
                "value": float(values[place]),
                "mean": float(mean[place]),
                "least": float(least[place]),
                "most": float(most[place]),
                "strength": float(strength[place]),
            }
            for place in order[:STRONGEST]
            if np.isfinite(usable[place])
        ]

    def look_at(self, name: str) -> dict:
        """All that is known of a class, for the page.

        Raises:
            InputError: for a class that the run does not have.
        """
        kinds = dict(zip(self.classes.names, self.classes.kinds))
        if name not in kinds:
            raise _unknown(name)
        strongest, missing = [], self.missing
        if self.descriptions is not None:
            strongest = self.strongest(self.description(name))
        pairs = {
            "taken_for": [(b, p) for a, b, p in self.taken if a == name],
            "taken_from": [(a, p) for a, b, p in self.taken if b == name],
        }
        return {
            "name": name,
            "shown": shown(name),
            "kind": kinds[name],
            "accuracy": self.accuracies.get(name),
            "strongest": strongest,
            "missing": missing,
            "notes": self.notes,
            **{
                which: [
                    {
                        "name": other,
                        "shown": shown(other),
                        "kind": kinds.get(other),
                        "percent": percent,
                    }
                    for other, percent in those[:MOST_CONFUSED]
                ]
                for which, those in pairs.items()
            },
        }


def _unknown(name: str) -> InputError:
    return InputError(
        "There is no such class.",
        "a class of the run",
        repr(name),
        "Choose another class.",
    )


def _in_order(found: prepared.Prepared, classes: LabelMap) -> np.ndarray:
    """Recorded descriptions by label; InputError for those of other classes."""
    names = list(found.metadata["class_names"])
    values = np.concatenate(found.embeddings, axis=1)
    dim = classes.embedding_dim or values.shape[1]
    if not {*classes.names} <= {*names} or values.shape[1] != dim:
        raise InputError(
            f"The data in {found.data_dir} is not that of the run.",
            f"its {len(classes.names)} classes, described by {dim} numbers",
            f"{len(names)} classes, described by {values.shape[1]} numbers",
            "Name the folder of the run's data with --data_dir.",
        )
    places = {name: place for place, name in enumerate(names)}
    return values[[places[name] for name in classes.names]]


def shown(name: str) -> str:
    """A name of a class or an attribute as people write it.

    As `readable`; `has_bill_shape::hooked` becomes `has bill shape: hooked`.
    """
    return readable(name.replace("::", ": ")) or name
