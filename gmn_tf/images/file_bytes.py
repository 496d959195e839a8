"""Numbers and text at places of a file's content, in TensorFlow's graph.

Whatever is missing is 0 or empty, so that a damaged file cannot stop a graph.
"""

import tensorflow as tf

PADDING = b"\0" * 128  # so that a header can be read whatever is missing


def find_part(content, first: int, step):
    """Goes from part to part of a file until `step` finds the right one.

    Args:
        content: of the file.
        first: where its parts begin.
        step: place of a part -> whether it is right, where its data begin,
            where the next part is, whether there is one.

    Returns:
        Where the data of the right part begin; 0 if there is none.
    """
    end = tf.strings.length(content) - len(PADDING)

    def body(place, _):
        is_found, begin, following, going_on = step(place)
        # A damaged length may lead anywhere, but not back.
        following = tf.where(following > place, following, end)
        following = tf.where(going_on & ~is_found, following, end)
        return following, tf.where(is_found, begin, 0)

    _, found = tf.while_loop(
        lambda place, _: place < end,
        body,
        (tf.convert_to_tensor(first), tf.constant(0)),
    )
    return found


def part_of_png(content, wanted: bytes, last: bytes = b"IEND"):
    """Where the data of a part of a PNG begin; 0 if it is not before `last`."""

    def step(place):
        length = number(content, place, 4, big=True)
        kind = text(content, place + 4, 4)
        return kind == wanted, place + 8, place + 12 + length, kind != last

    return find_part(content, 8, step)


def text(content, place, length):
    """Some bytes; fewer where the file ends."""
    place = tf.clip_by_value(place, 0, tf.strings.length(content))
    return tf.strings.substr(content, place, tf.maximum(length, 0))


def numbers(content, place, length):
    """The same as a tensor of numbers `[n]`."""
    return tf.io.decode_raw(text(content, place, length), tf.uint8)


def number(content, place, length: int, big=False):
    """The number that some bytes hold, the greatest byte last unless `big`.

    0 where the file ends.
    """
    found = numbers(content, place, length)
    found = tf.pad(found, [[0, length - tf.size(found)]])
    return integers(tf.ensure_shape(found, [length]), big)


def integers(digits, big):
    """Bytes `[..., n]` -> int32 `[...]`, clipped at 2^30 - 1."""
    powers = [1 << 8 * place for place in range(digits.shape[-1])]
    powers = tf.where(big, powers[::-1], powers)
    products = tf.cast(digits, tf.int64) * tf.cast(powers, tf.int64)
    total = tf.minimum(tf.reduce_sum(products, axis=-1), tf.int32.max // 2)
    return tf.cast(total, tf.int32)
