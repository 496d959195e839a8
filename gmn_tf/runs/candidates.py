"""The settings that the separate protocol tries; needs no TensorFlow."""

import itertools

from gmn_tf.config import BOTH, Config
from gmn_tf.method.classifiers.table import CLASSIFIERS

# Multiples of the value in the run. Each further one multiplies the number of
# classifiers that are trained.
COUNT_FACTORS = (0.2, 0.5, 1.0, 2.0)  # of synthetic_per_class
RATE_FACTORS = (0.3, 1.0)  # of the learning rates of the classifiers


def candidates(config: Config, has_generator: bool) -> list[dict]:
    """All settings that are tried, each once."""
    parts = config.classifier_parts
    tried = {}
    if has_generator and any(part.rows == BOTH for part in parts):
        tried["synthetic_per_class"] = COUNT_FACTORS
    for part in parts:
        rate = f"{CLASSIFIERS.prefixes(part.name)[-1]}learning_rate"
        if hasattr(config, rate):  # what is solved in closed form has none
            tried[rate] = RATE_FACTORS
    values = {
        name: dict.fromkeys(
            # Counts are whole, and at least 1.
            max(1, round(factor * getattr(config, name)))
            if isinstance(getattr(config, name), int)
            else factor * getattr(config, name)
            for factor in factors
        )
        for name, factors in tried.items()
    }
    return [
        dict(zip(values, combination))
        for combination in itertools.product(*values.values())
    ]
