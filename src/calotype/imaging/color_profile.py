"""Taking decoded colours from the space an ICC profile describes to sRGB."""

from __future__ import annotations

import functools
import io
from collections.abc import Callable
from typing import TYPE_CHECKING

from calotype.imaging.matrix_profile import read_matrix_profile

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from calotype.imaging.raster import Pixels

    Conversion = Callable[[Pixels], Pixels]

# What sRGB profiles of different makers differ by; nobody sees two steps of 255.
SAME_SPACE_STEPS = 3


def to_srgb(pixels: Pixels, profile: bytes | None) -> Pixels:
    """Return RGB or RGBA pixels (8 bits) as sRGB, given the ICC profile they came with; alpha stays as it is.

    A profile that cannot be read, or is not for RGB or grey, changes nothing: a picture with slightly wrong
    colours is worth more than none.
    """
    convert = _conversion(profile) if profile else None
    if convert is None:
        return pixels
    if pixels.shape[2] == 3:
        return convert(pixels)
    import numpy as np

    return np.dstack([convert(np.ascontiguousarray(pixels[:, :, :3])), pixels[:, :, 3]])


@functools.lru_cache(maxsize=16)
def _conversion(profile: bytes) -> Conversion | None:
    """Return the function that converts to sRGB, or None where nothing needs to be done."""
    convert = _matrix_conversion(profile) or _lcms_conversion(profile)
    if convert is None:
        return None
    import numpy as np

    levels = np.linspace(0, 255, 9).astype(np.uint8)
    cube = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1).reshape(27, 27, 3)
    if profile[16:20] == b"GRAY":
        cube = np.repeat(cube[:, :, :1], 3, axis=2)
    cube = np.ascontiguousarray(cube)
    change = np.abs(convert(cube).astype(np.int16) - cube).max()
    return convert if change > SAME_SPACE_STEPS else None


def _matrix_conversion(profile: bytes) -> Conversion | None:
    """Return a conversion by two tables and a matrix, which takes 2 ms a megapixel where lcms takes 15."""
    import numpy as np

    from calotype.imaging.libraries import load_opencv

    matrix = read_matrix_profile(profile)
    if matrix is None:
        return None
    cv2 = load_opencv()
    decode = np.rint(matrix.decode * 65535).astype(np.uint16).reshape(1, 256, 3)
    if (decode == decode[:, :, :1]).all():
        # Nearly always all channels share a curve, and one table is looked up twice as fast as three.
        decode = np.ascontiguousarray(decode[:, :, 0])
    encode = _srgb_table()
    to_linear_srgb = matrix.to_linear_srgb.astype(np.float32)

    def convert(pixels: Pixels) -> Pixels:
        converted: Pixels = cv2.LUT(cv2.transform(cv2.LUT(pixels, decode), to_linear_srgb), encode)
        return converted

    return convert


def encode_linear(light: NDArray[np.float32]) -> Pixels:
    """Return linear light (0 to 1, clipped) as 8-bit sRGB, contiguous."""
    import numpy as np

    table = _srgb_table().ravel()
    return table[np.rint(np.clip(light, 0, 1) * 65535).astype(np.uint16)]


@functools.cache
def _srgb_table() -> Pixels:
    """Return the sRGB transfer curve (IEC 61966-2-1) from 16-bit linear light to 8 bits."""
    import numpy as np

    light = np.arange(65536) / 65535
    curve = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    table: Pixels = np.rint(curve * 255).astype(np.uint8).reshape(1, 65536)
    return table


def _lcms_conversion(profile: bytes) -> Conversion | None:
    """Return a conversion by Little CMS for profiles that are more than a matrix."""
    import numpy as np
    from PIL import Image, ImageCms

    mode = {b"RGB ": "RGB", b"GRAY": "L"}.get(profile[16:20])
    if mode is None:
        return None
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        target = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
        transform = ImageCms.buildTransform(
            source,
            target,
            mode,
            "RGB",
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None

    def convert(pixels: Pixels) -> Pixels:
        picture = Image.fromarray(pixels if mode == "RGB" else np.ascontiguousarray(pixels[:, :, 0]))
        converted: Pixels = np.asarray(ImageCms.applyTransform(picture, transform))
        return converted

    return convert
