"""Presets: one readable file per data set, holding only the differences.

`release` are the settings of the authors' release, the only ones that give
the published numbers for every data set; `paper` puts the paper's own
definitions in their place wherever the two differ; `cpu` makes the release's
networks and batches small enough to train in minutes on two CPU cores; `best`
adds to `cpu` what lifted h most on the validation classes of FLO and CUB.
"""

import importlib
import importlib.util

from gmn_tf.utils.errors import InputError, check_choice

PRESETS = ("release", "paper", "cpu", "best")

# Where the paper's definitions are not the release's (the defaults).
PAPER = {
    "noise_mean": "tanh",
    "noise_covariance": "identity",
    "activation": "relu",
    "matching_distance": "global",
    "theta_reset_steps": 100,
}

# A quarter of the networks and batches, few steps and a rate to match: on two
# cores a run takes well under a minute. Rate and steps were chosen on the tune
# splits of CUB and FLO (results/README.md).
CPU = {
    "noise_dim": 128,
    "generator_units": (512,),
    "critic_units": (256,),
    "batch_size": 64,
    "matching_real": 20,
    "matching_fake": 40,
    "learning_rate": 1e-3,
    "steps": 800,
    "classifier_epochs": 40,
    "classifier_seeds": 2,
}


def preset(dataset: str, name: str = "release") -> dict:
    """The settings of a preset that differ from `Config`'s defaults.

    Args:
        dataset: name of a data set; one without a file of its own gets the
            defaults.
        name: one of `PRESETS`.

    Raises:
        InputError: for an unknown preset, or `best` of a data set that has
            none.
    """
    check_choice("preset", name, PRESETS)
    release = {"dataset": dataset, **_own(dataset, "RELEASE")}
    if name == "paper":
        return {**release, **PAPER}
    if name == "release":
        return release
    cpu = {**release, **CPU, **_own(dataset, "CPU")}
    if name == "cpu":
        return cpu
    best = _own(dataset, "BEST")
    if not best:
        raise InputError(
            f"Nobody has searched for the best settings of {dataset} yet.",
            "--preset=best with flo or cub",
            f"--preset=best with {dataset}",
            "search for them with bin/tune --preset=cpu",
        )
    return {**cpu, **best}


def _own(dataset: str, name: str) -> dict:
    """The differences `name` in the data set's own file, if it has them."""
    if not dataset.isidentifier():
        return {}
    module = f"{__name__}.{dataset}"
    if importlib.util.find_spec(module) is None:
        return {}
    return dict(getattr(importlib.import_module(module), name, {}))
