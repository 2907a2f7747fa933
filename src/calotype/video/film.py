"""One film, opened: its container and the video stream that is looked at."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from calotype.domain.errors import TooManyPixels, UndecodableVideo, Unsupported
from calotype.video.containers import open_container
from calotype.video.decoders import DECODERS

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.codeccontext import VideoCodecContext
    from av.video.stream import VideoStream

PIXEL_LIMIT = 2**26
"""Most pixels of one frame: 67 million, twice an 8K frame."""

HIGHEST_RATE = 1000.0
# A thread of the decoder holds frames of its own; together they may take about this much, in bytes.
_THREADS_MEMORY = 768 * 2**20
_FRAMES_A_THREAD = 3
_FRAMES_KEPT = 20
_DEFAULT = 0x1  # AV_DISPOSITION_DEFAULT
_STILL = 0x400 | 0x800  # AV_DISPOSITION_ATTACHED_PIC and AV_DISPOSITION_TIMED_THUMBNAILS


@dataclass(frozen=True, slots=True)
class Film:
    """An open film; `size` is that of the file in bytes, `container` our word for its format."""

    container: str
    size: int
    source: InputContainer
    stream: VideoStream
    pixel_limit: int

    @property
    def tick(self) -> Fraction:
        """Seconds in one unit of the stream's time stamps."""
        base = self.stream.time_base
        return Fraction(base) if base else Fraction(1, 90000)

    @property
    def rate(self) -> float | None:
        """Frames a second as the container says, None where that is absent or absurd."""
        for rate in (self.stream.average_rate, self.stream.guessed_rate, self.stream.base_rate):
            if rate and 0 < rate <= HIGHEST_RATE:
                return float(rate)
        return None

    @property
    def frame_time(self) -> float:
        """Seconds that one frame is shown where nothing else tells."""
        return min(1 / (self.rate or 25.0), 10.0)

    @property
    def claimed_frames(self) -> int:
        """How many frames the container says there are; 0 where it does not."""
        return max(0, self.stream.frames)


@contextlib.contextmanager
def open_film(path: str, container: str, *, pixel_limit: int = PIXEL_LIMIT, threads: int = 1) -> Iterator[Film]:
    """Open a film for decoding with so many threads; 0 is one a core, fewer where frames are large.

    Raises Unsupported where there is no moving picture in it (sound alone, or with a cover), TooManyPixels for frames that are
    larger than allowed, UndecodableVideo for what cannot be opened or is in a codec that is not read.
    """
    with open_container(path, container, pixel_limit=pixel_limit) as source:
        stream = _moving_pictures(source)
        context = stream.codec_context
        if context is None or context.codec.name not in DECODERS:
            raise UndecodableVideo("The video is in a codec that is not read here")
        check_pixels(context.width, context.height, pixel_limit)
        context.thread_count = _thread_count(threads, context.width * context.height)
        context.thread_type = "AUTO"
        context.options = {"max_pixels": str(pixel_limit)}
        yield Film(container, Path(path).stat().st_size, source, stream, pixel_limit)


def check_pixels(width: int, height: int, limit: int) -> None:
    """Raise TooManyPixels where a frame has more pixels than are allowed."""
    if width * height > limit:
        raise TooManyPixels(
            f"Each frame of the video has {width} x {height} pixels, at most {limit} are allowed",
            limit=limit,
            actual=width * height,
        )


def _moving_pictures(source: InputContainer) -> VideoStream:
    """The video stream that is shown unless somebody chooses another, the largest of several; never an attached picture."""
    moving = [stream for stream in source.streams.video if not stream.disposition & _STILL]
    if not moving:
        raise Unsupported("The file holds no video" + (", only sound" if source.streams.audio else ""))
    return max(moving, key=_rank)


def _rank(stream: VideoStream) -> tuple[bool, int, int, int]:
    # Of a codec that FFmpeg does not know there is none, whatever its type says.
    context: VideoCodecContext | None = stream.codec_context
    if context is None:
        return False, 0, 0, 0
    return context.codec.name in DECODERS, stream.disposition & _DEFAULT, context.width * context.height, -stream.index


def _thread_count(wanted: int, pixels: int) -> int:
    # Two more than cores, as frames are looked at meanwhile.
    count = wanted or min((os.cpu_count() or 1) + 2, 16)
    # Three bytes a pixel: 4:2:0 with 16 bits.
    affordable = (_THREADS_MEMORY // max(1, pixels * 3) - _FRAMES_KEPT) // _FRAMES_A_THREAD
    return max(1, min(count, max(2, affordable)))
