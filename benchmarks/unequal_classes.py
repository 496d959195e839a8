#!/usr/bin/env python3
"""What is it worth that a discriminant classifier knows how many samples are?

    benchmarks/unequal_classes.py --dataset=flo --manual_dir=DIR \
        --features_file=mobilenet.mat

The classifier follows means of few samples less when it predicts the others,
and counts a class as at most 50 samples in the covariance. Each line leaves
out one of the two, or both. Reads the tune splits alone, whose seen classes are
divided again as in penalties.py, whose flags it takes; samples are as they are,
or thinned out so that classes keep between all of theirs and a tenth or a
fiftieth, but two at least.

Prints T-1 and h, the penalty chosen on the same division, and what they gain
over both left out, with the standard error over divisions.
"""

import functools
import math

import numpy as np
import penalties

from gmn_tf.method import calibration
from gmn_tf.method.classifiers import discriminant

REGRESSION, MOST = discriminant.regression, discriminant.MOST_SAMPLES
LINES = {  # whether means are weighted, and as how many samples a class counts
    "neither": (False, math.inf),
    "means": (True, math.inf),
    "covariance": (False, MOST),
    "both": (True, MOST),
}


def unweighted(embeddings, means, trust=None):
    return REGRESSION(embeddings, means)


def scores(config, data, weighted: bool, most: float) -> tuple[float, float]:
    """T-1 and h."""
    discriminant.regression = REGRESSION if weighted else unweighted
    discriminant.MOST_SAMPLES = most
    best = calibration.middle(penalties.curve(config, data))
    return best["t1"]["mean"], best["h"]["mean"]


def main(_) -> None:
    config, data = penalties.load()
    print("samples, weighted".ljust(26), "   T-1      h   gain in each")
    for ratio in (1, 10, 50):
        name = f"{ratio} to 1" if ratio > 1 else "all"
        rule = functools.partial(penalties.unbalanced, ratio=ratio)
        found = []
        for seed in range(penalties.FLAGS.seeds):
            rng = np.random.default_rng(seed)
            thinned = penalties.thinned(data, rule, rng)
            divided = penalties.divided(thinned, rng)
            found.append(
                [scores(config, divided, *one) for one in LINES.values()]
            )
        found = np.array(found)  # [divisions, lines, scores]
        gains = found - found[:, :1]
        errors = gains.std(axis=0) / math.sqrt(max(len(found) - 1, 1))
        for place, line in enumerate(LINES):
            shown = [
                f"{gain:+.2f} ± {error:.2f}"
                for gain, error in zip(gains.mean(axis=0)[place], errors[place])
            ]
            t1, h = found.mean(axis=0)[place]
            print(
                f"{name}, {line}".ljust(26),
                f"{t1:6.1f} {h:6.1f}  ",
                *shown,
            )


if __name__ == "__main__":
    penalties.run(main)
