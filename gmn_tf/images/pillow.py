"""Images that TensorFlow cannot read, by Pillow: TIFF, HEIC, AVIF and others.

Nothing here imports TensorFlow.
"""

import io

import numpy as np
import PIL.ExifTags
import PIL.features
import PIL.Image
import PIL.ImageOps

from gmn_tf.utils.errors import first_line

try:
    import pillow_heif
except ImportError:  # an extra
    pillow_heif = None
else:
    pillow_heif.register_heif_opener()

NEEDS_HEIF = "HEIC needs one library more: pip install pillow-heif"
NEEDS_AVIF = "AVIF needs a Pillow that was built with it"
_HEIF_ENDINGS = (".heic", ".heif", ".hif")
# No others: to read EPS, for one, Pillow would start another program.
_FORMATS = (
    *("AVIF", "BMP", "DIB", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF"),
    "WEBP",
    *(("HEIF",) if pillow_heif else ()),
)
_SIXTEEN_BITS = ("I;16", "I;16L", "I;16B", "I;16N")
_THIRTY_TWO_BITS = ("I", "F")


def needed(ending: str) -> str:
    """What images with an ending need that is not installed; else empty.

    Args:
        ending: in lower case, with its dot.
    """
    if ending in _HEIF_ENDINGS and pillow_heif is None:
        return NEEDS_HEIF
    if ending == ".avif" and not PIL.features.check("avif"):
        return NEEDS_AVIF
    return ""


def decode(content: bytes) -> tuple[np.ndarray, int, bool]:
    """The first image of a file, turned upright, on white.

    Returns:
        `[rows, columns, 3]` red, green and blue, 0..255; EXIF's number of its
        orientation before; whether some of it was transparent.

    Raises:
        ValueError: with the reason, if it cannot be read.
    """
    try:
        with PIL.Image.open(io.BytesIO(content), formats=_FORMATS) as image:
            exif = image.getexif()
            orientation = exif.get(PIL.ExifTags.Base.Orientation, 1)
            upright = _with_8_bits(PIL.ImageOps.exif_transpose(image))
            if not upright.has_transparency_data:
                return np.asarray(upright.convert("RGB")), orientation, False
            layers = upright.convert("RGBA")
            page = PIL.Image.new("RGBA", layers.size, "white")
            page.alpha_composite(layers)
            transparent = layers.getextrema()[-1][0] < 255
            return np.asarray(page.convert("RGB")), orientation, transparent
    except PIL.UnidentifiedImageError as error:
        is_heif = content[4:8] == b"ftyp" and pillow_heif is None
        reason = NEEDS_HEIF if is_heif else "not an image that can be read"
        raise ValueError(reason) from error
    except Exception as error:  # a damaged file makes Pillow raise anything
        raise ValueError(first_line(error)) from error


def _with_8_bits(image: PIL.Image.Image) -> PIL.Image.Image:
    """Leaves out the lower half of 16 bits, as TensorFlow does with a PNG."""
    if image.mode in _THIRTY_TWO_BITS:
        raise ValueError("more than 16 bits a number; save it as PNG")
    if image.mode in _SIXTEEN_BITS:
        pixels = np.asarray(image).astype(np.uint16) >> 8
        return PIL.Image.fromarray(pixels.astype(np.uint8))
    return image
