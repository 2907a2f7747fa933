"""What a film is: checked figures of its container, and proof that it can be decoded."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from calotype.domain.errors import UndecodableVideo
from calotype.domain.video import VideoProbe
from calotype.video.decoding import Decoding
from calotype.video.duration import measure
from calotype.video.film import PIXEL_LIMIT, Film, check_pixels, open_film
from calotype.video.geometry import geometry_of
from calotype.video.recorded import recorded

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

# A film whose first frame does not come in so many packets would not play either.
_PACKETS_TO_A_FRAME = 2000
_MOST_KBPS = 2**31 - 1


def probe(path: str, container: str, *, pixel_limit: int = PIXEL_LIMIT) -> VideoProbe:
    """Read what the container says of the film and decode its first frame.

    `container` is our word for the format, as sniffed; it decides how the file is read. Raises Unsupported where there is no
    moving picture, TooManyPixels, and UndecodableVideo where no frame can be decoded.
    """
    with open_film(path, container, pixel_limit=pixel_limit) as film:
        decoding = Decoding(film, barren_limit=_PACKETS_TO_A_FRAME)
        frame = next(decoding.frames(), None)
        if frame is None:
            raise UndecodableVideo("No frame of the video can be decoded")
        return describe(film, frame, *measure(film))


def describe(film: Film, frame: VideoFrame, duration: float, rate: float) -> VideoProbe:
    """The figures of a film of which a frame was decoded; `duration` in seconds, `rate` in frames a second."""
    geometry = geometry_of(film, frame)
    width, height = geometry.displayed(frame.width, frame.height)
    check_pixels(width, height, film.pixel_limit)
    sound = film.source.streams.best("audio")
    return VideoProbe(
        container=film.container,
        width=width,
        height=height,
        rotation=geometry.rotation,
        duration=duration,
        frame_rate=rate,
        video_codec=_codec_name(film.stream.codec_context),
        pixel_format=frame.format.name,
        audio_codec=_codec_name(sound.codec_context) if sound is not None else None,
        bitrate_kbps=min(max(1, round(film.size * 8 / duration / 1000)), _MOST_KBPS),
        recorded=recorded({**film.stream.metadata, **film.source.metadata}, datetime.now(UTC)),
    )


def _codec_name(context: object) -> str:
    """FFmpeg's name of the codec, whichever decoder reads it."""
    name: str = getattr(getattr(context, "codec", None), "canonical_name", None) or "unknown"
    return name
