"""Pixels of image files of every kind, in the graph and by Pillow."""

import base64
import contextlib
import io
import struct

import numpy as np
import PIL.Image
import PIL.ImageOps
import pytest
import tensorflow as tf

from gmn_tf.images import decoding, orientation, pillow
from gmn_tf_datasets.zero_shot.custom.features import IMAGES
from tests.support import image_toys

ORIENTATION = PIL.ExifTags.Base.Orientation
# The only pixel is 10, 200, 90.
JPEG_XL = "/woAEBAJCAABADAASxiLFcJJVR5gCOl8"


@pytest.fixture(scope="module")
def smooth():
    """An image in which no rounding of a format matters much."""
    noise = np.random.default_rng(0).integers(0, 256, (4, 5, 3))
    return PIL.Image.fromarray(noise.astype(np.uint8)).resize((30, 24))


def encoded(image, kind, **options) -> bytes:
    content = io.BytesIO()
    image.save(content, kind, **options)
    return content.getvalue()


def with_orientation(image, kind, number, big=False) -> bytes:
    exif = PIL.Image.Exif()
    exif.endian = ">" if big else "<"
    exif[PIL.ExifTags.Base.Make] = "of a camera"
    exif[ORIENTATION] = number
    return encoded(image, kind, exif=exif.tobytes())


def by_pillow(content) -> np.ndarray:
    with PIL.Image.open(io.BytesIO(content)) as image:
        return np.asarray(PIL.ImageOps.exif_transpose(image).convert("RGB"))


@pytest.mark.parametrize(
    ("mode", "kind"),
    [(m, "PNG") for m in ("1", "L", "LA", "P", "RGB", "RGBA")]
    + [(m, "BMP") for m in ("L", "P", "RGB", "RGBA")]
    + [(m, "GIF") for m in ("L", "P", "RGB")]
    + [(m, "WEBP") for m in ("RGB", "RGBA")]
    + [(m, "JPEG") for m in ("L", "RGB", "CMYK")],
)
def test_the_graph_reads_what_pillow_reads(mode, kind, smooth):
    options = {"lossless": True} if kind == "WEBP" else {}
    content = encoded(smooth.convert(mode), kind, **options)
    pixels = decoding.decode(content)[0].numpy().astype(int)

    difference = np.abs(pixels - by_pillow(content)).max()
    assert difference <= (25 if kind == "JPEG" else 0)
    np.testing.assert_array_equal(pillow.decode(content)[0], by_pillow(content))


def test_the_first_of_several_frames_counts(smooth):
    several = {"save_all": True, "append_images": [smooth.rotate(180)]}
    for kind in ("GIF", "PNG"):
        content = encoded(smooth, kind, **several)
        np.testing.assert_array_equal(
            decoding.decode(content)[0], by_pillow(content)
        )
    for kind in ("TIFF", "WEBP"):
        options = {"lossless": True} if kind == "WEBP" else {}
        content = encoded(smooth, kind, **several, **options)
        np.testing.assert_array_equal(pillow.decode(content)[0], smooth)


@pytest.mark.parametrize(
    ("mode", "kind", "options"),
    [
        ("RGBA", "PNG", {}),
        ("LA", "PNG", {}),
        ("RGBA", "WEBP", {"lossless": True, "exact": True}),
        ("RGB", "PNG", {"transparency": (90, 90, 90)}),
        ("L", "PNG", {"transparency": 90}),
        ("P", "PNG", {"transparency": 0}),
        ("P", "GIF", {"transparency": 0}),
        ("RGBA", "TIFF", {}),
        ("LA", "JPEG2000", {}),
    ],
)
def test_white_shows_through_transparent_pixels(mode, kind, options, smooth):
    """By the definition of a mixture, whatever colour lies beneath."""
    opacity = PIL.Image.linear_gradient("L").resize(smooth.size)
    opacity.paste(0, (0, 0, 8, 8))
    image = smooth.copy()
    image.paste((90, 90, 90), (0, 0, 8, 8))
    image = image.convert(mode)
    if mode in ("RGBA", "LA"):
        image.putalpha(opacity)
    content = encoded(image, kind, **options)
    with PIL.Image.open(io.BytesIO(content)) as read:
        layers = np.asarray(read.convert("RGBA")).astype(float)
    share = layers[..., 3:] / 255
    expected = layers[..., :3] * share + 255 * (1 - share)
    assert (share < 1).any()

    pixels, _, transparent = pillow.decode(content)
    assert transparent
    np.testing.assert_allclose(pixels, expected, atol=1)
    if kind in ("PNG", "WEBP"):
        pixels, transparent = decoding.decode(content)
        assert transparent
        np.testing.assert_allclose(pixels, expected, atol=1)
    else:
        with pytest.raises(tf.errors.InvalidArgumentError):
            decoding.decode(content)


def test_a_damaged_gif_ends_no_graph(smooth):
    rng = np.random.default_rng(0)
    frames = {"save_all": True, "append_images": [smooth.rotate(180)]}
    whole = encoded(smooth.convert("P"), "GIF", **frames, comment=b"c" * 600)
    assert not decoding.decode(whole)[1]
    for _ in range(40):
        spoilt = bytearray(whole[: rng.integers(3, len(whole))])
        place = rng.integers(10, 820)
        spoilt[place : place + 1] = bytes([rng.choice([0, 1, 33, 255])])
        with contextlib.suppress(tf.errors.InvalidArgumentError):
            decoding.decode(bytes(spoilt))


def test_full_opacity_is_no_transparency(smooth):
    for bits in (1, 2, 4):  # of which TensorFlow gives another opacity
        image = smooth.convert("P", palette=PIL.Image.ADAPTIVE, colors=2**bits)
        content = encoded(image, "PNG", bits=bits)
        pixels, transparent = decoding.decode(content)
        assert not transparent
        np.testing.assert_array_equal(pixels, by_pillow(content))
    for kind in ("PNG", "WEBP"):
        content = encoded(smooth.convert("RGBA"), kind)
        assert not decoding.decode(content)[1]
        assert not pillow.decode(content)[2]
    assert not decoding.decode(encoded(smooth, "JPEG"))[1]


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_an_animated_webp_is_refused_and_ends_no_process(mode, smooth):
    image = smooth.convert(mode)
    if mode == "RGBA":
        image.putalpha(120)
    frames = {"save_all": True, "append_images": [image.rotate(180)]}
    for lossless in (True, False):
        content = encoded(image, "WEBP", lossless=lossless, **frames)
        with pytest.raises(tf.errors.InvalidArgumentError):
            decoding.decode(content)
        assert pillow.decode(content)[2] == (mode == "RGBA")


def test_opacity_of_a_lossy_webp(smooth):
    image = smooth.convert("RGBA")
    image.putalpha(PIL.Image.linear_gradient("L").resize(smooth.size))
    content = encoded(image, "WEBP", lossless=False, quality=100)
    pixels, transparent = decoding.decode(content)
    assert transparent
    expected = pillow.decode(content)[0].astype(int)
    assert np.abs(pixels.numpy().astype(int) - expected).max() <= 2


def test_sixteen_bits_become_eight_alike():
    values = np.arange(0, 65536, 1000, np.uint16).reshape(6, 11)
    image = PIL.Image.fromarray(values)
    expected = np.repeat((values >> 8)[..., None], 3, axis=2)
    png, tiff = encoded(image, "PNG"), encoded(image, "TIFF")
    np.testing.assert_array_equal(decoding.decode(png)[0], expected)
    np.testing.assert_array_equal(pillow.decode(tiff)[0], expected)


def test_jpeg_xl_is_read_by_tensorflow():
    pixels, transparent = decoding.decode(base64.b64decode(JPEG_XL))
    assert not transparent
    np.testing.assert_array_equal(pixels, [[[10, 200, 90]]])


def bmp(bits=24, header=40, compression=0, masks=b"", body=bytes(48)):
    """A BMP file of 4 x 4 pixels."""
    rest = struct.pack("<iiHHIIiiII", 4, 4, 1, bits, compression, *[0] * 5)
    if header == 12:
        rest = struct.pack("<HHHH", 4, 4, 1, bits)
    inside = struct.pack("<I", header) + rest + masks
    start = struct.pack("<2sIHHI", b"BM", 0, 0, 0, 14 + len(inside))
    return start + inside + body


MASKS = struct.pack("<3I", 0xFF0000, 0xFF00, 0xFF)


@pytest.mark.parametrize(
    "content",
    [
        bmp(16),
        bmp(1),
        bmp(24, header=12),
        bmp(8, compression=1),
        bmp(32, compression=3, masks=MASKS[::-1]),
        bmp(32, compression=3),
        bmp(8),  # without a palette
        bmp()[:30],
        b"BM",
        b"",
    ],
)
def test_a_bmp_that_would_be_misread_is_refused(content):
    with pytest.raises(tf.errors.InvalidArgumentError):
        decoding.decode(content)


def test_a_bmp_of_a_common_form_is_read():
    body = bytes(range(64))
    usual = bmp(body=body[:48])
    np.testing.assert_array_equal(decoding.decode(usual)[0], by_pillow(usual))
    wide = bmp(32, compression=3, masks=MASKS, body=body)
    np.testing.assert_array_equal(decoding.decode(wide)[0], by_pillow(wide))


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_orientation_is_that_of_exif(kind, big, smooth):
    for number in range(10):
        content = with_orientation(smooth, kind, number, big)
        expected = number if 1 <= number <= 8 else 1
        assert orientation.exif_orientation(content).numpy() == expected
    for other in (encoded(smooth, kind), encoded(smooth, "GIF"), b""):
        assert orientation.exif_orientation(other).numpy() == 1


def test_orientation_is_found_behind_other_parts(smooth):
    first = with_orientation(smooth, "JPEG", 6)
    comment = b"\xff\xfe" + struct.pack(">H", 60000) + bytes(59998)
    padded = first[:2] + comment + b"\xff\xff" + first[2:]
    assert by_pillow(padded).shape == (30, 24, 3)
    assert orientation.exif_orientation(padded).numpy() == 6


def test_damaged_exif_data_is_upright_or_right(smooth):
    rng = np.random.default_rng(0)
    for kind in ("JPEG", "PNG", "WEBP"):
        whole = with_orientation(smooth, kind, 6, big=kind == "PNG")
        for _ in range(60):
            spoilt = np.frombuffer(whole, np.uint8)[: rng.integers(len(whole))]
            spoilt = spoilt.copy()
            places = rng.integers(0, max(min(len(spoilt), 90), 1), 3)
            spoilt[places[places < len(spoilt)]] = rng.choice([0, 7, 255])
            found = orientation.exif_orientation(spoilt.tobytes()).numpy()
            assert 1 <= found <= 8


@pytest.mark.parametrize("number", range(1, 9))
def test_images_are_turned_as_pillow_turns_them(number):
    backbone = image_toys.backbone()
    # Its parts are larger than what resizing smooths.
    parts = np.random.default_rng(0).integers(0, 256, (4, 4, 3), np.uint8)
    image = PIL.Image.fromarray(parts.repeat(8, axis=0).repeat(16, axis=1))
    content = with_orientation(image, "PNG", number)
    upright = backbone.resized(by_pillow(content))
    np.testing.assert_allclose(backbone.image(content), upright, atol=0.01)
    found, before, _ = pillow.decode(content)
    np.testing.assert_array_equal(found, by_pillow(content))
    assert before == number


@pytest.mark.parametrize("number", [1, 6])
@pytest.mark.parametrize("kind", ["TIFF", "AVIF", "JPEG2000", "PPM", "HEIF"])
def test_pillow_reads_the_rest(kind, number, smooth):
    if kind == "HEIF":
        pytest.importorskip("pillow_heif")
    content = encoded(smooth, kind)
    turned = number != 1 and kind in ("TIFF", "AVIF", "HEIF")
    if turned:
        content = with_orientation(smooth, kind, number)
    found, *_ = pillow.decode(content)
    with PIL.Image.open(io.BytesIO(content)) as image:
        assert image.format == kind
    upright = smooth.transpose(PIL.Image.ROTATE_270) if turned else smooth
    difference = found.astype(int) - np.asarray(upright)
    assert np.abs(difference).mean() < 12
    with pytest.raises(tf.errors.InvalidArgumentError):
        decoding.decode(content)


def test_other_formats_and_numbers_are_refused(smooth, monkeypatch):
    for content in (encoded(smooth, "EPS"), b"hello", b"%!PS", b""):
        with pytest.raises(ValueError, match="not an image that can be read"):
            pillow.decode(content)
    for mode in ("F", "I"):
        content = encoded(smooth.convert("L").convert(mode), "TIFF")
        with pytest.raises(ValueError, match="more than 16 bits"):
            pillow.decode(content)
    whole = encoded(smooth, "TIFF")
    with pytest.raises(ValueError, match=r"."):
        pillow.decode(whole[: len(whole) // 2])
    monkeypatch.setattr(pillow, "pillow_heif", None)
    with pytest.raises(ValueError, match="pip install pillow-heif"):
        pillow.decode(b"\0\0\0\x18ftypheic" + bytes(99))
    assert pillow.needed(".heic") == pillow.NEEDS_HEIF
    assert not any(map(pillow.needed, set(IMAGES) - set(pillow._HEIF_ENDINGS)))
