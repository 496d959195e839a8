"""Section 3.1: standard normal noise eps, as a function of a seed.

Noise is most of what the input pipeline makes. `tf.random.stateless_normal`
computes one number at a time; the same transform of Box and Muller written in
operations on whole tensors runs several lanes of the processor at once.
"""

import math

import tensorflow as tf


def standard_normal(shape, seed, dtype="float32"):
    """Numbers ~ N(0, 1).

    Args:
        shape: of the result, one dimension at least. The first rows of a
            larger first dimension are those of a smaller one, but for
            rounding.
        seed: `[2]` integers.
        dtype: of the result.
    """
    *outer, size = shape
    half = -(-size // 2)
    uniform = tf.random.stateless_uniform([*outer, 2 * half], seed, dtype=dtype)
    radius = tf.sqrt(-2.0 * tf.math.log1p(-uniform[..., :half]))
    angle = 2.0 * math.pi * uniform[..., half:]
    pairs = [radius * tf.cos(angle), radius * tf.sin(angle)]
    return tf.concat(pairs, axis=-1)[..., :size]
