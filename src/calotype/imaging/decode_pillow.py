"""Decoding by Pillow: BMP, whose many variants it knows, and AVIF, which it decodes in half of libvips' time."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from calotype.domain.errors import UndecodablePicture
from calotype.imaging.code_points import from_code_points, read_code_points
from calotype.imaging.color_profile import to_srgb
from calotype.imaging.libraries import load_pillow
from calotype.imaging.orient import orient
from calotype.imaging.raster import Raster
from calotype.imaging.resize import fit, shrink

if TYPE_CHECKING:
    from calotype.imaging.raster import Pixels

EXIF_ORIENTATION = 274


def decode_bmp(data: Any, longer_side: int) -> Raster:
    """Return a bitmap bounded to `longer_side`; `data` is any buffer. Raises UndecodablePicture."""
    pixels, _ = _decode(data, "BMP")
    height, width = pixels.shape[:2]
    return Raster(shrink(pixels, *fit(width, height, longer_side)), width, height)


def decode_avif(data: Any, longer_side: int) -> Raster:
    """Return the first frame bounded to `longer_side`, upright, in sRGB; `data` is any buffer.

    Pillow leaves the pixels lying and hands the container's rotation on as if it were an EXIF orientation, having
    dropped the one that was in the EXIF. Raises UndecodablePicture.
    """
    pixels, picture = _decode(data, "AVIF")
    height, width = pixels.shape[:2]
    small = shrink(pixels, *fit(width, height, longer_side))
    profile = picture.info.get("icc_profile")
    small = to_srgb(small, profile) if profile else from_code_points(small, read_code_points(data))
    turned = orient(small, _orientation(picture.info.get("exif")))
    if turned.shape[0] == small.shape[1] != small.shape[0]:
        width, height = height, width
    return Raster(turned, width, height, upright=True)


def _orientation(exif: bytes | None) -> int:
    """What EXIF says; `getexif` of a picture would look into its XMP, too, which programs that turn pictures leave as it was."""
    found = load_pillow().Exif()
    found.load(exif or b"")
    orientation: int = found.get(EXIF_ORIENTATION, 1)
    return orientation


def _decode(data: Any, name: str) -> tuple[Pixels, Any]:
    import numpy as np

    image = load_pillow()
    try:
        with image.open(io.BytesIO(data), formats=[name]) as picture:
            mode = "RGBA" if picture.has_transparency_data else "RGB"
            # Converting to the mode it has already would be one more copy of all pixels.
            pixels = np.asarray(picture if picture.mode == mode else picture.convert(mode))
    except (OSError, RuntimeError, ValueError, SyntaxError) as error:
        raise UndecodablePicture(f"the {name} cannot be decoded: {error}") from error
    return pixels, picture
