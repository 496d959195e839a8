"""What --preset=auto tries, and in which order.

Four trials, each of which tries settings in turn (`classifier_search`). The
first finds in seconds how features and descriptions are scaled best, with a
discriminant classifier on real features alone. The second gives it features of
a kernel, the third adds a prototype classifier. The fourth trains a generator,
and adds a bilinear classifier on real and synthetic features.
"""

from collections.abc import Container, Mapping
from typing import NamedTuple

import numpy as np

from gmn_tf.config import BOTH, KERNEL, Config
from gmn_tf.data import embeddings, feature_scaling
from gmn_tf.data.zero_shot_data import ZeroShotData
from gmn_tf.method.metrics import BASELINE
from gmn_tf.method.variants import CLASSIFICATION, FEATURES, VARIANTS
from gmn_tf.search.search import AUTO, Search
from gmn_tf.search.space import CALIBRATED, PENALTY, Space
from gmn_tf.training import unused_settings
from gmn_tf.utils import dimensions
from gmn_tf.utils.errors import InputError

OBJECTIVE = "h"
# Of the training of each classifier, whatever the number of samples: its steps
# of 256, and what is left of the learning rate at the end.
STEPS, RATE_LEFT = 600, 0.3
EPOCHS = 2, 300  # at least and at most
NORMS = embeddings.STANDARD_L2, embeddings.L2, embeddings.STANDARD


class Stage(NamedTuple):
    """A trial.

    Attributes:
        name: what it tries, for the user.
        settings: what it begins with, on top of the best so far.
        space: what it tries, in this order, each beginning with the first
            value, but for how data is scaled: with what was best so far.
        share: of all the time, after which it is not begun any more.
        eligible: whether its settings may be chosen; those of other variants
            than the user's only show where the next trial begins.
    """

    name: str
    settings: Mapping
    space: Mapping[str, tuple]
    share: float
    eligible: bool = True


STAGES = (
    Stage(
        "Real features, in closed form",
        {
            "variant": BASELINE,
            "classifier": "discriminant",
            "classifier_rows": "real",
            "classifier_weights": "1",
            # The best without a choice, which few classes make badly.
            "discriminant_error_weight": 0.3,
        },
        {
            "embedding_norm": NORMS,
            # `arcsinh` also for columns with units of their own.
            "feature_scaling": (
                *(feature_scaling.UNIT, feature_scaling.ARCSINH),
                feature_scaling.ROOT,
            ),
            "discriminant_error_weight": (0.3, 1.0),
            "discriminant_shrinkage": (3.0, 1.0, 10.0, 0.3, 0.1),
            PENALTY: (CALIBRATED,),
        },
        1.0,
    ),
    Stage(
        "Real features, by a kernel",
        {
            "variant": BASELINE,
            "classifier": "discriminant",
            "classifier_rows": "real",
            "classifier_weights": "1",
            "representation": KERNEL,
        },
        {
            "embedding_norm": NORMS,
            # Many more dimensions, which need less to be added to each.
            "discriminant_shrinkage": (0.3, 1.0),
            "kernel_width": (3.0, 10.0),
            PENALTY: (CALIBRATED,),
        },
        0.4,
    ),
    Stage(
        "Real features, with a network",
        {
            "variant": BASELINE,
            "classifier": "discriminant+prototype",
            "classifier_rows": "real",
        },
        {
            "classifier_weights": ("2,1", "1,1", "4,1"),
            "prototype_mask": (0.0, 0.3, 0.5),
            "prototype_dropout": (0.0, 0.3),
            PENALTY: (CALIBRATED,),
        },
        0.8,
    ),
    Stage(
        "Real and synthetic features",
        {
            "classifier": "bilinear+discriminant+prototype",
            "classifier_rows": "both,real,real",
        },
        {
            "classifier_weights": ("1,2,1", "1,4,1", "1,2,0", "2,2,1"),
            "synthetic_per_class": (25, 100),
            "classifier_learning_rate": (0.03, 0.1),
            PENALTY: (CALIBRATED,),
        },
        0.6,
    ),
)


def make_search(config: Config, data: ZeroShotData, fixed: Mapping) -> Search:
    """What is searched.

    Args:
        config: the settings to begin with.
        data: the tune splits, as they are.
        fixed: settings that the user has given; they are not searched.

    Raises:
        InputError: for data that is scaled, or of which nothing can be scored,
            or if everything is fixed.
    """
    scaling = data.feature_scaling.kind
    if data.split == "test" or scaling != feature_scaling.NONE:
        raise InputError(
            "Settings cannot be chosen on this data.",
            "the tune splits, their features as they are",
            f"split={data.split!r}, feature_scaling={scaling!r}",
            "Load it by gmn_tf.load_data(gmn_tf.unscaled(config)).",
        )
    if not (len(data.seen) and len(data.unseen)):
        raise InputError(
            "There is nothing to choose settings by.",
            "held-back samples of seen classes and of validation classes",
            f"{len(data.seen)} and {len(data.unseen)} samples",
            "Give more samples per class, or train with --preset=cpu.",
        )
    dimensions.check_differ(
        data.train.features, "All training samples have the same features."
    )

    def epochs_of(batch_size: int) -> int:
        epochs = round(STEPS * batch_size / len(data.train))
        return int(np.clip(epochs, *EPOCHS))

    given = config.replace(fixed)
    epochs = epochs_of(given.classifier_batch_size)
    sized = {
        "prototype_epochs": epochs_of(given.prototype_batch_size),
        "classifier_epochs": epochs,
        "classifier_decay": round(RATE_LEFT ** (1.0 / epochs), 4),
        "matching_classes": min(config.matching_classes, data.num_seen),
    }
    return Search(
        config.replace({**sized, **fixed, "split": "tune"}),
        space(config, fixed),
        AUTO,
        OBJECTIVE,
        max_trials=len(remaining(config, fixed)),
    )


def space(config: Config, fixed: Container[str]) -> Space:
    """All that is tried, in one."""
    trials = remaining(config, fixed)
    variants = tuple(stage.settings["variant"] for stage in trials)
    tried = {}
    for stage in trials:
        for name, values in stage.space.items():
            tried[name] = (*tried.get(name, ()), *values)
    tried = {name: tuple(dict.fromkeys(each)) for name, each in tried.items()}
    return Space({}, {"variant": tuple(dict.fromkeys(variants))}, tried)


def remaining(config: Config, fixed: Container[str]) -> list[Stage]:
    """The trials, without what the user has fixed, or what has no effect.

    Raises:
        InputError: if everything is fixed.
    """
    kept = set()  # what belongs to the classifiers that the user has named
    if "classifier" in fixed:
        kept = {"classifier_rows", "classifier_weights"}
    trials = []
    # Unless classifiers are to see something else, by flag or by variant.
    maps_features = (
        "representation" not in fixed
        and VARIANTS[config.variant].representation == FEATURES
        and ("classifier" not in fixed or "discriminant" in config.classifier)
    )
    for stage in STAGES:
        settings = {"variant": config.variant, **stage.settings}
        if "representation" in settings and not maps_features:
            continue
        # Without a generator, or where nothing learns from its samples.
        if "variant" not in stage.settings and not (
            VARIANTS[config.variant].has_generator
            and (
                "classifier_rows" not in fixed or BOTH in config.classifier_rows
            )
        ):
            break
        left = {
            name: value
            for name, value in settings.items()
            if name == "variant" or not (name in fixed or name in kept)
        }
        variant = VARIANTS[left["variant"]]
        guided = CLASSIFICATION in variant.guidance
        unused = unused_settings.of_other_classifiers(
            [left.get("classifier", config.classifier)], guided
        )
        if guided:  # by a classifier whose settings another generator needs
            unused += unused_settings.OF_SGD
        left = {n: v for n, v in left.items() if not n.startswith(unused)}
        tried = {
            name: values
            for name, values in stage.space.items()
            if not (name in fixed or name in kept or name.startswith(unused))
        }
        # The same as before, with nothing else to try.
        again = left in [{"variant": one.settings["variant"]} for one in trials]
        if again and not tried.keys() - {PENALTY}:
            continue
        eligible = "variant" not in fixed or left["variant"] == config.variant
        # Another variant without a generator is the same with its classifier.
        eligible |= not VARIANTS[config.variant].has_generator
        trials.append(
            stage._replace(settings=left, space=tried, eligible=eligible)
        )
    if len(trials) == 1 + sum(not one.eligible for one in trials) and not any(
        stage.space for stage in trials
    ):
        raise InputError(
            "There is nothing left to choose.",
            "a setting or more that no flag and no --config has fixed",
            "all that --preset=auto would choose",
            "Leave out --preset=auto, or some of these settings.",
        )
    return trials
