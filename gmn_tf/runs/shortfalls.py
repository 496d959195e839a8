"""Where scores lie far below what the data can give, and what to try.

A sentence for each shortfall, from the references of `data_limits`. What is
compared depends on no penalty: accuracy among seen classes alone with a linear
probe, and T-1 with the estimate on classes left out. The penalty trades u for
s, so that only the balance between these says something about it.
"""

from collections.abc import Mapping

from gmn_tf.config import BOTH, KERNEL, REAL, Config, classifier_parts
from gmn_tf.method.classifiers.table import CLASSIFIERS
from gmn_tf.method.variants import VARIANTS
from gmn_tf.utils.errors import counted
from gmn_tf_datasets.zero_shot.splits import FEWEST_TO_CHOOSE

# A score below this part of its reference is a shortfall.
FAR_BELOW = 0.8
# u / T-1 and s / (accuracy among seen classes) differ by more than this factor.
UNBALANCED = 0.6
# An accuracy is near chance up to this part of the way from there to 100, if
# it is not several times chance.
NEAR_CHANCE, TIMES_CHANCE = 0.05, 2.0
# The settings were found for features whose root mean square is about 1.
USUAL_RMS = (0.1, 10.0)
MOST_OFFSET = 4.0  # times the spread; about 1 for features >= 0
FEW_DIMENSIONS = 0.25  # rank of the descriptions, as a part of the classes
MANY_ALIKE = 0.05  # of the classes
HOW_TO_CALIBRATE = (
    "give the same bin/train command with --split=tune --workdir=FOLDER, and "
    "then bin/evaluate --workdir=FOLDER --calibrate"
)


def sentences(metrics: Mapping, settings: Mapping) -> list[str]:
    """What falls short, why that may be, and which setting to try.

    Args:
        metrics: the contents of metrics.json, with the block `limits`.
        settings: those of the run, as in config.json.

    Returns:
        A sentence or two for each shortfall; nothing if there is none.
    """
    limits = metrics["limits"]
    probe, chance = limits["linear_probe"], limits["chance_seen"]
    alone = limits["seen_alone"]
    # One seen class is right in any case.
    if (
        chance < 100.0
        and _near_chance(probe, chance)
        and (alone is None or _near_chance(alone, chance))
    ):
        return [
            f"The features hardly tell seen classes apart: a linear probe "
            f"reaches {probe:.1f}, and chance is {chance:.1f}. Check that "
            "labels belong to their samples, or use other features."
        ]
    found = [
        *_descriptions_that_say_nothing(metrics, limits),
        *_weak_classifier(metrics, limits, settings),
    ]
    at_chance = _at_chance(metrics, limits, found)
    return [*at_chance, *found] or _unbalanced(metrics, limits, settings)


def few_classes(scored: Mapping, validation: int) -> str:
    """What scores on validation classes are worth; empty if nothing is amiss.

    Args:
        scored: the score `t1` of these classes, in percent; empty if there is
            none yet.
        validation: how many these are.
    """
    chance, notes = 100.0 / max(validation, 1), []
    if 0 < validation < FEWEST_TO_CHOOSE:
        number = counted(validation, "validation class", "validation classes")
        notes.append(
            f"With {number} (fewer than {FEWEST_TO_CHOOSE}), T-1 is "
            f"{chance:.1f} by chance, and what is chosen by their scores is "
            "mostly luck."
        )
    t1 = scored.get("t1")
    if validation > 1 and _near_chance(t1, chance):
        notes.append(
            f"T-1 {t1:.1f} is hardly better than chance ({chance:.1f}): the "
            "classifier does not tell validation classes apart, and no choice "
            "by its scores is worth anything."
        )
    return " ".join(notes)


def is_few(limits: Mapping) -> bool:
    """Whether what is measured on classes left out is mostly chance."""
    return limits["seen_classes"] < FEWEST_TO_CHOOSE


def _at_chance(metrics, limits, found) -> list[str]:
    """T-1 is at or below chance, and nothing else says why."""
    t1, chance = metrics["t1"]["mean"], limits["chance_t1"]
    # Of one unseen class, it is 100 in any case.
    if chance >= 100.0 or not _near_chance(t1, chance):
        return []
    text = f"T-1 is {t1:.1f}, and chance is {chance:.1f}: "
    if is_few(limits):
        seen = counted(limits["num_seen"], "seen class", "seen classes")
        return [
            f"{text}unseen classes are not told apart. {seen} (fewer than "
            f"{FEWEST_TO_CHOOSE}) say little about how descriptions and "
            "features belong together, and what is measured on classes left "
            "out is mostly chance. Give more seen classes."
        ]
    if found:  # which names the score and a cause
        return []
    return [
        f"{text}unseen classes are not told apart. Check that their "
        "descriptions belong to them and are made like those of the seen "
        "classes."
    ]


def _descriptions_that_say_nothing(metrics, limits) -> list[str]:
    estimate = limits["left_out"]
    if estimate is None or is_few(limits):
        return []
    chance = 100.0 / limits["left_out_candidates"]
    t1 = metrics["t1"]["mean"]
    if not _near_chance(estimate, chance) or not (
        t1 is None or _near_chance(t1, limits["chance_t1"])
    ):
        return []
    return [
        "The descriptions hardly predict the features of classes left out: "
        f"these are told apart at {estimate:.1f}, and chance is {chance:.1f}. "
        "Check that each description belongs to its class, or describe the "
        "classes by other numbers."
    ]


def _weak_classifier(metrics, limits, settings) -> list[str]:
    """T-1, or the accuracy among seen classes, is far below its reference."""
    t1, estimate = metrics["t1"]["mean"], limits["left_out"]
    alone, probe = limits["seen_alone"], limits["linear_probe"]
    unseen = 100.0 / limits["chance_t1"]
    found, default = [], []
    if (
        probe is not None
        and alone is not None
        # The probe had all seen classes to tell apart.
        and limits["seen_classes"] == limits["num_seen"]
        and alone < FAR_BELOW * probe
    ):
        found.append(
            f"among seen classes this run reaches {alone:.1f} and a linear "
            f"probe {probe:.1f}"
        )
        default.append(_loose_fit(settings))
    if (
        t1 is not None
        and estimate is not None
        and not is_few(limits)
        # Among fewer candidates than there are unseen classes, it is too high.
        and limits["left_out_candidates"] >= FAR_BELOW * unseen
        and t1 < FAR_BELOW * estimate
    ):
        found.append(
            f"T-1 is {t1:.1f}, and a prediction of classes left out "
            f"reaches {estimate:.1f}"
        )
        default.append(
            "descriptions that say less about the unseen classes than about "
            "the others, as names often do; describe all classes by more, such "
            "as texts or attributes"
            if _predicts_means(settings)
            else "how descriptions or synthetic features are scaled; try "
            "--classifier=discriminant --classifier_rows=real, which predicts "
            "like that, or --preset=auto"
        )
    if not found:
        return []
    cause = _cause(limits, settings) or default[0]
    what = "; ".join(found)
    return [f"{what[0].upper()}{what[1:]}. Likely cause: {cause}."]


def _unbalanced(metrics, limits, settings) -> list[str]:
    """The penalty of seen classes is too small or too large."""
    t1, u, s = (metrics[name]["mean"] for name in ("t1", "u", "s"))
    alone = limits["seen_alone"]
    if not t1 or not alone or u is None or s is None:
        return []
    unseen_kept, seen_kept = u / t1, s / alone
    how = HOW_TO_CALIBRATE
    if settings.get("split") == "tune":
        how = "run bin/evaluate --workdir=FOLDER --calibrate with this folder"
    kept = (
        f"of what is right among their own kind, unseen classes keep "
        f"{100.0 * unseen_kept:.0f} % and seen classes "
        f"{100.0 * seen_kept:.0f} % once all classes compete"
    )
    if unseen_kept < UNBALANCED * seen_kept:
        cause = f"seen classes score too high; to find a --seen_penalty, {how}"
        size = "small"
    elif seen_kept < UNBALANCED * unseen_kept:
        fewer = ""
        if _has_synthetic(settings):
            fewer = "try a smaller --synthetic_per_class; "
        cause = (
            f"unseen classes score too high; {fewer}to find a --seen_penalty "
            f"below 0, {how}"
        )
        size = "large"
    else:
        return []
    if penalty := settings.get("seen_penalty"):
        leave = ""
        if settings.get("split") != "tune":
            leave = (
                "if it was chosen on the tune splits, leave it, because "
                "nothing may be chosen by scores on test; if not, "
            )
        cause = (
            f"a --seen_penalty ({penalty:.3g}) that is too {size} for these "
            f"classes; {leave}{how}"
        )
    cause = _cause_in_units(limits) or cause
    return [f"{kept[0].upper()}{kept[1:]}. Likely cause: {cause}."]


def _has_generator(settings) -> bool:
    variant = VARIANTS.get(settings.get("variant"))
    return variant is None or variant.has_generator


def _has_synthetic(settings) -> bool:
    """Whether final classifiers learn from synthetic samples."""
    rows = settings.get("classifier_rows", BOTH)
    return BOTH in rows and _has_generator(settings)


def _predicts_means(settings) -> bool:
    """Whether a part predicts unseen classes as the estimate of T-1 does."""
    parts = classifier_parts(
        settings.get("classifier", ""), settings.get("classifier_rows", REAL)
    )
    return any(
        part.name == "discriminant"
        and (part.rows == REAL or not _has_generator(settings))
        for part in parts
    )


def _loose_fit(settings) -> str:
    """Why the classifier may be far below a linear probe."""
    names = settings.get("classifier", Config.classifier).split("+")
    for name in filter(CLASSIFIERS.get, names):
        rate = f"{CLASSIFIERS.prefixes(name)[-1]}learning_rate"
        if hasattr(Config, rate):
            epochs = rate.replace("learning_rate", "epochs")
            return (
                "a final classifier that is not trained long enough; try a "
                f"larger --{rate} or more --{epochs}"
            )
    tries = ["--preset=auto"]
    if "discriminant" in names:
        tries.insert(0, "a smaller --discriminant_shrinkage")
    if settings.get("representation") != KERNEL:
        tries.insert(0, "--representation=kernel")
    return (
        "a final classifier, solved in closed form, that is too simple for "
        f"these features; what may help: {', '.join(tries)}"
    )


def _cause(limits, settings) -> str | None:
    """What explains a weak classifier; None if nothing is conspicuous."""
    if units := _cause_in_units(limits):
        return units
    classes, rank = limits["described_classes"], limits["description_rank"]
    alike = limits["alike_descriptions"]
    if alike > MANY_ALIKE * classes:
        return (
            f"{alike} of {classes} classes have nearly the description of "
            "another one; describe what distinguishes them, or try "
            "--embedding_norm=standard"
        )
    few = rank < FEW_DIMENSIONS * classes
    if few and "discriminant" not in settings.get("classifier", ""):
        return (
            f"descriptions of few dimensions (rank {rank} for {classes} "
            "classes), too few for a classifier that knows all classes by "
            "them; try --classifier=discriminant"
        )
    return None


def _cause_in_units(limits) -> str | None:
    size, offset = limits["feature_rms"], limits["feature_offset"]
    least, most = USUAL_RMS
    if offset is not None and offset > MOST_OFFSET:
        return (
            f"features far from zero (their means are {offset:.3g} times their "
            "spread); try --feature_scaling=unit"
        )
    if size and not least <= size <= most:
        return (
            f"the unit of the features (root mean square {size:.3g}, usual "
            "is about 1); try --feature_scaling=unit"
        )
    return None


def _near_chance(accuracy: float | None, chance: float) -> bool:
    if accuracy is None:
        return False
    near = chance + NEAR_CHANCE * (100.0 - chance)
    return accuracy <= min(near, TIMES_CHANCE * chance)
