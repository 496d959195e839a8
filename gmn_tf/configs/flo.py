"""Oxford Flowers: 82 + 20 classes.

    bin/train --dataset=flo --manual_dir=DIR --variant=cwgan_gm

Not in the paper or the release; CUB's settings, which are the defaults.
"""

from gmn_tf.configs import cub

RELEASE = {}

# Chosen on the tune split.
CPU = {
    **cub.CPU,
    "synthetic_per_class": 250,
    "embedding_norm": "standard_l2",
}

# Chosen on the tune splits by --preset=auto with seed 1.
BEST = {
    "att": {
        "variant": "cwgan_gm",
        "synthetic_per_class": 100,
        "classifier": "bilinear+discriminant+prototype",
        "classifier_rows": "both,real,real",
        "classifier_weights": "1,4,1",
        "classifier_decay": 0.9711,
        "classifier_epochs": 41,
        "prototype_epochs": 41,
        "feature_scaling": "root",
        "seen_penalty": 3.969,
        "temperature": 1.71,
    },
}
