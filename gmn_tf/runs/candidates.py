"""The settings that the separate protocol tries; needs no TensorFlow."""

import itertools

from gmn_tf.config import Config

# Multiples of the value in the run. Each further one multiplies the number of
# classifiers that are trained.
FACTORS = {
    "synthetic_per_class": (0.2, 0.5, 1.0, 2.0),
    "classifier_learning_rate": (0.3, 1.0),
}


def candidates(config: Config, has_generator: bool) -> list[dict]:
    """All settings that are tried, each once."""
    values = {
        name: dict.fromkeys(
            # Counts are whole, and at least 1.
            max(1, round(factor * getattr(config, name)))
            if isinstance(getattr(config, name), int)
            else factor * getattr(config, name)
            for factor in factors
        )
        for name, factors in FACTORS.items()
        if has_generator or name != "synthetic_per_class"
    }
    return [
        dict(zip(values, combination))
        for combination in itertools.product(*values.values())
    ]
