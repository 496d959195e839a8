"""Image files -> upright pixels by TensorFlow's operations alone.

An exported model does the same, so nothing here leaves the graph. `pillow`
reads what TensorFlow cannot.
"""

import tensorflow as tf

UPRIGHT = 1  # EXIF's number of this orientation
_TAG = 0x112  # EXIF's number for orientations
_SHORT = 3  # EXIF's number for integers of 16 bits
_PADDING = b"\0" * 128  # so that a header can be read whatever is missing
# Red, green and blue where TensorFlow takes them from a BMP with 32 bits.
_MASKS = b"\x00\x00\xff\x00\x00\xff\x00\x00\xff\x00\x00\x00"


def decode(content: tf.Tensor | bytes) -> tf.Tensor:
    """The pixels of an image as they are stored.

    Args:
        content: scalar string tensor, or bytes: a JPEG, JPEG XL, PNG, BMP,
            WebP or GIF (of which the first frame is used).

    Returns:
        `[rows, columns, 3]` red, green and blue, 0..255; transparency is left
        out.

    Raises:
        tf.errors.InvalidArgumentError: if it is none of these, or a BMP that
            TensorFlow would misread.
    """
    content = tf.convert_to_tensor(content)
    pixels = tf.io.decode_image(content, channels=3, expand_animations=False)
    pixels = tf.ensure_shape(pixels, [None, None, 3])
    padded = content + _PADDING
    return tf.cond(
        _text(padded, 0, 2) == b"BM",
        lambda: _bmp(padded, pixels),
        lambda: pixels,
    )


def _bmp(content, pixels):
    """The pixels of a BMP; TensorFlow looks at few of the forms it has."""
    header, bits, compression = (
        _number(content, *place) for place in ((14, 4), (28, 2), (30, 4))
    )
    masks = (compression == 3) & (_text(content, 54, 12) == _MASKS)
    plain = compression == 0
    known = plain & ((bits == 8) | (bits == 24)) | (bits == 32) & (
        plain | masks
    )
    tf.debugging.Assert(
        known & (header >= 40),
        ["A BMP of a form that TensorFlow misreads; save it as PNG."],
    )

    def coloured():
        """TensorFlow gives the place of each colour in the palette."""
        end = _number(content, 10, 4)
        table = _bytes(content, 14 + header, end - 14 - header)
        colours = tf.reshape(table[: tf.size(table) // 4 * 4], [-1, 4])
        return tf.gather(colours[:, 2::-1], tf.cast(pixels[..., 0], tf.int32))

    return tf.cond(bits == 8, coloured, lambda: pixels)


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
    content = content + _PADDING
    finders = (
        (_text(content, 0, 2) == b"\xff\xd8", _exif_of_jpeg),
        (_text(content, 0, 4) == b"\x89PNG", _exif_of_png),
        (_text(content, 8, 4) == b"WEBP", _exif_of_webp),
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
        marker = _number(content, place + 1, 1)
        length = _number(content, place + 2, 2, big=True)
        is_exif = (marker == 0xE1) & (
            _text(content, place + 4, 6) == b"Exif\0\0"
        )
        # Bytes of 0xFF may fill the space between segments.
        following = tf.where(marker == 0xFF, place + 1, place + 2 + length)
        going_on = (_number(content, place, 1) == 0xFF) & (marker != 0xDA)
        return is_exif & going_on, place + 10, following, going_on

    return _found(content, 2, step)


def _exif_of_png(content):
    """Where EXIF data begins in a PNG; 0 if there is none."""

    def step(place):
        length = _number(content, place, 4, big=True)
        kind = _text(content, place + 4, 4)
        return kind == b"eXIf", place + 8, place + 12 + length, kind != b"IEND"

    return _found(content, 8, step)


def _exif_of_webp(content):
    """Where EXIF data begins in a WebP; 0 if there is none."""

    def step(place):
        length = _number(content, place + 4, 4)
        begin = place + 8
        # Some programs write what begins EXIF data in a JPEG.
        has_mark = _text(content, begin, 6) == b"Exif\0\0"
        begin += 6 * tf.cast(has_mark, tf.int32)
        is_exif = _text(content, place, 4) == b"EXIF"
        return is_exif, begin, place + 8 + length + length % 2, True

    return _found(content, 12, step)


def _found(content, first: int, step):
    """Goes from part to part of a file until `step` finds EXIF data.

    Args:
        content: of the file.
        first: where its parts begin.
        step: place of a part -> whether it is EXIF data, where these begin,
            where the next part is, whether there is one.

    Returns:
        Where EXIF data begins; 0 if there is none.
    """
    end = tf.strings.length(content) - len(_PADDING)

    def body(place, _):
        is_found, begin, following, going_on = step(place)
        # A damaged length may lead anywhere, but not back.
        following = tf.where(following > place, following, end)
        following = tf.where(going_on & ~is_found, following, end)
        return following, tf.where(is_found, begin, 0)

    _, found = tf.while_loop(
        lambda place, _: place < end,
        body,
        (tf.constant(first), tf.constant(0)),
    )
    return found


def _orientation_at(content, place):
    """The orientation in the EXIF data, a TIFF header, at a place."""
    big = _text(content, place, 2) == b"MM"
    entries = place + _number(content, place + 4, 4, big)
    count = _number(content, entries, 2, big)
    table = _bytes(content, entries + 2, 12 * count)
    rows = tf.reshape(table[: tf.size(table) // 12 * 12], [-1, 12])
    tags, kinds = _integers(rows[:, :2], big), _integers(rows[:, 2:4], big)
    values = tf.where(
        kinds == _SHORT,
        _integers(rows[:, 8:10], big),
        _integers(rows[:, 8:12], big),
    )
    values = tf.boolean_mask(values, tags == _TAG)
    last = tf.concat([[UPRIGHT], values], axis=0)[-1]
    return tf.where((last >= 1) & (last <= 8), last, UPRIGHT)


def _text(content, place, length):
    """Some bytes; fewer where the file ends."""
    place = tf.clip_by_value(place, 0, tf.strings.length(content))
    return tf.strings.substr(content, place, tf.maximum(length, 0))


def _bytes(content, place, length):
    """The same as a tensor of numbers `[n]`."""
    return tf.io.decode_raw(_text(content, place, length), tf.uint8)


def _number(content, place, length: int, big=False):
    """The number that some bytes hold, the greatest byte last unless `big`.

    0 where the file ends.
    """
    found = _bytes(content, place, length)
    found = tf.pad(found, [[0, length - tf.size(found)]])
    return _integers(tf.ensure_shape(found, [length]), big)


def _integers(digits, big):
    """Bytes `[..., n]` -> int32 `[...]`, clipped at 2^30 - 1."""
    powers = [1 << 8 * place for place in range(digits.shape[-1])]
    powers = tf.where(big, powers[::-1], powers)
    products = tf.cast(digits, tf.int64) * tf.cast(powers, tf.int64)
    numbers = tf.minimum(tf.reduce_sum(products, axis=-1), tf.int32.max // 2)
    return tf.cast(numbers, tf.int32)
