"""Predicting with a finished run, over its classes and those added later."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import tensorflow as tf

from gmn_tf.data import on_disk, row_blocks
from gmn_tf.data.label_map import LabelMap
from gmn_tf.method.classifiers import base
from gmn_tf.method.classifiers.base import Classifier
from gmn_tf.runs.finished import FinishedRun, check_sizes, load_classifiers
from gmn_tf.runs.workdir import Workdir
from gmn_tf.training import checks, final_classifiers
from gmn_tf.utils.errors import InputError
from gmn_tf_datasets.zero_shot import source


@dataclasses.dataclass(frozen=True)
class Predictor:
    """A run's final classifiers, whose probabilities are averaged.

    Attributes:
        classes: the label map of what they predict.
        classifiers: one per classifier seed, or one if nothing is random.
    """

    classes: LabelMap
    classifiers: tuple[Classifier, ...]

    @classmethod
    def load(cls, workdir: Workdir | str) -> "Predictor":
        """The predictor of a finished run; the run's data is not needed.

        Raises:
            InputError: if it cannot be read.
        """
        workdir = Workdir(str(workdir))
        config, _ = workdir.read_config()
        workdir.check_finished()
        classes = workdir.read_label_map()
        models = tuple(load_classifiers(workdir, config))
        sizes = {
            "feature_dim": classes.feature_dim,
            "num_classes": len(classes.names),
            "embedding_dim": classes.embedding_dim,
        }
        for model in models:
            check_sizes(
                f"The classifiers and classes.json in {workdir} do not match.",
                model.sizes,
                sizes,
                "Train again into another --workdir.",
            )
        return cls(classes, models)

    @property
    def represent(self) -> Callable:
        """Scaled features -> what all classifiers of the run see."""
        return self.classifiers[0].represent

    def probabilities(self, features) -> np.ndarray:
        """Features `[n, dx]` -> probabilities `[n, C]`; each row sums to 1.

        They are scaled here as the training's were, so give them as they were
        extracted, not those of a `ZeroShotData` that has scaled them.

        Raises:
            InputError: for features of another size, or that are not finite.
        """
        blocks = self._in_blocks(lambda found: found, features)
        return np.concatenate([*blocks])

    def top(self, features, k: int = 5) -> list[list[tuple[str, float]]]:
        """The likeliest classes of each sample with their probabilities.

        Args:
            features: `[n, dx]`; see `probabilities`.
            k: how many classes, or all if there are fewer.
        """
        return [*self.each_top(features, k)]

    def each_top(
        self, features, k: int = 5
    ) -> Iterator[list[tuple[str, float]]]:
        """`top` of one sample after another, of which it keeps none.

        Args:
            features: `[n, dx]`; see `probabilities`.
            k: how many classes, or all if there are fewer.

        Raises:
            InputError: as of `probabilities`, before the first answer.
        """
        k = min(k, len(self.classes.names))
        blocks = self._in_blocks(
            lambda found: tf.math.top_k(found, k), features
        )
        names = self.classes.names
        return (
            [(names[c], p) for c, p in zip(*both)]
            for values, places in blocks
            for both in zip(places.numpy().tolist(), values.numpy().tolist())
        )

    def _in_blocks(self, read: Callable, features) -> Iterator:
        """What is read off the probabilities of some samples at once."""
        if not isinstance(features, np.ndarray):  # it may be a file's
            features = np.asarray(features, np.float32)
        if features.ndim != 2:
            raise InputError(
                "Features are not a matrix.",
                "one row per sample, [n, dx]",
                f"an array of shape {features.shape}",
                "Give a single sample as [1, dx].",
            )
        self.classes.check_features_match(features.shape[1], None)
        action = "Extract the features of these samples again."
        source.check_finite(features, "The array", "samples", action, 0)
        terms = [model.terms for model in self.classifiers]
        scaled, represent = self.classes.feature_scaling, self.represent

        def of_block(rows):
            block = scaled(np.asarray(features[rows], np.float32))
            return read(mean_probabilities(represent(block), terms))

        rows = row_blocks.blocks(len(features), len(self.classes.names))
        return map(of_block, rows)

    def with_classes(self, names: Sequence[str], values) -> "Predictor":
        """Adds classes at once, by f(x, a) of their descriptions.

        Args:
            names: of `k` classes.
            values: `[k, da]` raw descriptions, like those of the data set.

        Raises:
            InputError: for names that are taken, other descriptions, or a
                linear classifier.
        """
        classes = self.classes.with_added(names)
        embeddings = self.classes.scaled(np.asarray(values), names)
        models = (
            base.with_classes(model, embeddings) for model in self.classifiers
        )
        return Predictor(classes, tuple(models))


def mean_probabilities(features, terms):
    """Features `[n, dx]` -> the mean over classifiers of softmax(scores).

    Args:
        features: `[n, dx]`, or the representation of features.
        terms: of each classifier; see `classifiers.base.scores`.
    """
    return tf.reduce_mean(
        [tf.nn.softmax(base.scores(features, one)) for one in terms], axis=0
    )


@on_disk.reporting_data_loss()
def synthesised(
    run: FinishedRun,
    names: Sequence[str],
    values,
    on_epoch: Callable[[], None] = lambda: None,
) -> Predictor:
    """Adds classes by synthetic features, and fits the classifiers again.

    The run would have done the same, had it known these classes (3.4): its
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
    generator = run.require_generator(checks.WITHOUT_SYNTHESIS)
    known = LabelMap.of(run.data)
    classes = known.with_added(names)
    embeddings = known.scaled(np.asarray(values), names)
    data = dataclasses.replace(
        run.data,
        class_names=classes.names,
        embeddings=np.concatenate([run.data.embeddings, embeddings]),
    )
    models = final_classifiers.fit(run.config, data, generator, on_epoch)
    fitted = run.workdir.load_model("classifier_0", Classifier)
    for model in models:
        model.temperature = fitted.temperature
    return Predictor(classes, tuple(models))
