"""Section 3.1: standard normal noise eps, as a function of a seed.

Noise is most of what the input pipeline makes. `tf.random.stateless_normal`
computes one number at a time; the same transform of Box and Muller written in
operations on whole tensors runs several lanes of the processor at once.
"""

import math

import tensorflow as tf

PHILOX, BLOCK = 1, 4  # TensorFlow's number of it; what it makes at once


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
    uniform = tf.random.stateless_uniform(
        [*outer, _uniforms(size)], seed, dtype=dtype
    )
    return _transformed(uniform, size)


def states(seeds):
    """What `rows_of_normal` needs of seeds `[n, 2]`: `[n, 3]` uint64."""

    def state(seed):
        return tf.concat(tf.raw_ops.StatelessRandomGetKeyCounter(seed=seed), 0)

    return tf.map_fn(state, seeds, fn_output_signature=tf.uint64)


def rows_of_normal(row_states, rows, size: int):
    """Row r of `standard_normal([..., size], seed)`, each of its own seed.

    Philox, the generator behind a seed, counts blocks of four numbers, so that
    a row is made without those before it.

    Args:
        row_states: `[n, 3]`, of the seed of each row; see `states`.
        rows: `[n]` int64, the numbers of the rows.
        size: of a row.

    Returns:
        `[n, size]` float32, but for rounding.
    """
    width = _uniforms(size)
    rest = width % BLOCK  # then every other row begins within a block
    first = width * rows
    moved = tf.cast(first // BLOCK, tf.uint64)[:, tf.newaxis]
    row_states += moved * tf.constant([[0, 1, 0]], tf.uint64)

    def row(state):
        return tf.raw_ops.StatelessRandomUniformV2(
            shape=[width + rest], key=state[:1], counter=state[1:], alg=PHILOX
        )

    with tf.device("CPU"):  # where so small operations cost least
        found = tf.map_fn(row, row_states, fn_output_signature=tf.float32)
    # Of no row, eagerly, `map_fn` does not know the size.
    found = tf.reshape(found, [-1, width + rest])
    begins_inside = (first % BLOCK > 0)[:, tf.newaxis]
    found = tf.where(begins_inside, found[:, rest:], found[:, :width])
    return _transformed(found, size)


def _uniforms(size):
    """Uniform numbers that are needed for `size` normal ones."""
    return 2 * -(-size // 2)


def _transformed(uniform, size):
    """Box and Muller: the radius of the first half, the angle of the second."""
    half = _uniforms(size) // 2
    radius = tf.sqrt(-2.0 * tf.math.log1p(-uniform[..., :half]))
    angle = 2.0 * math.pi * uniform[..., half:]
    pairs = [radius * tf.cos(angle), radius * tf.sin(angle)]
    return tf.concat(pairs, axis=-1)[..., :size]
