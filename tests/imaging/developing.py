"""Looking at developed pictures, and the same picture in every format."""

import io

import numpy as np
from PIL import Image

from calotype.domain.picture import VariantName
from tests.imaging import pictures
from tests.imaging.pictures import BLUE, GREEN, RED, WHITE


def variant(picture, name=VariantName.LARGE_1024):
    """The decoded pixels of one variant as Pillow reads them, without applying anything."""
    data = next(each.data for each in picture.variants if each.name is name)
    return np.asarray(Image.open(io.BytesIO(data)))


def corners(picture):
    """The colours a little inside the four corners, in reading order."""
    pixels = variant(picture).astype(int)
    rows, columns = pixels.shape[:2]
    top, left = rows // 4, columns // 4
    return [pixels[y, x, :3] for y in (top, rows - 1 - top) for x in (left, columns - 1 - left)]


def assert_quadrants(picture, tolerance=14):
    """The corners are red, green, blue and white in reading order."""
    for found, wanted in zip(corners(picture), (RED, GREEN, BLUE, WHITE), strict=True):
        assert np.abs(found - wanted).max() <= tolerance, (found, wanted)


FORMATS = {
    "jpeg": pictures.jpeg,
    "png": lambda: pictures.encode(pictures.quadrants(), "PNG"),
    "palette png": lambda: pictures.encode(Image.fromarray(pictures.quadrants()).quantize(8), "PNG"),
    "webp": lambda: pictures.encode(pictures.quadrants(), "WEBP", quality=95),
    "lossless webp": lambda: pictures.encode(pictures.quadrants(), "WEBP", lossless=True),
    "gif": lambda: pictures.encode(pictures.quadrants(), "GIF"),
    "tiff": lambda: pictures.encode(pictures.quadrants(), "TIFF"),
    "lzw tiff": lambda: pictures.encode(pictures.quadrants(), "TIFF", compression="tiff_lzw"),
    "avif": lambda: pictures.encode(pictures.quadrants(), "AVIF", quality=90),
    "bmp": lambda: pictures.encode(pictures.quadrants(), "BMP"),
    "heic": pictures.heic,
    "progressive jpeg": lambda: pictures.jpeg(progressive=True),
    "animated gif": lambda: pictures.animation("GIF"),
    "animated webp": lambda: pictures.animation("WEBP"),
    "animated png": lambda: pictures.animation("PNG"),
    "svg": lambda: (
        b'<svg xmlns="http://www.w3.org/2000/svg" width="64" height="48"><rect width="32" height="24" '
        b'fill="#dc281e"/><rect x="32" width="32" height="24" fill="#28c83c"/><rect y="24" width="32" '
        b'height="24" fill="#1e3cc8"/><rect x="32" y="24" width="32" height="24" fill="#f0e6dc"/></svg>'
    ),
}


def hamming(one, other):
    """In how many bits two hashes differ."""
    return (one ^ other).bit_count()
