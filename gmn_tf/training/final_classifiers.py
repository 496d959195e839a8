"""Final classifiers and what they learn from, by a `Config` (section 3.4)."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from gmn_tf.config import BOTH, KERNEL, Config
from gmn_tf.data.zero_shot_data import Samples, ZeroShotData
from gmn_tf.method import (
    kernel_features,
    representation,
    synthesis,
    variants,
)
from gmn_tf.method.classifiers import combination, table
from gmn_tf.method.classifiers.base import Classifier, Task, assemble
from gmn_tf.training import precision
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


def num_fitted(config: Config, name: str) -> int:
    """How many of a kind are trained; one stands for all if none is random."""
    random = table.CLASSIFIERS[name].random
    return config.classifier_seeds if random else 1


def num_models(config: Config) -> int:
    """How many final classifiers there are: one if nothing is random."""
    parts = config.classifier_parts
    return max(num_fitted(config, part.name) for part in parts)


def epochs(config: Config) -> int:
    """Epochs of all parts of all final classifiers."""
    return sum(
        num_fitted(config, part.name) * settings(config, part.name).epochs
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


def fit(
    config: Config,
    data: ZeroShotData,
    generator,
    on_epoch: Callable[[], None] = lambda: None,
    fitted: dict | None = None,
) -> list[Classifier]:
    """The final classifiers, one per classifier seed if anything is random.

    Args:
        config: the settings.
        data: what to learn from.
        generator: makes the samples of unseen classes; None for real samples
            only.
        on_epoch: called after each epoch.
        fitted: keeps parts for the next call with the same generator, which
            takes those that it would train again.

    Raises:
        InputError: if training diverged.
    """
    fitted = {} if fitted is None else fitted
    of_parts = fit_parts(config, data, generator, on_epoch, fitted)
    weights = [part.weight for part in config.classifier_parts]
    seen_as = _seen_as(config, data, generator, fitted)
    real = data.train
    if len(of_parts) > 1:
        real = _real(config, data, seen_as)
    models = [
        combination.combine(several, weights, real.features)
        if len(several) > 1
        else several[0]
        for several in zip(*of_parts)
    ]
    if seen_as is not None:
        full = seen_as.in_full_precision()
        models = [assemble(one.terms, one.embedders, full) for one in models]
    for model in models:
        model.penalise_seen(data.num_seen, config.seen_penalty)
    return models


def fit_parts(
    config: Config,
    data: ZeroShotData,
    generator,
    on_epoch: Callable[[], None] = lambda: None,
    fitted: dict | None = None,
) -> list[list[Classifier]]:
    """Of each part of the final classifier, as many models as `num_models`.

    They are neither added up nor penalised yet, and take features as the
    representation gives them. Takes the same arguments as `fit`, and raises
    the same.
    """
    fitted = {} if fitted is None else fitted
    seen_as = _seen_as(config, data, generator, fitted)
    tasks, names, models = {}, [], []
    for part in config.classifier_parts:
        name = part.name
        fits = num_fitted(config, name)
        # Without samples of unseen classes, only embeddings distinguish them.
        # There are as many of what stands for a part as of the part.
        if generator is None and not table.CLASSIFIERS[name].describes:
            name = "bilinear"
        # A kind that comes again has other seeds, or it would be a twin.
        first = names.count(name) * config.classifier_seeds
        names.append(name)
        synthetic = None  # the settings of synthetic samples
        if part.rows == BOTH and generator is not None:
            synthetic = (
                *(config.synthetic_per_class, config.seen_floor),
                config.synthetic_condition_noise,
            )
        chosen = settings(config, name)
        key = (
            *(name, chosen, first, fits, config.seed),
            *(synthetic, data.embedding_norm, *_of_features(config, data)),
        )
        if key not in fitted:
            if synthetic not in tasks:
                tasks[synthetic] = _task(
                    config, data, generator, seen_as, synthetic
                )
            fitted[key] = [
                table.fit(name)(
                    tasks[synthetic],
                    chosen,
                    1000 * config.seed + first + number,
                    on_epoch,
                )
                for number in range(fits)
            ]
        for model in fitted[key]:
            model.penalise_seen(data.num_seen, 0.0)
        models.append(fitted[key] * (num_models(config) // fits))
    return models


def _of_features(config: Config, data: ZeroShotData) -> tuple:
    """The settings by which classifiers see the same features."""
    return data.feature_scaling.kind, config.representation, config.kernel_width


def _seen_as(
    config: Config, data: ZeroShotData, generator, fitted: dict
) -> representation.Representation | None:
    """What classifiers see in place of features; None for features."""
    if config.representation != KERNEL:
        return None if generator is None else generator.representation
    key = _of_features(config, data)
    if key not in fitted:
        fitted[key] = kernel_features.fit(data.train, config.kernel_width)
    return fitted[key]


def _real(config: Config, data: ZeroShotData, seen_as) -> Samples:
    """Real samples as the classifiers learn from them."""
    return representation.represented(
        data.train, seen_as, config.seed, data.memory
    )


def _task(
    config: Config, data: ZeroShotData, generator, seen_as, with_fake
) -> Task:
    """What a part learns from: real samples, and those of a generator."""
    real = _real(config, data, seen_as)
    dtype = precision.of_products(config)
    if not with_fake:
        seen = data.num_seen
        return Task(real, data.embeddings, seen, seen, dtype)
    if generator.representation is not seen_as:
        if generator.representation is not None:
            generator = generator.generator
        generator = representation.RepresentedGenerator(generator, seen_as)
    fake = draw_synthetic(config, data, generator)
    samples = synthesis.joined(real, fake)
    return Task(
        samples, data.embeddings, data.num_seen, data.num_classes, dtype
    )


def draw_synthetic(config: Config, data: ZeroShotData, generator) -> Samples:
    """D_fake: as many synthetic samples of each class as the settings say."""
    return synthesis.synthesise(
        generator,
        data.embeddings,
        synthetic_counts(config, data),
        config.seed,
        config.synthetic_condition_noise,
        data.memory,
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
