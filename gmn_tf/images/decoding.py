"""Image files -> pixels by TensorFlow's operations alone.

An exported model does the same, so nothing here leaves the graph. `pillow`
reads what TensorFlow cannot.
"""

import tensorflow as tf

from gmn_tf.images import file_bytes

BACKGROUND = 255  # what shows through transparent pixels: white, as a page
# Red, green and blue where TensorFlow takes them from a BMP with 32 bits.
_MASKS = b"\x00\x00\xff\x00\x00\xff\x00\x00\xff\x00\x00\x00"


@tf.function(input_signature=[tf.TensorSpec([], tf.string)], autograph=False)
def decode(content: tf.Tensor | bytes) -> tuple[tf.Tensor, tf.Tensor]:
    """The pixels of an image as they are stored, on white.

    Args:
        content: scalar string tensor, or bytes: a JPEG, JPEG XL, PNG, BMP,
            WebP or GIF (of which the first frame is used).

    Returns:
        `[rows, columns, 3]` red, green and blue, 0..255; whether some of them
        were transparent, and `BACKGROUND` shows through.

    Raises:
        tf.errors.InvalidArgumentError: if it is none of these, or one that
            TensorFlow would misread: some BMPs, and GIFs with transparency.
    """
    padded = content + file_bytes.PADDING

    def starts_with(signature):
        return file_bytes.text(padded, 0, len(signature)) == signature

    pixels, transparent = tf.case(
        [
            (starts_with(b"\x89PNG"), lambda: _png(padded, content)),
            (
                file_bytes.text(padded, 8, 4) == b"WEBP",
                lambda: _webp(padded, content),
            ),
            (
                starts_with(b"BM"),
                lambda: _opaque(_bmp(padded, _coloured(content))),
            ),
            (
                starts_with(b"GIF"),
                lambda: _opaque(_gif(padded, _coloured(content))),
            ),
        ],
        default=lambda: _opaque(_coloured(content)),
    )
    return tf.ensure_shape(pixels, [None, None, 3]), transparent


def _png(padded, content):
    kind_of_colour = file_bytes.number(padded, 25, 1)
    place = file_bytes.part_of_png(padded, b"tRNS", last=b"IDAT")
    has_opacity = (kind_of_colour >= 4) | (place > 0)
    # Of fewer than 8 bits TensorFlow gives a wrong opacity where there is none.
    return tf.cond(
        has_opacity,
        lambda: _on_background(tf.io.decode_png(content, channels=4)),
        lambda: _opaque(tf.io.decode_png(content, channels=3)),
    )


def _webp(padded, content):
    kind = file_bytes.text(padded, 12, 4)
    flags = file_bytes.number(padded, 20, 1)
    tf.debugging.Assert(
        (kind != b"VP8X") | (flags // 2 % 2 == 0),
        ["An animated WebP; save its first frame as PNG."],
    )
    # Where the header has the same bit for opacity.
    flags = tf.where(kind == b"VP8L", file_bytes.number(padded, 24, 1), flags)
    has_opacity = (kind != b"VP8 ") & (flags // 16 % 2 == 1)
    # The number of layers has to be given: where TensorFlow should find it,
    # an animation without opacity ends the process.
    return tf.cond(
        has_opacity,
        lambda: _on_background(
            tf.io.decode_image(content, channels=4, expand_animations=False)
        ),
        lambda: _opaque(_coloured(content)),
    )


def _coloured(content):
    """Red, green and blue `[rows, columns, 3]`, without transparency."""
    pixels = tf.io.decode_image(content, channels=3, expand_animations=False)
    return tf.ensure_shape(pixels, [None, None, 3])


def _opaque(colours):
    """The same, and that none of it is transparent."""
    return colours, tf.constant(False)


def _on_background(layers):
    """What is seen of colours and opacity where `BACKGROUND` shows through."""
    colours, opacity = layers[..., :3], layers[..., 3:]

    def mixed():
        share, over = tf.cast(opacity, tf.int32), tf.cast(colours, tf.int32)
        total = over * share + BACKGROUND * (255 - share)
        return tf.cast((total + 127) // 255, tf.uint8)

    transparent = tf.reduce_any(opacity < 255)
    return tf.cond(transparent, mixed, lambda: colours), transparent


def _gif(content, pixels):
    """The pixels of a GIF; TensorFlow makes transparent ones black."""

    def step(place):
        kind = file_bytes.text(content, place, 1)
        is_control = file_bytes.text(content, place, 3) == b"\x21\xf9\x04"
        is_transparent = file_bytes.number(content, place + 3, 1) % 2 == 1
        # An extension: its kind, then blocks that begin with their lengths.
        following = tf.while_loop(
            lambda place: file_bytes.number(content, place, 1) > 0,
            lambda place: (place + 1 + file_bytes.number(content, place, 1),),
            (place + 2,),
        )[0]
        found = is_control & is_transparent
        return found, place, following + 1, kind == b"\x21"

    flags = file_bytes.number(content, 10, 1)
    palette = 3 * tf.bitwise.left_shift(2, flags % 8) * (flags // 128)
    tf.debugging.Assert(
        file_bytes.find_part(content, 13 + palette, step) == 0,
        ["A GIF with transparency, which TensorFlow misreads; save it as PNG."],
    )
    return pixels


def _bmp(content, pixels):
    """The pixels of a BMP; TensorFlow looks at few of the forms it has."""
    header, bits, compression = (
        file_bytes.number(content, *place)
        for place in ((14, 4), (28, 2), (30, 4))
    )
    masks = (compression == 3) & (file_bytes.text(content, 54, 12) == _MASKS)
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
        end = file_bytes.number(content, 10, 4)
        table = file_bytes.numbers(content, 14 + header, end - 14 - header)
        colours = tf.reshape(table[: tf.size(table) // 4 * 4], [-1, 4])
        return tf.gather(colours[:, 2::-1], tf.cast(pixels[..., 0], tf.int32))

    return tf.cond(bits == 8, coloured, lambda: pixels)
