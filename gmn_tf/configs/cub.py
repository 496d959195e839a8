"""CUB-200-2011: 150 + 50 classes of birds.

    bin/train --dataset=cub --variant=cwgan_gm --embedding=att+sent \
        --embedding_norm=l2,matrix

The release reports, jointly: T-1 67.0, u 54.7, s 58.4, h 56.5 (ResNet-101
features, attributes and sentences). Its settings are `Config`'s defaults. It
divides sentences by the norm of the whole matrix; the default here, each row
divided by its own, is the better reading of the paper.
"""

RELEASE = {}

# Chosen on the tune split.
CPU = {
    "synthetic_per_class": 100,
    "classifier_learning_rate": 0.03,
    "classifier_decay": 0.94,
    "classifier_epochs": 20,
}

# Chosen on the tune split with attributes and sentences: few synthetic
# features leave real ones their weight, and a penalty of seen classes does the
# rest.
BEST = {
    "embedding": "att+sent",
    "synthetic_per_class": 25,
    "matching_norm_weight": 0.01,
    "seen_penalty": 1.125,
}
