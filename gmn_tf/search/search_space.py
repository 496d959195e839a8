"""What a hyper-parameter search tries of each setting, and how to change that.

A space maps settings to what is tried of them: a list of values, or a range
`{"min": 0.0001, "max": 0.01, "log": true}`. One value alone fixes a setting.
"""

import dataclasses
import json
from collections.abc import Mapping

import keras_tuner

CALIBRATED = "calibrated"  # of seen_penalty: where h is largest

# Each trial draws these, and trains a generator with them (section 4 of the
# paper; ranges that it does not give are ours).
GENERATOR = {
    "noise_dim": [128, 256, 512],
    "generator_units": [
        [1024],
        [2048],
        [4096],
        [1024, 1024],
        [2048, 2048],
        [4096, 4096],
    ],
    "critic_units": [
        [1024],
        [2048],
        [4096],
        [1024, 1024],
        [2048, 2048],
        [4096, 4096],
    ],
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
# Of the presets for a CPU: small networks, and rates for few steps.
SMALL = {
    "noise_dim": [64, 128, 256],
    "generator_units": [[256], [512], [1024], [256, 256], [512, 512]],
    "critic_units": [[128], [256], [512], [1024], [256, 256]],
    "learning_rate": {"min": 1e-4, "max": 3e-3, "log": True},
}
SMALL_PRESETS = ("cpu", "best")


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
            for group in (self.fixed, self.generator, self.classifier)
            for name, one in group.items()
        ]
        return "{\n  " + ",\n  ".join(lines) + "\n}"


def _plain(one):
    if isinstance(one, Range):
        return {"min": one.least, "max": one.most, "log": one.log}
    if isinstance(one, Choice):
        return list(one.values)
    return list(one) if isinstance(one, tuple) else [one]


def _text(value):
    return ",".join(map(str, value)) if isinstance(value, tuple) else value
