"""SUN Attribute: 645 + 72 classes of scenes.

    bin/train --dataset=sun --variant=cwgan_gm

The release reports, jointly: T-1 61.1, u 50.3, s 37.2, h 42.8 (ResNet-101
features).
"""

RELEASE = {
    "noise": "concat",
    "noise_dim": 102,
    "generator_units": (2048, 2048),
    "critic_units": (2048, 2048),
    "sampling": "uniform",
    "steps": 20_000,
    "compatibility": "linear",
    "classifier": "linear",
    "matching_weight": 2000.0,  # 100 for each of 20 classes
    "matching_classes": 20,
    "matching_real": 16,
    "matching_fake": 160,
    "synthetic_per_class": 175,
    "classifier_learning_rate": 1.0,
    "classifier_decay": 0.96,
    "classifier_weight_decay": 0.01,
}

# Already smaller than what `cpu` says for all.
CPU = {"noise_dim": 102, "matching_real": 16, "matching_fake": 32}
