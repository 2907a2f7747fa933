"""When each frame is shown, in seconds from the first one, whatever the container's clock does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from calotype.video.containers import BROADCAST
from calotype.video.film import Film

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

# A broadcast may be cut together of several, each with a clock of its own; elsewhere one frame may well be shown for an hour.
_BROADCAST_JUMP = 10.0
_ANY_JUMP = 24 * 3600.0
_LONGEST_FRAME = 60.0
_TINY = 1e-4


class Clock:
    """Gives each frame its time: 0 for the first, then always later, in seconds.

    Frames without a time stamp follow at the rate of the film, and so do those after a jump of the container's clock by more than
    `jump` seconds.
    """

    def __init__(self, film: Film) -> None:
        self._tick = float(film.tick)
        self._frame_time = film.frame_time
        self.jump = _BROADCAST_JUMP if film.container in BROADCAST else _ANY_JUMP
        self._offset: float | None = None
        self._last = 0.0
        self._shown_for = self._frame_time

    def time(self, frame: VideoFrame) -> float:
        """The time at which the frame is shown."""
        stamp = frame.pts * self._tick if frame.pts is not None else None
        if self._offset is None:
            self._offset = stamp or 0.0
            self._note_length(frame)
            return 0.0
        expected = self._last + self._shown_for
        time = expected if stamp is None else stamp - self._offset
        if stamp is not None and not -1.0 <= time - self._last <= self.jump:
            self._offset, time = stamp - expected, expected
        self._last = max(time, self._last + _TINY)
        self._note_length(frame)
        return self._last

    @property
    def offset(self) -> float:
        """What the container's clock showed at time 0, in seconds."""
        return self._offset or 0.0

    @property
    def end(self) -> float:
        """When the last frame ends; above 0."""
        return self._last + self._shown_for

    def _note_length(self, frame: VideoFrame) -> None:
        length = frame.duration * self._tick if frame.duration else 0.0
        self._shown_for = length if 0 < length <= _LONGEST_FRAME else self._frame_time
