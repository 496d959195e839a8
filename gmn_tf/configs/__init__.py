"""Presets: one readable file per data set, holding only the differences.

`release` are the settings of the authors' release, the only ones that give
the published numbers for every data set; `paper` puts the paper's own
definitions in their place wherever the two differ; `cpu` makes the release's
networks and batches small enough to train in minutes on two CPU cores; with
`auto` a short search on the validation classes decides (`gmn_tf.search.auto`);
`best` adds to `cpu` what it decided for FLO and CUB, with either embedding, and
is `auto` for all else, other variants and classifiers too.

Variants by other authors, and their classifiers, have settings of their own:
see `systems`.
"""

import importlib
import pkgutil
from collections.abc import Mapping

from gmn_tf.configs import systems
from gmn_tf.utils.errors import check_choice

PRESETS = ("release", "paper", "cpu", "best", "auto")

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
# splits of CUB and FLO (results/cpu_preset). Features are scaled, so that their
# unit does not matter.
CPU = {
    "precision": "auto",
    "feature_scaling": "unit",
    "generator_output": "auto",
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

# What `best` was found for: its penalty, weights and temperature fit no other.
FOUND_FOR = ("embedding", "variant", "classifier")

# For any data: `cpu` on data that is scaled. What is left of these settings,
# and others, the search decides.
AUTO = {
    **CPU,
    "embedding_norm": "standard_l2",
    "synthetic_per_class": 25,
    "classifier_learning_rate": 0.03,
}


def preset(
    dataset: str, name: str = "release", chosen: Mapping | None = None
) -> dict:
    """The settings of a preset that differ from `Config`'s defaults.

    Args:
        dataset: name of a data set; one without a file of its own gets the
            defaults.
        name: one of `PRESETS`.
        chosen: settings that are chosen already. A `variant` and a
            `classifier` may have others of their own (`systems`), and decide
            with the `embedding` whether `best` knows anything.

    Raises:
        InputError: for an unknown preset.
    """
    check_choice("preset", name, PRESETS)
    chosen = chosen or {}
    system = systems.settings(dataset, chosen, name)
    if is_searched(dataset, name, chosen):
        return {"dataset": dataset, **AUTO, **system}
    own = _own(dataset)
    settings = {"dataset": dataset, **own.get("RELEASE", {})}
    if name == "paper":
        settings |= PAPER
    if name in ("cpu", "best"):
        settings |= CPU | own.get("CPU", {})
    if name == "best":
        settings |= _best(dataset, chosen)
    return settings | system


def is_searched(dataset: str, name: str, chosen: Mapping) -> bool:
    """Whether a search completes the preset.

    It does for `auto`, and for `best` of data, an embedding, a variant or a
    classifier that it was not found for.

    Args:
        dataset: as for `preset`.
        name: as for `preset`.
        chosen: settings that are chosen already.
    """
    searched = name == "best" and not _best(dataset, chosen)
    return name == "auto" or searched


def _best(dataset: str, chosen: Mapping) -> dict:
    """What was found for the data and what is chosen; empty if nothing was."""
    found = _own(dataset).get("BEST", {})
    embedding = str(chosen.get("embedding") or next(iter(found), ""))
    if embedding not in found:
        return {}
    settings = {"embedding": embedding, **found[embedding]}
    same = all(chosen.get(n) in (None, settings[n]) for n in FOUND_FOR)
    return settings if same else {}


def _own(dataset: str) -> dict:
    """What the data set's own file defines."""
    if dataset in [module.name for module in pkgutil.iter_modules(__path__)]:
        return vars(importlib.import_module(f"{__name__}.{dataset}"))
    return {}
