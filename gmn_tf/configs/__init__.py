"""Presets: one readable file per data set, holding only the differences.

`release` are the settings of the authors' release, the only ones that give
the published numbers for every data set; `paper` puts the paper's own
definitions in their place wherever the two differ; `cpu` makes the release's
networks and batches small enough to train in minutes on two CPU cores; `best`
adds to `cpu` what raised h most on the validation classes of FLO and CUB.
"""

import importlib
import pkgutil

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
        InputError: for an unknown preset, or if a data set has no `best` one.
    """
    check_choice("preset", name, PRESETS)
    own = {}
    if dataset in [module.name for module in pkgutil.iter_modules(__path__)]:
        own = vars(importlib.import_module(f"{__name__}.{dataset}"))
    settings = {"dataset": dataset, **own.get("RELEASE", {})}
    if name == "paper":
        settings |= PAPER
    if name in ("cpu", "best"):
        settings |= CPU | own.get("CPU", {})
    if name == "best":
        if "BEST" not in own:
            raise InputError(
                f"There is no `best` preset for {dataset}.",
                "--preset=best with flo or cub",
                f"--preset=best with {dataset}",
                "Search for the best settings with bin/tune --preset=cpu.",
            )
        settings |= own["BEST"]
    return settings
