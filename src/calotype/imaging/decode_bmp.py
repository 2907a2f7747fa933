"""BMP decoding by Pillow, which knows its many variants."""

from __future__ import annotations

import io
from typing import Any

from calotype.domain.errors import UndecodablePicture
from calotype.imaging.raster import Raster
from calotype.imaging.resize import fit, shrink


def decode_bmp(data: Any, longer_side: int) -> Raster:
    """Return a bitmap bounded to `longer_side`; `data` is any buffer. Raises UndecodablePicture."""
    import numpy as np
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data), formats=["BMP"]) as picture:
            mode = "RGBA" if picture.has_transparency_data else "RGB"
            pixels = np.array(picture.convert(mode))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise UndecodablePicture(f"the BMP cannot be decoded: {error}") from error
    height, width = pixels.shape[:2]
    return Raster(shrink(pixels, *fit(width, height, longer_side)), width, height)
