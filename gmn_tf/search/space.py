"""What a hyper-parameter search tries of each setting.

A space maps settings to what is tried of them: a list of values, or a range
`{"min": 0.0001, "max": 0.01, "log": true}`. One value alone fixes a setting.
"""

import dataclasses
import json
import math
from collections.abc import Mapping

from etils import epy

with epy.lazy_imports():  # it takes seconds
    import keras_tuner

PENALTY = "seen_penalty"
CALIBRATED = "calibrated"  # of the penalty: where h is near its largest
MARGIN = 0.5  # a smaller gain in h is within the noise of a seed
LAYERS = [[1024], [2048], [4096], [1024, 1024], [2048, 2048], [4096, 4096]]

# Each trial draws these, and trains a generator with them (section 4 of the
# paper; ranges that it does not give are ours).
GENERATOR = {
    "noise_dim": [128, 256, 512],
    "generator_units": LAYERS,
    "critic_units": LAYERS,
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
    "vae_kl_weight": {"min": 0.01, "max": 1.0, "log": True},
    "regressor_weight": {"min": 0.001, "max": 1.0, "log": True},
    "alignment_kl_weight": [0.025, 0.25],
    "alignment_cross_weight": {"min": 0.5, "max": 10.0, "log": True},
    "alignment_distance_weight": {"min": 1.0, "max": 30.0, "log": True},
}
# These need no new generator, and are tried on that of each trial.
CLASSIFIER = {
    "synthetic_per_class": [10, 25, 50, 100, 250, 500],
    "classifier_learning_rate": [0.003, 0.01, 0.03, 0.1, 0.3],
    "classifier_decay": [0.85, 0.94, 0.97],
    "classifier_epochs": [10, 20, 40],
    "prototype_learning_rate": [3e-4, 1e-3, 3e-3],
    "prototype_mask": [0.0, 0.3],
    "prototype_dropout": [0.0, 0.3],
    PENALTY: [CALIBRATED],
}
# Of the presets for a CPU: small networks, and rates for few steps.
SMALL = {
    "noise_dim": [64, 128, 256],
    "generator_units": [[256], [512], [1024], [256, 256], [512, 512]],
    "critic_units": [[128], [256], [512], [1024], [256, 256]],
    "learning_rate": {"min": 1e-4, "max": 3e-3, "log": True},
}
SMALL_PRESETS = ("cpu", "best", "auto")


@dataclasses.dataclass(frozen=True)
class Space:
    """A checked space.

    Attributes:
        fixed: settings that have one value.
        generator: settings that each trial draws: two values or more, or a
            range with `min`, `max` and `log`: whether values are drawn evenly
            on a logarithmic scale.
        classifier: settings that are tried on each trial's generator, and
            their values; of `seen_penalty` the one value `CALIBRATED`.
    """

    fixed: Mapping
    generator: Mapping[str, tuple | Mapping]
    classifier: Mapping[str, tuple]

    @property
    def combinations(self) -> float:
        """How many different settings trials can draw."""
        return math.prod(map(_count, self.generator.values()))

    def parameters(self) -> "keras_tuner.HyperParameters":
        """What trials draw, as KerasTuner takes it."""
        parameters = keras_tuner.HyperParameters()
        for name, tried in self.generator.items():
            if isinstance(tried, tuple):  # KerasTuner takes none as a value
                parameters.Choice(name, [as_text(value) for value in tried])
            else:
                whole = isinstance(tried["min"], int)
                declare = parameters.Int if whole else parameters.Float
                sampling = "log" if tried["log"] else "linear"
                declare(name, tried["min"], tried["max"], sampling=sampling)
        return parameters

    def settings(self, drawn: Mapping) -> dict:
        """The settings of a trial from the values KerasTuner drew."""
        return {
            # Three digits of a random number are enough.
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
        plain = self.to_dict()
        fixed = {name: [value] for name, value in plain["fixed"].items()}
        lines = [
            f"{json.dumps(name)}: {json.dumps(tried)}"
            for group in (fixed, plain["generator"], plain["classifier"])
            for name, tried in group.items()
        ]
        return "{\n  " + ",\n  ".join(lines) + "\n}"


def _count(tried: tuple | Mapping) -> float:
    """How many values a setting can have."""
    if isinstance(tried, tuple):
        return len(tried)
    if isinstance(tried["min"], int):
        return tried["max"] - tried["min"] + 1
    return math.inf


def as_text(value):
    """`256,256` for several numbers, any other value as it is."""
    if isinstance(value, (list, tuple)):
        return ",".join(map(str, value))
    return value


def gain_text(gain: float | None) -> str:
    """` (+1.2)`; with another digit where that shows why it does not count."""
    if gain is None:
        return ""
    if gain <= MARGIN <= round(gain, 1):
        # Rounded up, it would look like one that suffices.
        return f" ({math.floor(100.0 * gain) / 100.0:+.2f})"
    return f" ({round(gain, 1) + 0.0:+.1f})"  # not -0.0
