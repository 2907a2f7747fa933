"""Sound as it comes out of a film: in one form, with its times, and with silence where some of it is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_SILENCE = 3600.0
"""Most seconds of silence that are written for one film, whatever its time stamps say."""

# Time stamps are not more precise than this, in seconds.
_SHORTEST_GAP = 0.1


class Resampler:
    """Brings frames of any form into one: a format and a layout as FFmpeg names them, and so many samples a second."""

    def __init__(self, form: str, layout: str, rate: int) -> None:
        self._form = form, layout, rate
        self._resampler = self._fresh()

    def read(self, frame: Any) -> list[tuple[float | None, NDArray[Any]]]:
        """Samples (a row a channel), each with the time of the first one by the container's clock; None where they simply follow.

        None for the frame gives what is held back. Of a frame whose form is not that of those before, nothing is read.
        """
        import av

        time = None
        if frame is not None:
            time = float(frame.pts * frame.time_base) if frame.pts is not None and frame.time_base else None
            # The clock of the samples is counted by who takes them; the resampler would fail on one that jumps.
            frame.pts = None
        try:
            parts: list[Any] = self._resampler.resample(frame)
        except (av.FFmpegError, ValueError):
            # The form of the sound has changed in the middle.
            self._resampler = self._fresh()
            return []
        return [(time if number == 0 else None, part.to_ndarray()) for number, part in enumerate(parts)]

    def _fresh(self) -> Any:
        import av

        form, layout, rate = self._form
        return av.AudioResampler(format=form, layout=layout, rate=rate)


class Silence:
    """Tells how much silence belongs into gaps, up to the most that is written for a film."""

    def __init__(self) -> None:
        self._left = MOST_SILENCE

    def within(self, gap: float) -> float:
        """Seconds of silence for a gap of so many seconds: as many, or 0 where it is none or too long."""
        if not _SHORTEST_GAP < gap <= self._left:
            return 0.0
        self._left -= gap
        return gap
