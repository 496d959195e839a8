"""Predicting with a finished run, over its classes and those added later."""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from gmn_tf.data import on_disk
from gmn_tf.data.label_map import LabelMap
from gmn_tf.method import classifier
from gmn_tf.method.classifier import Classifier
from gmn_tf.runs import experiment
from gmn_tf.runs.finished import FinishedRun
from gmn_tf.runs.workdir import Workdir
from gmn_tf.utils.errors import InputError
from gmn_tf.utils.files import parse_json

ROWS_AT_ONCE = 4096


@dataclasses.dataclass(frozen=True)
class Predictor:
    """A run's final classifiers, whose probabilities are averaged.

    Attributes:
        classes: what they tell apart.
        classifiers: one per classifier seed.
    """

    classes: LabelMap
    classifiers: tuple[Classifier, ...]

    @classmethod
    def load(cls, workdir: Workdir | str) -> "Predictor":
        """That of a finished run; its data is not needed.

        Raises:
            InputError: if it cannot be read.
        """
        workdir = workdir if isinstance(workdir, Workdir) else Workdir(workdir)
        config, _ = workdir.read_config()
        if not workdir.finished():
            raise InputError(
                f"The run in {workdir} has not come to its end.",
                "a finished run of bin/train",
                "no metrics.json",
                "give the same bin/train again, which goes on",
            )
        classes = read_classes(workdir)
        models = tuple(
            workdir.load_model(f"classifier_{number}", Classifier)
            for number in range(config.classifier_seeds)
        )
        for model in models:
            _check_classes_match(workdir, model, classes)
        return cls(classes, models)

    def probabilities(self, features) -> np.ndarray:
        """Features `[n, dx]` -> probabilities `[n, C]`; a row's sum is 1.

        Raises:
            InputError: for features of another size, or that are not finite.
        """
        features = np.asarray(features, np.float32)
        if features.ndim != 2:
            raise InputError(
                "Features are no table.",
                "one row per sample, [n, dx]",
                f"an array of shape {features.shape}",
                "give a single sample as [1, dx]",
            )
        self.classes.check_features_match(features.shape[1], None)
        if not np.isfinite(features).all():
            rows = np.flatnonzero(~np.isfinite(features).all(axis=1))
            raise InputError(
                "Features have values that are not finite.",
                "finite numbers in every row",
                f"NaN or infinity in {len(rows)} rows, the first {rows[0]}",
                "extract the features of these samples again",
            )
        parts = [
            self._probabilities(features[start : start + ROWS_AT_ONCE])
            for start in range(0, len(features), ROWS_AT_ONCE)
        ]
        return np.concatenate(parts or [self._probabilities(features)])

    def top(self, features, k: int = 5) -> list[list[tuple[str, float]]]:
        """The likeliest classes of each sample with their probabilities.

        Args:
            features: `[n, dx]`.
            k: how many classes, or all if there are fewer.
        """
        probabilities = self.probabilities(features)
        order = np.argsort(-probabilities, axis=1, kind="stable")[:, :k]
        return [
            [(self.classes.names[c], float(row[c])) for c in best]
            for row, best in zip(probabilities, order)
        ]

    def with_classes(self, names: Sequence[str], values) -> "Predictor":
        """Knows more classes at once, by f(x, a) of their descriptions.

        Args:
            names: of `k` classes.
            values: `[k, da]` raw descriptions, like those of the data set.

        Raises:
            InputError: for names that are taken, other descriptions, or a
                linear classifier.
        """
        classes = self.classes.with_added(names)
        embeddings = self.classes.scaled(np.asarray(values), names)
        return Predictor(
            classes,
            tuple(
                classifier.with_classes(model, embeddings)
                for model in self.classifiers
            ),
        )

    def _probabilities(self, features: np.ndarray) -> np.ndarray:
        each = [tf.nn.softmax(model(features)) for model in self.classifiers]
        return np.mean(each, axis=0)


@on_disk.reporting_data_loss()
def synthesised(
    run: FinishedRun,
    names: Sequence[str],
    values,
    on_epoch: Callable[[], None] = lambda: None,
) -> Predictor:
    """Knows more classes by synthetic features and classifiers fitted anew.

    That is what the run would have done, had it known them (3.4): its
    generator learns from seen classes alone, unless it is transductive.

    Args:
        run: with its data.
        names: of `k` classes.
        values: `[k, da]` raw descriptions, like those of the data set.
        on_epoch: called after each epoch of a classifier.

    Raises:
        InputError: for names that are taken, other descriptions, or a run
            without a generator.
    """
    generator = run.load_generator()
    if generator is None:
        raise InputError(
            f"The variant {run.config.variant} makes no synthetic features.",
            "a run with a generator",
            str(run.workdir),
            "add the classes without synthesising, or choose another run",
        )
    known = LabelMap.of(run.data, run.config.embedding_norm)
    classes = known.with_added(names)
    embeddings = known.scaled(np.asarray(values), names)
    data = dataclasses.replace(
        run.data,
        class_names=classes.names,
        embeddings=np.concatenate([run.data.embeddings, embeddings]),
    )
    return Predictor(
        classes,
        tuple(
            experiment.fit_classifiers(run.config, data, generator, on_epoch)
        ),
    )


def _check_classes_match(
    workdir: Workdir, model: Classifier, classes: LabelMap
) -> None:
    """Raises InputError if names would be given to other classes."""
    given = {
        "feature_dim": classes.feature_dim,
        "num_classes": len(classes.names),
    }
    if model.sizes["embedding_dim"] is not None and classes.scalings:
        given["embedding_dim"] = classes.embedding_dim
    for name, size in given.items():
        if model.sizes[name] != size:
            raise InputError(
                f"The classifiers and classes.json in {workdir} do not fit.",
                f"{name} {model.sizes[name]}",
                f"{name} {size}",
                "train again into another --workdir",
            )


def read_classes(workdir: Workdir) -> LabelMap:
    """The classes of a finished run.

    Raises:
        InputError: if they cannot be read.
    """
    path = workdir.path / "classes.json"
    try:
        return LabelMap.from_dict(parse_json(path.read_text("utf-8")))
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"Cannot read {path}.",
            "the folder of a finished run of bin/train",
            str(error),
            "check --workdir; runs made before there was such a file have to "
            "be made again",
        ) from error
