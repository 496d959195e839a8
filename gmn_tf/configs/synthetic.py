"""The data set the package draws by itself; a small network is enough.

bin/train --dataset=synthetic --variant=cwgan_gm
"""

RELEASE = {
    "noise_dim": 64,
    "generator_units": (256,),
    "critic_units": (256,),
    "batch_size": 128,
    "steps": 1500,
    "matching_real": 30,
    "matching_fake": 60,
    "synthetic_per_class": 100,
    "classifier_epochs": 40,
}

CPU = RELEASE  # its sizes are small already
