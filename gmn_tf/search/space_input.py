"""The space of a search from its declaration and the user's changes.

Each value is checked here, before anything is trained.
"""

import json
import pathlib
from collections.abc import Iterable, Mapping, Sequence

from gmn_tf.config import Config, check_setting_names
from gmn_tf.method.classifiers import table
from gmn_tf.method.variants import CLASSIFICATION, VARIANTS
from gmn_tf.search.space import (
    CALIBRATED,
    CLASSIFIER,
    GENERATOR,
    PENALTY,
    SMALL,
    SMALL_PRESETS,
    Space,
)
from gmn_tf.training import unused_settings
from gmn_tf.training.unused_settings import OF_KERNEL, OF_SGD
from gmn_tf.utils import files, plugin_settings
from gmn_tf.utils.errors import InputError, first_line

# What decides the data, the scores or the length of a trial, not its quality.
NOT_SEARCHED = (
    *("dataset", "variant", "features_file", "embedding", "embedding_norm"),
    *("feature_scaling", "split", "seed", "steps", "precision"),
    "classifier_seeds",
)
# Of what final classifiers learn from.
OF_SAMPLES = ("synthetic_", "seen_", OF_KERNEL)


def make(
    preset: str,
    config: Config,
    chosen: Iterable[str],
    changes: Mapping,
    num_seen: int | None = None,
) -> Space:
    """The space of a preset, changed by the user.

    Args:
        preset: decides the sizes.
        config: the settings that trials begin with; what its variant does not
            use is left out.
        chosen: settings fixed by a flag; they are not searched.
        changes: settings, and what to try of each.
        num_seen: number of seen classes, once the data is loaded; default
            values of matching_classes that are larger are left out.

    Raises:
        InputError: for settings that do not exist, have no effect or cannot
            be searched, values that are not allowed, or an empty space.
    """
    parts = VARIANTS[config.variant]
    if not parts.has_generator:
        raise InputError(
            f"The variant {config.variant} has no generator to search for.",
            "a variant with one, such as cwgan_gm",
            config.variant,
            "Choose another --variant.",
        )
    guided = CLASSIFICATION in parts.guidance
    unused = unused_settings.without_effect(
        config.variant,
        [config.classifier, *_listed(changes.get("classifier", []))],
        [config.representation, *_listed(changes.get("representation", []))],
    )
    space = {**GENERATOR, **(SMALL if preset in SMALL_PRESETS else {})}
    for name, values in CLASSIFIER.items():
        begun = [] if CALIBRATED in values else [getattr(config, name)]
        space[name] = [*begun, *values]
    if num_seen is not None:
        counts = space["matching_classes"]
        space["matching_classes"] = [
            count for count in counts if count <= num_seen
        ] or counts[:1]  # which is refused with the data
    space = {
        name: tried
        for name, tried in space.items()
        if name not in chosen and not unused(name)
    }
    check_setting_names(changes)
    for name, tried in changes.items():
        if name in NOT_SEARCHED:
            raise InputError(
                f"--{name} cannot be searched.",
                "a setting of the generator or of the final classifier",
                name,
                "Fix it by its flag, and compare several by several searches.",
            )
        if unused(name):
            raise InputError(
                f"--{name} has no effect on {config.variant} with the "
                f"classifier {config.classifier}.",
                "a setting that the variant or the classifier uses",
                name,
                "Leave it out, or choose another --variant, --classifier or "
                "--representation.",
            )
        if name in chosen:
            raise InputError(
                f"--{name} is both fixed and searched.",
                f"--{name} or --space={name}=..., not both",
                f"--{name} and the space {json.dumps(tried)}",
                "Leave one of them out.",
            )
    fixed, generator, classifier = {}, {}, {}
    of_classifier = ("classifier", *table.all_prefixes(), *OF_SAMPLES)
    tried_of = {**space, **changes}
    # First, since it decides which of the other settings have an effect.
    for name in sorted(tried_of, key=lambda name: name != "classifier"):
        tried = tried_of[name]
        tried = _read(name, tried)
        if tried == (CALIBRATED,):
            classifier[name] = tried
        elif isinstance(tried, tuple) and len(tried) == 1:
            (fixed[name],) = tried
        elif not name.startswith(of_classifier) or (guided and name in OF_SGD):
            generator[name] = tried
        elif isinstance(tried, tuple):
            classifier[name] = tried
        else:
            raise InputError(
                f"The space of {name} is not a list.",
                "a list, whose values are tried one after another",
                "a range",
                "List values, as in [10, 100].",
            )
    if not generator:
        raise InputError(
            "The space is empty: each setting of the generator is fixed.",
            "two values or more of one setting",
            "fixed: " + ", ".join([*chosen, *fixed]),
            "Leave out flags, or give a --space such as noise_dim=[64,128].",
        )
    return Space(fixed, generator, classifier)


def _listed(tried) -> list:
    """What is tried as a list: one value alone is not one."""
    return tried if isinstance(tried, list) else [tried]


def read_changes(texts: Sequence[str]) -> dict:
    """Reads the values of --space: files, and NAME=VALUES; later ones win.

    Raises:
        InputError: for a file that cannot be read, or a text that is not JSON.
    """
    changes = {}
    for text in texts:
        name, has_values, values = text.partition("=")
        is_name = name.isidentifier() or name in plugin_settings.names()
        if not (has_values and is_name):
            changes |= files.read_json(
                pathlib.Path(text),
                'a JSON file such as {"noise_dim": [64, 128], ...}, or '
                "NAME=VALUES as in noise_dim=[64,128]",
                "Correct the path, or the file.",
            )
            continue
        try:
            changes[name] = files.parse_json(values)
        except ValueError as error:
            raise InputError(
                f"The values in --space={text} are not JSON.",
                'a list such as [64, 128] or ["global"], or a range such as '
                '{"min": 0.0001, "max": 0.01, "log": true}',
                first_line(error),
                "Correct it, and quote it from the shell.",
            ) from error
    return changes


def _read(name: str, tried) -> tuple | dict:
    """What is tried of a setting, each value checked and in its type."""

    def checked(value):
        return getattr(Config().replace({name: value}), name)

    is_number = isinstance(getattr(Config(), name), (int, float))
    match tried:
        case {"min": least, "max": most, **others} if is_number:
            least, most = checked(least), checked(most)
            log = others.pop("log", False)
            above = 0 if log else float("-inf")
            if not others and isinstance(log, bool) and above < least < most:
                return {"min": least, "max": most, "log": log}
    if isinstance(tried, dict):
        raise InputError(
            f"The range of {name} cannot be searched.",
            '{"min": A, "max": B} of a number, A < B, with "log": true if '
            "0 < A",
            json.dumps(tried),
            "Correct it, or give a list of values.",
        )
    values = _listed(tried)
    if name == PENALTY and values == [CALIBRATED]:
        return (CALIBRATED,)
    if not values:
        raise InputError(
            f"The space of {name} has no value.",
            "one value or more",
            "an empty list",
            "Leave it out, or give values.",
        )
    return tuple(dict.fromkeys(map(checked, values)))
