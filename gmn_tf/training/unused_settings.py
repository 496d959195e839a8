"""Which settings have no effect, by variant, classifiers and what they see."""

from collections.abc import Callable, Iterable

from gmn_tf.config import KERNEL, Config
from gmn_tf.method.classifiers import table
from gmn_tf.method.variants import (
    CLASSIFICATION,
    GUIDANCES,
    MATCHING,
    OF_CLASSES,
    VARIANTS,
)
from gmn_tf.utils.errors import check_choice

# How settings begin that matter to a generator, to its critic and to SGD.
OF_GENERATOR = (
    *("noise", "generator_", "activation", "condition_noise", "batch_size"),
    *("steps", "learning_rate", "beta_", "synthetic_", "sampling"),
    "seen_floor",
)
OF_CRITIC = ("critic_", "gradient_penalty_", "adversarial_")
# These also train the f that L_CLS freezes.
OF_SGD = (
    *("classifier_learning_rate", "classifier_decay", "classifier_momentum"),
    *("classifier_weight_decay", "classifier_batch_size", "classifier_epochs"),
)
OF_KERNEL = "kernel_"
OF_SEVERAL = "classifier_seeds"  # one is enough, if nothing is random
# f, whose gradients L_GM compares and by which L_CLS classifies.
OF_COMPATIBILITY = "compatibility"


def without_effect(
    variant: str, classifiers: Iterable[str], representations: Iterable[str]
) -> Callable[[str], bool]:
    """Whether a setting, by its name, matters to none of these.

    Args:
        variant: that is trained.
        classifiers: the values of --classifier that are fitted.
        representations: the values of --representation.

    Raises:
        InputError: for a classifier that does not exist.
    """
    parts = VARIANTS[variant]
    unused = tuple(
        prefix
        for name in GUIDANCES
        if name not in parts.guidance
        for prefix in GUIDANCES.prefixes(name)
    )
    # Which begin as those of gradient matching do.
    used = OF_CLASSES if parts.reads_classes else ()
    if not parts.has_generator:
        unused += OF_GENERATOR
    if parts.critic is None:
        unused += OF_CRITIC
    # Those of other packages may have an f, too.
    if not any(
        name in (MATCHING, CLASSIFICATION) or GUIDANCES.owner(name)
        for name in parts.guidance
    ):
        unused += (OF_COMPATIBILITY,)
    guided = CLASSIFICATION in parts.guidance
    unused += of_other_classifiers(classifiers, guided)
    names = {name for one in classifiers for name in str(one).split("+")}
    if not any(table.CLASSIFIERS[name].random for name in names):
        unused += (OF_SEVERAL,)
    if KERNEL not in representations:
        unused += (OF_KERNEL,)
    return lambda name: name not in used and name.startswith(unused)


def of_other_classifiers(
    classifiers: Iterable[str], guided: bool
) -> tuple[str, ...]:
    """How settings begin that none of these classifiers uses.

    Args:
        classifiers: values of --classifier.
        guided: whether L_CLS uses a classifier of its own.

    Raises:
        InputError: for a classifier that does not exist.
    """
    used = {"classifier_"} if guided else set()
    for classifier in classifiers:
        for name in str(classifier).split("+"):
            check_choice("classifier", name, table.CLASSIFIERS)
            used.update(table.CLASSIFIERS.prefixes(name))
    unused = [prefix for prefix in table.all_prefixes() if prefix not in used]
    # Others that begin with it are of all classifiers.
    if "classifier_" in unused:
        unused.remove("classifier_")
        unused += OF_SGD
    return tuple(unused)


def note(config: Config, given: Iterable[str]) -> str:
    """Which of the given settings have no effect on a run; empty if none."""
    unused = without_effect(
        config.variant, [config.classifier], [config.representation]
    )
    flags = [f"--{name}" for name in given if unused(name)]
    if not flags:
        return ""
    verb = "have" if len(flags) > 1 else "has"
    return (
        f"{', '.join(flags)} {verb} no effect on {config.variant} with "
        f"--classifier={config.classifier} and "
        f"--representation={config.representation}."
    )
