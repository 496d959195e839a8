"""Where the temperature of a run comes from (`method/probabilities`).

Never from a test split. On the tune splits it is fitted on the samples held
back there. A run on the test splits has no such samples: it takes its setting,
or, where no generator would have to be trained once more, leaves the validation
classes and a fifth of the other rows out of its training samples, fits its
classifiers on the rest, and its temperature on what was left out. This is what
a run on the tune splits would do.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from gmn_tf.config import Config
from gmn_tf.data import on_disk
from gmn_tf.data.zero_shot_data import Samples, ZeroShotData
from gmn_tf.method import metrics, probabilities
from gmn_tf.method.classifiers.base import Classifier
from gmn_tf.method.probabilities import Fitted, HeldBack
from gmn_tf_datasets.zero_shot import splits

SETTING = "settings: --temperature, or a search on the tune splits"
TUNE, LEFT_OUT = "tune splits", "left-out classes and rows"
FEWEST_KEPT = 2  # classes that are left to learn from


class Chosen(NamedTuple):
    """The temperature of a run.

    Attributes:
        temperature: by which scores are divided.
        source: where it comes from; None if none is applied.
        reason: why none could be fitted, where that was tried; else empty.
    """

    temperature: float
    source: str | None = None
    reason: str = ""

    @classmethod
    def of(cls, fit: Fitted, source: str) -> "Chosen":
        """What was fitted, or why nothing was."""
        return cls(fit.temperature, None if fit.reason else source, fit.reason)


def choose(
    config: Config,
    data: ZeroShotData,
    models: Sequence[Classifier],
    fit: Callable[[ZeroShotData], Sequence[Classifier]] | None,
) -> Chosen:
    """The temperature of final classifiers, and where it comes from.

    Args:
        config: the settings.
        data: what they have learned from.
        models: the final classifiers, at temperature 1.
        fit: makes such classifiers of other data; None if that would need
            another generator.
    """
    if config.temperature:
        return Chosen(config.temperature, SETTING)
    if config.split == "tune":
        return Chosen.of(fitted(models, data), TUNE)
    inner = left_out(data) if fit else None
    if inner is None:
        held = len(data.validation_classes)
        few = probabilities.too_few(data.num_seen - held, held)
        return Chosen(1.0, reason=few)
    return Chosen.of(fitted(fit(inner), inner), LEFT_OUT)


def fitted(models: Sequence[Classifier], data: ZeroShotData) -> Fitted:
    """The temperature of models, at temperature 1, by the samples held back."""
    predictions = [metrics.predict(model, data) for model in models]
    return probabilities.fit_temperature(HeldBack.of(predictions, data))


def left_out(data: ZeroShotData) -> ZeroShotData | None:
    """Training samples divided like the tune splits; None for too few classes.

    The validation classes take the place of the unseen ones, and a fifth of the
    rows of each other class that of the samples to score.
    """
    is_validation = np.isin(np.arange(data.num_seen), data.validation_classes)
    kept, held = np.flatnonzero(~is_validation), np.flatnonzero(is_validation)
    if len(kept) < FEWEST_KEPT or not len(held):
        return None
    order = np.concatenate([kept, held])
    new_label = np.empty(data.num_seen, np.int32)
    new_label[order] = np.arange(len(order), dtype=np.int32)
    labels = data.train.labels
    unseen = is_validation[labels]
    fifth = splits.a_fifth(labels)

    def samples(rows):
        rows = np.flatnonzero(rows)
        features = on_disk.chosen(data.train.features, rows)
        return Samples(features, new_label[labels[rows]])

    return dataclasses.replace(
        data,
        class_names=tuple(data.class_names[label] for label in order),
        num_seen=len(kept),
        embeddings=data.embeddings[order],
        validation_classes=np.arange(len(kept), len(order)),
        train=samples(~unseen & ~fifth),
        seen=samples(~unseen & fifth),
        unseen=samples(unseen),
        split="tune",
    )
