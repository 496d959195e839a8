"""The real samples that synthetic ones are compared with during training.

None of them is of a test class. In the `tune` split, those of the validation
classes are also scored; they are shown, and decide nothing.
"""

import numpy as np

from gmn_tf.data.zero_shot_data import Samples, ZeroShotData
from gmn_tf.method import synthesis


def monitored_samples(data: ZeroShotData, split: str) -> Samples:
    """The real samples that synthetic ones may be compared with.

    Args:
        data: as loaded for `split`.
        split: `test` gives the training samples, among them those of the
            validation classes; `tune` adds the samples of the validation
            classes, which are the unseen ones there.
    """
    if split == "tune":
        return synthesis.joined(data.train, data.unseen)
    return data.train


def moment_differences(
    real: np.ndarray, fake: np.ndarray
) -> dict[str, np.floating]:
    """How far synthetic features are from real ones, as a distribution.

    Args:
        real: `[n, dx]` real features.
        fake: `[m, dx]` synthetic features.

    Returns:
        `mean_difference` and `std_difference`: absolute, averaged over
        dimensions, in the unit of a feature. `total_variance_difference`:
        relative to the real one; below 0 synthetic samples vary too little.
        `real_zeros` and `fake_zeros`: shares of numbers that are zero.
    """
    real_variance, fake_variance = real.var(axis=0), fake.var(axis=0)
    total = max(real_variance.sum(), np.finfo(np.float32).tiny)
    return {
        "mean_difference": np.abs(fake.mean(axis=0) - real.mean(axis=0)).mean(),
        "std_difference": np.abs(
            np.sqrt(fake_variance) - np.sqrt(real_variance)
        ).mean(),
        "total_variance_difference": fake_variance.sum() / total - 1.0,
        "real_zeros": np.mean(real == 0.0),
        "fake_zeros": np.mean(fake == 0.0),
    }


def class_groups(data: ZeroShotData, real: Samples) -> dict[str, np.ndarray]:
    """The classes of the samples, validation classes apart; no empty group."""
    labels = np.unique(real.labels)
    validation = np.isin(labels, data.validation_classes)
    groups = {"seen": labels[~validation], "validation": labels[validation]}
    return {name: classes for name, classes in groups.items() if len(classes)}


def take(samples: Samples, classes, per_class: int) -> Samples:
    """At most `per_class` samples of each class, evenly from their order."""
    rows = np.concatenate(
        [
            spread(np.flatnonzero(samples.labels == label), per_class)
            for label in classes
        ]
    )
    return Samples(samples.features[rows], samples.labels[rows])


def spread(values: np.ndarray, number: int) -> np.ndarray:
    """At most `number` of the values, evenly spaced."""
    number = min(number, len(values))
    return values[np.arange(number) * len(values) // number]
