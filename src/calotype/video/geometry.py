"""How stored frames become upright pictures: turning, mirroring, and pixels that are not square."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from av.video.frame import VideoFrame
    from numpy.typing import NDArray

    from calotype.video.film import Film

    Pixels = NDArray[np.uint8]

# Real ones lie between 8:9 and 2:1; what is beyond this would make a picture a line.
_MOST_ASPECT = 4.0
_MATRIX_BYTES = 36


@dataclass(frozen=True, slots=True)
class Geometry:
    """What is done to a frame to show it: flipped top to bottom if `mirrored`, then turned clockwise by `rotation` degrees.

    `aspect` is the width of a stored pixel by its height.
    """

    rotation: int = 0
    mirrored: bool = False
    aspect: float = 1.0

    def stretched(self, width: int, height: int) -> tuple[int, int]:
        """The size (width, height) of a stored frame with square pixels, not turned yet; the height stays, as players do it."""
        return max(1, round(width * self.aspect)), height

    def displayed(self, width: int, height: int) -> tuple[int, int]:
        """The size (width, height) of a stored frame as it is shown."""
        size = self.stretched(width, height)
        return size[::-1] if self.rotation % 180 else size

    def upright(self, pixels: Pixels) -> Pixels:
        """The picture (height x width x 3) turned as it is shown."""
        import numpy as np

        if self.mirrored:
            pixels = pixels[::-1]
        return np.ascontiguousarray(np.rot90(pixels, -self.rotation // 90))


def fit(width: int, height: int, longer_side: int) -> tuple[int, int]:
    """The size (width, height) of the same shape whose longer side is bounded; never larger, never 0."""
    longest = max(width, height)
    if longest <= longer_side:
        return width, height
    return max(1, round(width * longer_side / longest)), max(1, round(height * longer_side / longest))


def geometry_of(film: Film, frame: VideoFrame) -> Geometry:
    """The geometry of a film by one of its frames."""
    aspect = float(film.stream.sample_aspect_ratio or 1)
    if not 1 / _MOST_ASPECT <= aspect <= _MOST_ASPECT:
        aspect = 1.0
    rotation, mirrored = _orientation(_matrix(frame))
    return Geometry(rotation, mirrored, aspect)


def _matrix(frame: VideoFrame) -> bytes | None:
    try:
        data: Any = frame.side_data.get("DISPLAYMATRIX")
    except (KeyError, ValueError):
        return None
    return matrix if data is not None and len(matrix := bytes(data)) >= _MATRIX_BYTES else None


def _orientation(matrix: bytes | None) -> tuple[int, bool]:
    """Degrees clockwise, and whether it is mirrored, of a display matrix.

    The matrix (nine 32-bit numbers, row by row) takes the point (x, y), y downwards, to (a x + c y, b x + d y); see
    libavutil/display.h. Angles between quarters go to the nearest one.
    """
    if matrix is None:
        return 0, False
    a, b, _, c, d = struct.unpack_from("=5i", matrix)
    if a * d == b * c:
        return 0, False
    return round(math.degrees(math.atan2(b, a)) / 90) * 90 % 360, a * d < b * c
