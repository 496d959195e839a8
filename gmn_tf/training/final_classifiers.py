"""Final classifiers and what they learn from, by a `Config` (section 3.4)."""

from typing import NamedTuple

import numpy as np

from gmn_tf.config import BOTH, Config
from gmn_tf.data.zero_shot_data import ZeroShotData
from gmn_tf.method import synthesis, variants
from gmn_tf.method.classifiers import table
from gmn_tf.utils import registry
from gmn_tf.utils.errors import InputError, listed


def settings(config: Config, name: str) -> NamedTuple:
    """The settings of one kind of final classifier.

    Args:
        config: all settings.
        name: of `CLASSIFIERS`.
    """
    kind = table.settings(name)
    prefixes = table.CLASSIFIERS.prefixes(name)
    found = {}
    for field in kind._fields:
        names = [prefix + field for prefix in prefixes]
        known = [one for one in names if hasattr(config, one)]
        if not known:
            raise InputError(
                f"The classifier {name} has a setting {field} that no run has.",
                "a field of its `settings` in the row of CLASSIFIERS, or one "
                "with a prefix of that row",
                listed(names) or "no prefix",
                registry.ADVICE,
            )
        found[field] = getattr(config, known[0])
    return kind(**found)


def fits(config: Config, name: str) -> int:
    """How many of a kind are trained; one stands for all if none is random."""
    random = table.CLASSIFIERS[name].random
    return config.classifier_seeds if random else 1


def epochs(config: Config) -> int:
    """Epochs of all parts of all final classifiers."""
    return sum(
        fits(config, part.name) * settings(config, part.name).epochs
        for part in config.classifier_parts
    )


def unit(config: Config) -> str:
    """What a bar counts: epochs, or classifiers if all are fitted at once."""
    parts = config.classifier_parts
    random = any(table.CLASSIFIERS[part.name].random for part in parts)
    return "epoch" if random else "classifier"


def synthetic_counts(config: Config, data: ZeroShotData) -> np.ndarray:
    """How many synthetic samples each class gets, `[C]`."""
    return synthesis.synthetic_counts(
        data.train,
        data.num_seen,
        data.num_classes,
        config.synthetic_per_class,
        config.seen_floor,
    )


def note_on_rows(config: Config) -> str:
    """Where synthetic samples are asked for by name, and none are made.

    A note, not an error: real_only is trained with the settings of any other
    variant, as the baseline of a run is.
    """
    has_generator = variants.VARIANTS[config.variant].has_generator
    if has_generator or "," not in config.classifier_rows:
        return ""
    return (
        f"--variant={config.variant} makes no synthetic samples, so that "
        f"--classifier_rows={config.classifier_rows} is real for all parts. "
        "For synthetic ones choose a variant such as cwgan_gm."
    )


def note_on_memory(config: Config, data: ZeroShotData) -> str:
    """Where synthetic samples are drawn again in each epoch, which takes time.

    Samples of which a classifier sees a representation may need less or more.
    """
    uses = any(part.rows == BOTH for part in config.classifier_parts)
    if not (variants.VARIANTS[config.variant].has_generator and uses):
        return ""
    counts = synthetic_counts(config, data)
    size = synthesis.size_in_bytes(counts, data.feature_dim)
    if size <= data.memory:
        return ""
    return (
        f"{counts.sum()} synthetic features need {size / 2**30:.1f} GB, more "
        f"than --memory_gb={data.memory / 2**30:g}: they are drawn again in "
        "each epoch of the final classifiers. More memory makes these faster."
    )
