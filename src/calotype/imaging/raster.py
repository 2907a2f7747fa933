"""Decoded pixels on their way to variants."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Raster:
    """A picture decoded to at most the largest variant or a little more, in sRGB.

    `pixels` is height x width x 3 (RGB) or x 4 (RGB and straight alpha), 8 bits, contiguous.
    `width` and `height` are those of the whole picture before it was shrunk, turned the same way as `pixels`.
    `upright` is true when the decoder has already applied the orientation the file asks for.
    """

    pixels: Pixels
    width: int
    height: int
    upright: bool = False
