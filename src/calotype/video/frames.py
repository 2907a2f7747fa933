"""Decoded frames as upright RGB pictures of a bounded size, with the colours a screen should show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from calotype.video.geometry import Geometry, fit
from calotype.video.tone import BT2020, HDR_TRANSFERS, to_srgb

if TYPE_CHECKING:
    import numpy as np
    from av.video.frame import VideoFrame
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

JPEG_QUALITY = 92

# libavutil/pixfmt.h: AVColorSpace, and the numbers by which swscale knows the same matrices.
_MATRICES = {1: 1, 4: 4, 5: 5, 6: 5, 7: 7, 9: 9, 10: 9}
_BT601, _BT709 = 5, 1
_LIMITED, _FULL = 1, 2


class Pictures:
    """Makes pictures whose longer side is bounded out of frames; keeps what swscale prepares for frames that are alike."""

    def __init__(self, longer_side: int) -> None:
        from av.video.reformatter import VideoReformatter

        self._longer_side = longer_side
        self._scaler = VideoReformatter()

    def picture(self, frame: VideoFrame, geometry: Geometry) -> Pixels:
        """An upright picture of the frame (height x width x 3, RGB, sRGB); what is transparent keeps its colour.

        High dynamic range is brought into sRGB. Of an interlaced frame one field is shown: two moments in one picture would
        comb whatever moves.
        """
        width, height = fit(*geometry.stretched(frame.width, frame.height), self._longer_side)
        if not frame.interlaced_frame:
            return geometry.upright(self._rgb(frame, width, height))
        import cv2

        whole = self._rgb(frame, frame.width, frame.height)
        field = cv2.resize(whole[::2], (width, height), interpolation=cv2.INTER_AREA)
        return geometry.upright(field)

    def _rgb(self, frame: VideoFrame, width: int, height: int) -> Pixels:
        if frame.color_trc in HDR_TRANSFERS or frame.color_primaries == BT2020:
            deep: Any = self._scaled(frame, width, height, "rgb48le").to_ndarray()
            return to_srgb(deep, frame.color_trc, frame.color_primaries)
        plain: Any = self._scaled(frame, width, height, "rgb24").to_ndarray()
        pixels: Pixels = plain
        return pixels

    def _scaled(self, frame: VideoFrame, width: int, height: int, format_: str) -> VideoFrame:
        from av.video.reformatter import Interpolation

        return self._scaler.reformat(
            frame,
            width,
            height,
            format_,
            src_colorspace=matrix_of(frame),
            src_color_range=_range(frame),
            dst_color_range=_FULL,
            interpolation=Interpolation.AREA if width < frame.width else Interpolation.BICUBIC,
            threads=1,
        )


def encode_jpeg(pixels: Pixels) -> bytes:
    """The picture (height x width x 3, RGB) as a JPEG file."""
    import simplejpeg

    data: bytes = simplejpeg.encode_jpeg(pixels, quality=JPEG_QUALITY, colorspace="RGB", colorsubsampling="420")
    return data


def matrix_of(frame: VideoFrame) -> int:
    """The matrix of the frame as swscale numbers it; where the film does not say, by its size, as players do."""
    told = _MATRICES.get(int(frame.colorspace))
    if told is not None:
        return told
    return _BT709 if frame.width >= 1280 or frame.height > 576 else _BT601


def _range(frame: VideoFrame) -> int:
    if frame.format.name.startswith("yuvj"):
        return _FULL
    if frame.format.is_rgb:
        return _FULL
    return _FULL if int(frame.color_range) == _FULL else _LIMITED
