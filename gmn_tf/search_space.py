"""What a hyper-parameter search tries of each setting, and how to change that.

A space maps settings to what is tried of them: a list of values, or a range
`{"min": 0.0001, "max": 0.01, "log": true}`. One value alone fixes a setting.
"""

import dataclasses
import json
import pathlib
from collections.abc import Iterable, Mapping, Sequence

import keras_tuner

from gmn_tf import json_text
from gmn_tf.config import Config, refuse_unknown_settings
from gmn_tf.errors import InputError
from gmn_tf.variants import CLASSIFICATION, CYCLE, MATCHING, VARIANTS

CALIBRATED = "calibrated"  # of seen_penalty: where h is largest

# Each trial draws these, and trains a generator with them (section 4 of the
# paper; ranges that it does not give are ours).
GENERATOR = {
    "noise_dim": [128, 256, 512],
    "generator_units": [[1024], [2048], [4096], [1024, 1024], [2048, 2048]],
    "critic_units": [[1024], [2048], [4096], [1024, 1024], [2048, 2048]],
    "learning_rate": {"min": 1e-5, "max": 1e-3, "log": True},
    "beta_1": [0.0, 0.5, 0.9],
    "beta_2": [0.9, 0.99, 0.999],
    "gradient_penalty_weight": {"min": 1.0, "max": 100.0, "log": True},
    "matching_weight": {"min": 10.0, "max": 2000.0, "log": True},
    "matching_distance": ["per_unit", "global"],
    "matching_norm_weight": [0.0, 0.001, 0.01, 0.1],
    "matching_norm_order": [1.0, 2.0],
    "matching_classes": [2, 5, 10],
    "theta_reset_steps": [1, 10, 100],
    "classification_weight": {"min": 0.001, "max": 1.0, "log": True},
    "cycle_weight": {"min": 0.01, "max": 100.0, "log": True},
}
# These need no new generator, and are tried on that of each trial.
CLASSIFIER = {
    "synthetic_per_class": [10, 25, 50, 100, 250, 500],
    "classifier_learning_rate": [0.003, 0.01, 0.03, 0.1, 0.3],
    "classifier_decay": [0.85, 0.94, 0.97],
    "classifier_epochs": [10, 20, 40],
    "seen_penalty": [CALIBRATED],
}
# Of the presets for a CPU: a quarter of the sizes, and rates for few steps.
SMALL = {
    "noise_dim": [64, 128, 256],
    "generator_units": [[256], [512], [1024], [256, 256], [512, 512]],
    "critic_units": [[128], [256], [512], [1024], [256, 256]],
    "learning_rate": {"min": 1e-4, "max": 3e-3, "log": True},
}
SMALL_PRESETS = ("cpu", "best")

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
OF_THE_CRITIC = ("critic_", "gradient_penalty_", "batch_size", "sampling")
OF_THE_CLASSIFIER = ("classifier_", "synthetic_", "seen_")


@dataclasses.dataclass(frozen=True)
class Choice:
    """Two or more values of a setting."""

    values: tuple

    def declare(self, name: str, parameters) -> None:
        """Adds the setting to parameters of KerasTuner."""
        # KerasTuner knows no tuples.
        values = [_text(value) for value in self.values]
        parameters.Choice(name, values)


@dataclasses.dataclass(frozen=True)
class Range:
    """All values of a numeric setting from one to another."""

    least: float
    most: float
    log: bool

    def declare(self, name: str, parameters) -> None:
        """Adds the setting to parameters of KerasTuner."""
        make = parameters.Int if type(self.least) is int else parameters.Float
        sampling = "log" if self.log else "linear"
        make(name, self.least, self.most, sampling=sampling)


@dataclasses.dataclass(frozen=True)
class Space:
    """A checked space.

    Attributes:
        fixed: settings that have one value.
        generator: settings that each trial draws.
        classifier: settings that are tried on each trial's generator, and
            their values; of `seen_penalty` the one value `CALIBRATED`.
    """

    fixed: Mapping
    generator: Mapping[str, Choice | Range]
    classifier: Mapping[str, tuple]

    def parameters(self) -> keras_tuner.HyperParameters:
        """What trials draw, as KerasTuner takes it."""
        parameters = keras_tuner.HyperParameters()
        for name, one in self.generator.items():
            one.declare(name, parameters)
        return parameters

    def settings(self, drawn: Mapping) -> dict:
        """The settings of a trial from the values KerasTuner drew."""
        return {
            # Three digits say all that a random number has to say.
            name: float(f"{drawn[name]:.3g}")
            if isinstance(drawn[name], float)
            else drawn[name]
            for name in self.generator
        }

    def to_dict(self) -> dict:
        """Plain values, as written to JSON."""
        return json.loads(json.dumps(dataclasses.asdict(self)))

    def to_json(self) -> str:
        """The space as --space takes it, a setting in each line."""
        lines = [
            f"{json.dumps(name)}: {json.dumps(_plain(one))}"
            for name, one in (*self.generator.items(), *self.classifier.items())
        ]
        return "{\n  " + ",\n  ".join(lines) + "\n}"


def make(
    preset: str, variant: str, chosen: Iterable[str], changes: Mapping
) -> Space:
    """The space of a preset, changed by the user.

    Args:
        preset: decides the sizes.
        variant: what it does not use is left out.
        chosen: settings that the user gave a value: no dimensions.
        changes: settings, and what is to be tried of each.

    Raises:
        InputError: for settings that do not exist, have no effect or cannot
            be searched, values that are not allowed, or an empty space.
    """
    _refuse_no_generator(variant)
    own = {**GENERATOR, **(SMALL if preset in SMALL_PRESETS else {})}
    own |= CLASSIFIER
    for name in (*chosen, *(name for name in own if not _used(name, variant))):
        own.pop(name, None)
    for name in changes:
        _refuse_unsearchable(name, variant)
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
        if name == "seen_penalty" and tried.values == (CALIBRATED,):
            classifier[name] = tried.values
        elif isinstance(tried, Choice) and len(tried.values) == 1:
            fixed[name] = tried.values[0]
        elif name.startswith(OF_THE_CLASSIFIER):
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
        if has_values and not pathlib.Path(text).exists():
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
        return json_text.parse(text)
    except ValueError as error:
        raise InputError(
            f"The space {where} is no JSON.",
            'a list such as [64, 128] or ["global"], a range such as '
            '{"min": 0.0001, "max": 0.01, "log": true}, or an object of them',
            str(error),
            "correct it; quote it from the shell",
        ) from error


def _refuse_no_generator(variant: str) -> None:
    if not VARIANTS[variant].has_generator:
        raise InputError(
            f"The variant {variant} has no generator to search for.",
            "a variant with one, such as cwgan_gm",
            variant,
            "choose another --variant",
        )


def _refuse_unsearchable(name: str, variant: str) -> None:
    refuse_unknown_settings([name])
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


def _plain(one):
    if isinstance(one, Range):
        return {"min": one.least, "max": one.most, "log": one.log}
    return list(one.values if isinstance(one, Choice) else one)


def _text(value):
    return ",".join(map(str, value)) if isinstance(value, tuple) else value
