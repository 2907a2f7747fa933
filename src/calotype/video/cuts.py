"""Finding the cuts of a film, frame by frame."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

# The detector tells of a cut when it has seen two further frames; a few more are kept to be sure.
_KEPT = 8
# A flash is over after so many seconds, and the film goes on as before it.
_FLASH = 0.4
# As a share of the difference at the cut: what differs less is the same picture again.
_SAME = 0.35


@dataclass(frozen=True, slots=True)
class _Seen:
    number: int
    time: float
    glimpse: Pixels


@dataclass(frozen=True, slots=True)
class _Pending:
    time: float
    before: Pixels
    difference: float


class Cuts:
    """Finds cuts with PySceneDetect's adaptive detector, and passes over flashes.

    The detector compares each frame's difference from the one before with those of its neighbours, so that pans and shaking
    hands are no cuts. It is given numbers instead of times: the times of frames are kept here, as they may be uneven.
    """

    def __init__(self) -> None:
        from scenedetect import FrameTimecode
        from scenedetect.detectors import AdaptiveDetector

        self._timecode: Any = FrameTimecode
        self._detector = AdaptiveDetector(min_scene_len=1)
        self._seen: deque[_Seen] = deque(maxlen=_KEPT)
        self._number = 0
        self._pending: _Pending | None = None

    @property
    def pending(self) -> float | None:
        """When there was a cut that may turn out to be a flash; None when there is none."""
        return self._pending.time if self._pending else None

    def see(self, time: float, glimpse: Pixels) -> float | None:
        """Take the next frame; the time of the first frame after a cut that is certain by now, or None."""
        found = self._detector.process_frame(self._timecode(self._number, 1.0), glimpse)
        self._seen.append(_Seen(self._number, time, glimpse))
        self._number += 1
        settled = self._settle(time, glimpse)
        for code in found:
            if self._pending is None:
                self._pending = self._make_pending(code.frame_num)
        return settled

    def finish(self) -> float | None:
        """The cut that was still pending when the film ended, or None."""
        pending, self._pending = self._pending, None
        return pending.time if pending else None

    def _settle(self, time: float, glimpse: Pixels) -> float | None:
        pending = self._pending
        if pending is None or time - pending.time < _FLASH:
            return None
        self._pending = None
        return None if _difference(pending.before, glimpse) < _SAME * pending.difference else pending.time

    def _make_pending(self, number: int) -> _Pending | None:
        kept = {seen.number: seen for seen in self._seen}
        before, after = kept.get(number - 1), kept.get(number)
        if before is None or after is None:
            return None
        return _Pending(after.time, before.glimpse, _difference(before.glimpse, after.glimpse))


def _difference(one: Pixels, other: Pixels) -> float:
    import cv2

    return float(cv2.norm(one, other, cv2.NORM_L1)) / one.size
