"""Animals with Attributes 1: 40 + 10 classes.

    bin/train --dataset=awa --variant=cwgan_gm

The release reports, jointly: T-1 72.0, u 57.1, s 81.3, h 67.1 (ResNet-101
features).
"""

RELEASE = {
    "generator_units": (2048, 2048),
    "critic_units": (2048, 2048),
    "beta_1": 0.999,
    "matching_weight": 200.0,  # 100 for each of 2 classes
    "matching_classes": 2,
    "matching_real": 256,
    "matching_fake": 512,
    "synthetic_per_class": 2300,
    "seen_floor": 600,
    "classifier_learning_rate": 0.001,
    "classifier_weight_decay": 0.1,
}
