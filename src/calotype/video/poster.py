"""One telling picture of a whole film."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING

from calotype.domain.errors import UndecodableVideo
from calotype.video.containers import reason_of
from calotype.video.decoding import Decoding
from calotype.video.duration import stated_duration
from calotype.video.film import PIXEL_LIMIT, Film, check_pixels, open_film
from calotype.video.frames import Pictures, encode_jpeg
from calotype.video.geometry import geometry_of
from calotype.video.glimpse import Glimpses, quality

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

LONGER_SIDE = 1024

# Where to look, as shares of the film; the beginning is often a title or black.
_PLACES = (0.2, 0.4, 0.6, 0.1)
_FIRST_FRAME = 0.5
# As many frames are looked at one after the other at a place, and where the film cannot be searched.
_FRAMES_AT_A_PLACE = 3
_FRAMES_FROM_THE_START = 90
_PACKETS_TO_A_FRAME = 300


def extract_poster(path: str, container: str, *, pixel_limit: int = PIXEL_LIMIT) -> bytes:
    """An upright JPEG, its longer side at most 1024 pixels, of a sharp frame that is not black and not the first.

    Frames at a few places of the film are compared; where none can be reached or all are black, those at its beginning. Raises as
    `probe` does.
    """
    import av

    try:
        with open_film(path, container, pixel_limit=pixel_limit) as film:
            best = _Best()
            for place in _PLACES:
                best.look_at(_frames_near(film, place))
            if best.worth:
                return best.picture(film)
        with open_film(path, container, pixel_limit=pixel_limit) as film:
            best.look_at(_some(film, _FRAMES_FROM_THE_START), from_start=True)
            return best.picture(film)
    except av.FFmpegError as error:
        raise UndecodableVideo(f"No frame of the video can be shown: {reason_of(error)}") from error


class _Best:
    """The most telling frame so far."""

    def __init__(self) -> None:
        self._glimpses = Glimpses()
        self._frame: VideoFrame | None = None
        self.worth = 0.0

    def look_at(self, frames: Iterator[VideoFrame], *, from_start: bool = False) -> None:
        """Keep the best of the frames, if it is better; the first one of the film only where no other is as good by far."""
        for number, frame in enumerate(frames):
            worth = quality(self._glimpses.glimpse(frame)) * (_FIRST_FRAME if from_start and number == 0 else 1.0)
            if self._frame is None or worth > self.worth:
                self._frame, self.worth = frame, worth

    def picture(self, film: Film) -> bytes:
        """The best as a JPEG."""
        if self._frame is None:
            raise UndecodableVideo("No frame of the video can be decoded")
        geometry = geometry_of(film, self._frame)
        check_pixels(*geometry.displayed(self._frame.width, self._frame.height), film.pixel_limit)
        return encode_jpeg(Pictures(LONGER_SIDE).picture(self._frame, geometry))


def _frames_near(film: Film, place: float) -> Iterator[VideoFrame]:
    """A few frames from the last one before this place that can be decoded by itself; none where it cannot be reached."""
    import av

    duration = stated_duration(film)
    if duration is None:
        return iter(())
    try:
        film.source.seek((film.stream.start_time or 0) + int(duration * place / film.tick), stream=film.stream)
    except (av.FFmpegError, ValueError, OverflowError):
        return iter(())
    return _some(film, _FRAMES_AT_A_PLACE)


def _some(film: Film, count: int) -> Iterator[VideoFrame]:
    return itertools.islice(Decoding(film, barren_limit=_PACKETS_TO_A_FRAME).frames(), count)
