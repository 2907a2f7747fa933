"""HEIC and HEIF decoding by libheif."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from calotype.domain.errors import UndecodablePicture
from calotype.imaging.code_points import from_code_points, read_code_points
from calotype.imaging.color_profile import to_srgb
from calotype.imaging.raster import Raster
from calotype.imaging.resize import fit, shrink

if TYPE_CHECKING:
    from calotype.imaging.raster import Pixels


def decode_heif(data: Any, longer_side: int) -> Raster:
    """Return the primary picture bounded to `longer_side`, in sRGB; `data` is any buffer.

    The container's rotation and mirroring are applied by libheif, so an EXIF orientation beside them, which
    phones write as well, must not be applied again. Raises UndecodablePicture.
    """
    import pi_heif

    # A child process has one core, and only the primary picture is looked at.
    pi_heif.options.DECODE_THREADS = 1
    pi_heif.options.THUMBNAILS = pi_heif.options.DEPTH_IMAGES = pi_heif.options.AUX_IMAGES = False
    try:
        file = pi_heif.open_heif(memoryview(data), convert_hdr_to_8bit=True)
        width, height = file.size
        pixels = _pixels(file)
    except (ValueError, EOFError, SyntaxError, RuntimeError, OSError) as error:
        raise UndecodablePicture(f"the HEIC cannot be decoded: {error}") from error
    small = shrink(pixels, *fit(width, height, longer_side))
    if small is pixels:
        # The pixels belong to `file`, which is about to go.
        small = pixels.copy()
    profile = file.info.get("icc_profile")
    small = to_srgb(small, profile) if profile else from_code_points(small, read_code_points(data))
    return Raster(small, width, height, upright=True)


def _pixels(file: Any) -> Pixels:
    import numpy as np

    if file.mode in {"RGB", "RGBA"}:
        return np.ascontiguousarray(np.asarray(file))
    picture = file.to_pillow()
    if picture.mode == "RGBa":
        return np.array(picture.convert("RGBA"))
    if picture.mode.startswith("I;16"):
        # Pillow clamps 16-bit grey when it converts, so the high byte is taken by hand.
        grey = (np.asarray(picture) >> 8).astype(np.uint8)
        return np.repeat(grey[:, :, None], 3, axis=2)
    return np.array(picture.convert("RGBA" if "A" in picture.mode else "RGB"))
