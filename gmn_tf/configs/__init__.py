"""Presets: one readable file per data set, holding only the differences.

`release` are the settings of the authors' release, the only ones that give
the published numbers for every data set; `paper` puts the paper's own
definitions in their place wherever the two differ.
"""

import importlib
import importlib.util

from gmn_tf.suggest import refuse_unknown

PRESETS = ("release", "paper")

# Where the paper's definitions are not the release's (the defaults).
PAPER = {
    "noise_mean": "tanh",
    "noise_covariance": "identity",
    "activation": "relu",
    "matching_distance": "global",
    "theta_reset_steps": 100,
}


def preset(dataset: str, name: str = "release") -> dict:
    """The settings of a preset that differ from `Config`'s defaults.

    Args:
        dataset: name of a data set; one without a file of its own gets the
            defaults.
        name: `release` or `paper`.

    Raises:
        InputError: for an unknown preset.
    """
    refuse_unknown("preset", name, PRESETS)
    settings = {"dataset": dataset, **_release(dataset)}
    return settings if name == "release" else {**settings, **PAPER}


def _release(dataset: str) -> dict:
    if not dataset.isidentifier():
        return {}
    module = f"{__name__}.{dataset}"
    if importlib.util.find_spec(module) is None:
        return {}
    return dict(importlib.import_module(module).RELEASE)
