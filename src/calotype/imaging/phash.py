"""A perceptual hash: 64 bits that stay nearly the same when a picture is scaled or encoded again."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from calotype.imaging.raster import Pixels

SIDE = 32
FREQUENCIES = 8
# Below this a coefficient is rounding, not picture; without it the bits of a flat picture would be noise.
LEAST_AMPLITUDE = 0.5


def phash(pixels: Pixels) -> int:
    """Return the DCT hash of RGB pixels (8 bits) as an unsigned 64-bit integer, the lowest frequency first.

    The picture is squeezed to 32 x 32 grey values; of its cosine transform the 8 x 8 lowest frequencies are
    compared with their median (Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions",
    2010).
    """
    import numpy as np

    from calotype.imaging.libraries import load_opencv

    cv2 = load_opencv()
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    grey = cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    cosines = _cosines()
    low = (cosines @ grey @ cosines.T).ravel()
    low[np.abs(low) < LEAST_AMPLITUDE] = 0
    return int.from_bytes(np.packbits(low > np.median(low)).tobytes(), "big")


@functools.cache
def _cosines() -> NDArray[np.float32]:
    """Return the first rows of the orthonormal DCT-II matrix, 8 x 32."""
    import numpy as np

    frequency, place = np.mgrid[:FREQUENCIES, :SIDE]
    rows = np.cos(np.pi * frequency * (2 * place + 1) / (2 * SIDE)) * np.sqrt(2 / SIDE)
    rows[0] /= np.sqrt(2)
    return np.asarray(rows, dtype=np.float32)
