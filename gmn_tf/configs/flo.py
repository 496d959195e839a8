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

# Chosen on the tune split: few synthetic features leave real ones their
# weight, and a penalty of seen classes does the rest.
BEST = {"synthetic_per_class": 25, "seen_penalty": 1.971}
