"""Systems by other authors: their own settings with `--preset=release`.

    bin/train --dataset=flo --manual_dir=DIR --variant=tfvaegan

Nothing here decides what a system is: that is its row of `method.variants`.
`always` completes it under every preset, and `small` gives its own networks the
size that others have with `cpu`. Sizes, rates and counts are those of
the papers and of the authors' code, as far as they are known; what is marked
"ours" is not, and was chosen here. The final classifiers are trained by SGD as
all others, with rates of ours for features in [0, 1]. docs/systems.md lists
what else differs.
"""

from collections.abc import Mapping
from typing import NamedTuple

# Training rows, by which epochs become steps; other data sets: as CUB.
ROWS = {"cub": 7057, "sun": 10320, "awa": 19832, "awa2": 23527, "flo": 5631}
ROWS["apy"] = 5932


class System(NamedTuple):
    """Settings of a system.

    Attributes:
        release: those of its authors.
        datasets: what differs for a data set.
        epochs: of the generator, for a data set; "" stands for all others.
        always: what completes it with any preset.
        small: sizes for two CPU cores.
    """

    release: Mapping = {}
    datasets: Mapping = {}
    epochs: Mapping = {}
    always: Mapping = {}
    small: Mapping = {}


# The generators by Xian et al. and those that followed: one hidden layer, and
# noise as wide as the embedding.
GAN = {
    "feature_scaling": "minmax",
    "noise": "concat",
    "noise_dim": 0,
    "generator_units": (4096,),
    "generator_output": "relu",
    "activation": "leaky_relu",
    "critic_units": (4096,),
    "critic_steps": 5,
    "batch_size": 64,
    "sampling": "uniform",
    "learning_rate": 1e-4,
    "beta_1": 0.5,
    "beta_2": 0.999,
    "compatibility": "linear",
    "seen_floor": 0,
    "classifier": "linear",
    # Ours.
    "classifier_learning_rate": 0.1,
    "classifier_decay": 0.94,
    "classifier_weight_decay": 0.0001,
    "classifier_epochs": 40,
}
# Synthetic samples per unseen class, of f-CLSWGAN (from memory) and later of
# f-VAEGAN.
MANY = {
    "cub": {"synthetic_per_class": 300},
    "flo": {"synthetic_per_class": 1200},
    "sun": {"synthetic_per_class": 400},
    "awa": {"synthetic_per_class": 1800},
    "awa2": {"synthetic_per_class": 1800},
}
# The mean of a squared error over the dimensions of a, where ours is a sum:
# 312 attributes of CUB, and of data whose number is not known.
FELIX = {
    "cub": {"synthetic_per_class": 200},
    "flo": {"synthetic_per_class": 300, "cycle_weight": 0.01 / 1024},
    "sun": {"synthetic_per_class": 141, "cycle_weight": 0.01 / 102},
    "awa": {"synthetic_per_class": 1200, "cycle_weight": 0.01 / 85},
    "awa2": {"synthetic_per_class": 1200, "cycle_weight": 0.01 / 85},
    "apy": {"cycle_weight": 0.01 / 64},
}
CYCLE = {
    **GAN,
    "critic_learning_rate": 1e-3,
    "synthetic_per_class": 300,
    "cycle_weight": 0.01 / 312,
}
VAE = {
    **GAN,
    "generator_output": "sigmoid",
    "vae_units": (4096,),
    "synthetic_per_class": 300,
}
# Of a critic whose scores stand beside errors summed over all dimensions.
GAMMA = {"adversarial_weight": 10.0}
# From memory of the authors' commands, as those of f-CLSWGAN are.
LONG = {"": 300, "flo": 500, "sun": 400, "awa": 120, "awa2": 120}
SMALL = {"vae_units": (512,), "regressor_units": (512,)}
DECODER = {"regressor_distance": "absolute", "regressor_weight": 0.01}
# From memory, but for CUB and FLO.
AS_ON_AWA = {"regressor_weight": 0.1, "regressor_feedback": 0.01}
FEEDBACK = {"flo": 0.5, "sun": 0.1}

_SYSTEMS = {
    # From memory.
    "cwgan_cls": System(
        {**GAN, "classification_weight": 0.01, "synthetic_per_class": 300},
        MANY,
        {"": 56, "flo": 80, "sun": 40, "awa": 30, "awa2": 30},
    ),
    "cwgan_cycle": System(CYCLE, FELIX, {"": 60}),  # epochs: ours
    "cwgan_cls_cycle": System(CYCLE, FELIX, {"": 60}),
    # From memory.
    "gmmn": System(
        {
            **GAN,
            "synthetic_per_class": 500,
            # Ours; of the authors the hidden layer, and the noise, are known.
            "generator_units": (2048,),
            "learning_rate": 3e-4,
            "matching_classes": 5,
            "matching_weight": 500.0,  # of L_GM: 100 for each of them
            "matching_real": 60,
            "matching_fake": 120,
            "steps": 8000,
        }
    ),
    # From memory.
    "cvae": System(
        {
            **GAN,
            # Ours: none of the authors' sizes and weights are known.
            "generator_output": "sigmoid",
            "generator_units": (2048,),
            "vae_units": (2048,),
            "vae_reconstruction": "squared",
            "regressor_units": (1024,),
            "learning_rate": 3e-4,
            "synthetic_per_class": 300,
        },
        epochs={"": 100},
        always={
            "vae_reads": "features",
            "vae_prior_weight": 0.1,
            "vae_code_weight": 0.1,
            "regressor_weight": 0.1,
            "regressor_fake_weight": 0.1,
        },
        small=SMALL,
    ),
    "fvaegan": System(VAE, MANY, LONG, GAMMA, SMALL),
    "tfvaegan": System(
        {
            **VAE,
            **DECODER,
            "regressor_units": (4096,),
            "regressor_feedback": 1.0,
        },
        {
            **MANY,
            **{
                name: {**MANY[name], "regressor_feedback": weight}
                for name, weight in FEEDBACK.items()
            },
            "awa": {**MANY["awa"], **AS_ON_AWA},
            "awa2": {**MANY["awa2"], **AS_ON_AWA},
        },
        LONG,
        {**GAMMA, **DECODER},
        SMALL,
    ),
    "cadavae": System(
        {
            **GAN,
            "noise_dim": 64,
            "noise_units": 1450,
            "generator_units": (1660,),
            "generator_output": "linear",
            "activation": "relu",
            "batch_size": 50,
            "learning_rate": 1.5e-4,
            "beta_1": 0.9,
            # Ours: twice as many as a seen class has on average, as the
            # authors' 400 are of their 200.
            "synthetic_per_class": 100,
        },
        {
            "flo": {"synthetic_per_class": 140},
            "sun": {"synthetic_per_class": 32},
            "awa": {"synthetic_per_class": 1000},
            "awa2": {"synthetic_per_class": 1200},
            "apy": {"synthetic_per_class": 600},
        },
        {"": 100},
        {
            "noise": "latent",
            "noise_mean": "linear",
            "noise_covariance": "learned",
        },
        {
            "noise_dim": 64,
            "noise_units": 512,
            "alignment_units": (512,),
            "alignment_embedding_units": (256,),
            # At 1e-3, that of `cpu`, log variances diverge on FLO.
            "learning_rate": 3e-4,
        },
    ),
    "class_normalisation": System(
        {
            "prototype_learning_rate": 5e-4,
            "prototype_weight_decay": 1e-4,
            "prototype_batch_size": 256,
            "prototype_epochs": 50,
            "prototype_seen_factor": 0.95,
        },
        {"cub": {"prototype_seen_factor": 1.0}},
        always={
            "classifier": "prototype",
            "classifier_rows": "real",
            "classifier_weights": "1",
            "prototype_units": (1024, 1024),
            "prototype_normalisation": "class",
            "prototype_activation": "relu",
            "prototype_output": "relu",
        },
    ),
    "zlap": System(
        {
            **GAN,
            "prototype_units": (1024,),
            "prototype_learning_rate": 1e-4,
            "prototype_rate_drop": 2.0,
            "prototype_beta_1": 0.5,
            "prototype_weight_decay": 1e-4,
            "prototype_batch_size": 512,
            "prototype_epochs": 60,
        },
        {
            "awa2": {"prototype_prior": 1000.0},
            "sun": {"prototype_prior": 60.0},
            "apy": {"prototype_prior": 300.0},
        },
        {"": 56},  # ours
        {
            "classifier": "prototype",
            "classifier_rows": "both",
            "classifier_weights": "1",
            "synthetic_per_class": 10,
            "prototype_prior": 30.0,
        },
    ),
}
SYSTEMS = {
    **_SYSTEMS,
    **{
        f"{name}_gm": _SYSTEMS[name]
        for name in ("gmmn", "cvae", "fvaegan", "tfvaegan", "cadavae")
    },
}
# Rates and margins that others found for zero-shot learning on real samples.
RANKING = {
    "devise": System(
        {"classifier_decay": 1.0, "classifier_learning_rate": 1.0},
        {
            "awa": {"classifier_learning_rate": 0.01, "ranking_margin": 200.0},
            "sun": {"classifier_learning_rate": 0.01, "ranking_margin": 3.0},
        },
    ),
    "ale": System(
        {"classifier_decay": 1.0, "classifier_learning_rate": 0.3},
        {
            "awa": {"classifier_learning_rate": 0.01},
            "sun": {"classifier_learning_rate": 0.1},
        },
    ),
}


def always(variant: str | None) -> Mapping:
    """What completes a variant with any preset, and no search may change."""
    return SYSTEMS.get(variant, System()).always


def settings(dataset: str, chosen: Mapping, preset: str) -> dict:
    """What a variant and a classifier add to a preset.

    Args:
        dataset: name of a data set.
        chosen: settings, of which `variant` and `classifier` count.
        preset: `release` has the settings of the authors.
    """
    system = SYSTEMS.get(chosen.get("variant"), System())
    release = preset == "release"
    added = {} if preset in ("release", "paper") else dict(system.small)
    if release:
        added |= system.release
        if system.epochs:
            epochs = system.epochs.get(dataset, system.epochs[""])
            rows = ROWS.get(dataset, ROWS["cub"])
            added["steps"] = epochs * rows // system.release["batch_size"]
    added |= system.always
    if release:
        added |= system.datasets.get(dataset, {})
        ranking = RANKING.get(chosen.get("classifier"), System())
        if system.release:
            added |= {**ranking.release, **ranking.datasets.get(dataset, {})}
    return added
