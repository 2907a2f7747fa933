"""Frames made very small and cheaply: enough to tell cuts, and black or blurred frames."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from calotype.video.frames import matrix_of
from calotype.video.geometry import fit

if TYPE_CHECKING:
    import numpy as np
    from av.video.frame import VideoFrame
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

LONGER_SIDE = 128

# Of 255; studio black is 16, and its noise is below this.
_BLACK = 24.0
_FLAT = 6.0


class Glimpses:
    """Makes small pictures of one size (at most 128 pixels, as stored, BGR) out of all frames of a film."""

    def __init__(self) -> None:
        from av.video.reformatter import VideoReformatter

        self._size: tuple[int, int] | None = None
        self._scaler = VideoReformatter()

    def glimpse(self, frame: VideoFrame) -> Pixels:
        """The frame, small; colours are near enough to compare one with the next."""
        from av.video.reformatter import Interpolation

        if self._size is None:
            self._size = fit(frame.width, frame.height, LONGER_SIDE)
        small: Any = self._scaler.reformat(
            frame,
            *self._size,
            "bgr24",
            src_colorspace=matrix_of(frame),
            interpolation=Interpolation.FAST_BILINEAR,
            threads=1,
        ).to_ndarray()
        pixels: Pixels = small
        return pixels


def quality(glimpse: Pixels) -> float:
    """How telling a frame is: 0 for a black or empty one, else its sharpness, which has no unit."""
    import cv2

    green = glimpse[:, :, 1]
    mean, deviation = cv2.meanStdDev(green)
    if mean[0][0] < _BLACK and deviation[0][0] < _BLACK:
        return 0.0
    sharpness = float(cv2.meanStdDev(cv2.Laplacian(green, cv2.CV_16S))[1][0][0])
    # What is of one colour has no edges, and still says more than black.
    return max(sharpness, 0.1) * (0.5 if deviation[0][0] < _FLAT else 1.0)
