"""EXIF's orientation of an image, and turning it upright, in the graph."""

import tensorflow as tf

from gmn_tf.images import file_bytes

UPRIGHT = 1  # EXIF's number of this orientation
_TAG = 0x112  # EXIF's number for orientations
_SHORT = 3  # EXIF's number for integers of 16 bits


@tf.function(
    input_signature=[tf.TensorSpec([], tf.string)], autograph=False
)  # step by step in Python it takes as long as decoding
def exif_orientation(content: tf.Tensor | bytes) -> tf.Tensor:
    """EXIF's number of an image's orientation, 1..8: `UPRIGHT` if unknown.

    Args:
        content: scalar string tensor, or bytes, of a JPEG, PNG or WebP; for
            another kind of file the answer is `UPRIGHT`. (The decoder of JPEG
            XL turns images by itself.)
    """
    content = content + file_bytes.PADDING
    finders = (
        (file_bytes.text(content, 0, 2) == b"\xff\xd8", _exif_of_jpeg),
        (file_bytes.text(content, 0, 4) == b"\x89PNG", _exif_of_png),
        (file_bytes.text(content, 8, 4) == b"WEBP", _exif_of_webp),
    )
    place = tf.case(
        [(found, lambda find=find: find(content)) for found, find in finders],
        default=lambda: tf.constant(0),
    )
    return tf.cond(
        place > 0,
        lambda: _orientation_at(content, place),
        lambda: tf.constant(UPRIGHT),
    )


def turned(pixels: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """Turns square images upright: `[size, size, 3]` -> the same shape."""

    def is_one_of(*numbers):
        return tf.reduce_any(orientation == list(numbers))

    across = tf.transpose(pixels, [1, 0, 2])
    pixels = tf.where(is_one_of(5, 6, 7, 8), across, pixels)
    pixels = tf.where(is_one_of(2, 3, 6, 7), tf.reverse(pixels, [1]), pixels)
    return tf.where(is_one_of(3, 4, 7, 8), tf.reverse(pixels, [0]), pixels)


def _exif_of_jpeg(content):
    """Where EXIF data begins in a JPEG; 0 if there is none."""

    def step(place):
        marker = file_bytes.number(content, place + 1, 1)
        length = file_bytes.number(content, place + 2, 2, big=True)
        is_exif = (marker == 0xE1) & (
            file_bytes.text(content, place + 4, 6) == b"Exif\0\0"
        )
        # Bytes of 0xFF may fill the space between segments.
        following = tf.where(marker == 0xFF, place + 1, place + 2 + length)
        going_on = (file_bytes.number(content, place, 1) == 0xFF) & (
            marker != 0xDA
        )
        return is_exif & going_on, place + 10, following, going_on

    return file_bytes.find_part(content, 2, step)


def _exif_of_png(content):
    """Where EXIF data begins in a PNG; 0 if there is none."""
    return file_bytes.part_of_png(content, b"eXIf")


def _exif_of_webp(content):
    """Where EXIF data begins in a WebP; 0 if there is none."""

    def step(place):
        length = file_bytes.number(content, place + 4, 4)
        begin = place + 8
        # Some programs write what begins EXIF data in a JPEG.
        has_mark = file_bytes.text(content, begin, 6) == b"Exif\0\0"
        begin += 6 * tf.cast(has_mark, tf.int32)
        is_exif = file_bytes.text(content, place, 4) == b"EXIF"
        return is_exif, begin, place + 8 + length + length % 2, True

    return file_bytes.find_part(content, 12, step)


def _orientation_at(content, place):
    """The orientation in the EXIF data, a TIFF header, at a place."""
    big = file_bytes.text(content, place, 2) == b"MM"
    entries = place + file_bytes.number(content, place + 4, 4, big)
    count = file_bytes.number(content, entries, 2, big)
    table = file_bytes.numbers(content, entries + 2, 12 * count)
    rows = tf.reshape(table[: tf.size(table) // 12 * 12], [-1, 12])
    tags = file_bytes.integers(rows[:, :2], big)
    kinds = file_bytes.integers(rows[:, 2:4], big)
    values = tf.where(
        kinds == _SHORT,
        file_bytes.integers(rows[:, 8:10], big),
        file_bytes.integers(rows[:, 8:12], big),
    )
    values = tf.boolean_mask(values, tags == _TAG)
    last = tf.concat([[UPRIGHT], values], axis=0)[-1]
    return tf.where((last >= 1) & (last <= 8), last, UPRIGHT)
