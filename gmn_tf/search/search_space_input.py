"""The space of a search from its declaration and what the user says of it.

Each value is checked here, before anything is trained.
"""

import json
import pathlib
from collections.abc import Iterable, Mapping, Sequence

from gmn_tf.config import Config, check_setting_names
from gmn_tf.method.variants import CLASSIFICATION, CYCLE, MATCHING, VARIANTS
from gmn_tf.search.search_space import (
    CALIBRATED,
    CLASSIFIER,
    GENERATOR,
    SMALL,
    SMALL_PRESETS,
    Choice,
    Range,
    Space,
)
from gmn_tf.utils import files
from gmn_tf.utils.errors import InputError

# What decides the data, the scores or the length of a trial, not its quality.
NOT_SEARCHED = (
    "dataset",
    "variant",
    "features_file",
    "embedding",
    "embedding_norm",
    "split",
    "seed",
    "steps",
    "precision",
    "classifier_seeds",
)
# A setting that begins with one of these matters to this guidance alone.
GUIDANCE = {
    "matching_": MATCHING,
    "theta_": MATCHING,
    "classification_": CLASSIFICATION,
    "cycle_": CYCLE,
}
OF_THE_CRITIC = ("critic_", "gradient_penalty_")
OF_THE_CLASSIFIER = ("classifier_", "synthetic_", "seen_")


def make(
    preset: str, config: Config, chosen: Iterable[str], changes: Mapping
) -> Space:
    """The space of a preset, changed by the user.

    Args:
        preset: decides the sizes.
        config: the settings that trials begin with; what its variant does not
            use is left out.
        chosen: settings that the user gave a value: no dimensions.
        changes: settings, and what is to be tried of each.

    Raises:
        InputError: for settings that do not exist, have no effect or cannot
            be searched, values that are not allowed, or an empty space.
    """
    variant = config.variant
    _check_has_generator(variant)
    own = {**GENERATOR, **(SMALL if preset in SMALL_PRESETS else {})}
    for name, values in CLASSIFIER.items():
        begun = [] if CALIBRATED in values else [getattr(config, name)]
        own[name] = [*begun, *values]
    for name in (*chosen, *(name for name in own if not _used(name, variant))):
        own.pop(name, None)
    for name in changes:
        _check_searchable(name, variant)
        if name in chosen:
            raise InputError(
                f"--{name} is fixed and searched at once.",
                "a value by its own flag, or a --space",
                f"both, with the space {json.dumps(changes[name])}",
                "leave one out",
            )
    fixed, generator, classifier = {}, {}, {}
    for name, tried in {**own, **changes}.items():
        tried = _read(name, tried)
        if tried == Choice((CALIBRATED,)):
            classifier[name] = tried.values
        elif isinstance(tried, Choice) and len(tried.values) == 1:
            fixed[name] = tried.values[0]
        elif _is_cheap(name, variant):
            classifier[name] = _list_of(name, tried)
        else:
            generator[name] = tried
    if not generator:
        raise InputError(
            "The space is empty: each setting of the generator is fixed.",
            "two values or more of one",
            "fixed: " + ", ".join([*chosen, *fixed]),
            "leave out flags, or give a --space such as noise_dim=[64,128]",
        )
    return Space(fixed, generator, classifier)


def read_changes(texts: Sequence[str]) -> dict:
    """What the flag --space says: files, and NAME=VALUES; later ones win.

    Raises:
        InputError: for a file that cannot be read, or what is no JSON.
    """
    changes = {}
    for text in texts:
        name, has_values, values = text.partition("=")
        if has_values and name.isidentifier():
            changes[name] = _json(values, f"--space={text}")
            continue
        try:
            content = pathlib.Path(text).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(
                f"Cannot read the space {text}.",
                "a JSON file, or NAME=VALUES as in noise_dim=[64,128]",
                str(error),
                "check the path",
            ) from error
        space = _json(content, text)
        if not isinstance(space, dict):
            raise InputError(
                f"{text} is not an object of settings.",
                '{"noise_dim": [64, 128], ...}',
                type(space).__name__,
                "give an object",
            )
        changes |= space
    return changes


def _json(text: str, where: str):
    try:
        return files.parse_json(text)
    except ValueError as error:
        raise InputError(
            f"The space {where} is no JSON.",
            'a list such as [64, 128] or ["global"], a range such as '
            '{"min": 0.0001, "max": 0.01, "log": true}, or an object of them',
            str(error),
            "correct it; quote it from the shell",
        ) from error


def _check_has_generator(variant: str) -> None:
    if not VARIANTS[variant].has_generator:
        raise InputError(
            f"The variant {variant} has no generator to search for.",
            "a variant with one, such as cwgan_gm",
            variant,
            "choose another --variant",
        )


def _check_searchable(name: str, variant: str) -> None:
    check_setting_names([name])
    if name in NOT_SEARCHED:
        raise InputError(
            f"--{name} cannot be searched.",
            "a setting of the generator or of the final classifier",
            name,
            "fix it by its flag; compare several by several searches",
        )
    if not _used(name, variant):
        raise InputError(
            f"--{name} has no effect on {variant}.",
            "a setting that the variant uses",
            name,
            "leave it out, or choose another --variant",
        )


def _used(name: str, variant: str) -> bool:
    parts = VARIANTS[variant]
    for prefix, guidance in GUIDANCE.items():
        if name.startswith(prefix):
            return guidance in parts.guidance
    return parts.critic is not None or not name.startswith(OF_THE_CRITIC)


def _is_cheap(name: str, variant: str) -> bool:
    """Whether a setting can be tried without a new generator."""
    if CLASSIFICATION in VARIANTS[variant].guidance:
        # The classifier's settings also train the f that L_CLS freezes.
        return name.startswith(("synthetic_", "seen_"))
    return name.startswith(OF_THE_CLASSIFIER)


def _read(name: str, tried) -> Choice | Range:
    """What is tried of a setting, each value checked and in its type."""
    if isinstance(tried, dict):
        return _read_range(name, tried)
    values = tried if isinstance(tried, list) else [tried]
    if name == "seen_penalty" and values == [CALIBRATED]:
        return Choice((CALIBRATED,))
    values = tuple(dict.fromkeys(_checked(name, value) for value in values))
    if not values:
        raise InputError(
            f"The space of {name} has no value.",
            "one value or more",
            "an empty list",
            "leave it out, or give values",
        )
    return Choice(values)


def _read_range(name: str, tried: dict) -> Range:
    least, most = tried.get("min"), tried.get("max")
    log = tried.get("log", False)
    numeric = isinstance(getattr(Config, name), (int, float))
    if numeric and None not in (least, most):
        least, most = _checked(name, least), _checked(name, most)
    else:
        numeric = False
    fits = set(tried) <= {"min", "max", "log"} and isinstance(log, bool)
    if not (numeric and fits and least < most and not (log and least <= 0)):
        raise InputError(
            f"The range of {name} cannot be searched.",
            '{"min": A, "max": B} of a number, A < B, with "log": true if '
            "0 < A",
            json.dumps(tried),
            "correct it, or give a list of values",
        )
    return Range(least, most, log)


def _list_of(name: str, tried: Choice | Range) -> tuple:
    if isinstance(tried, Range):
        raise InputError(
            f"The space of {name} is no list.",
            "a list, whose values are tried one after another",
            "a range",
            "list values, as in [10, 100]",
        )
    return tried.values


def _checked(name: str, value):
    return getattr(Config().replace({name: value}), name)
