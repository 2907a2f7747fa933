"""Finding the cuts of a film, frame by frame."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from calotype.video.geometry import fit

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

# What is compared is this wide, in pixels: grain, dark noise and shaking hands average out.
_LONGER_SIDE = 48
# Least mean difference (0-255) of a cut.
_LEAST_DIFFERENCE = 5.0
# Means of 255: below the first a film is black, above the second it is no more; and seconds for which a fade leaves it black.
_BLACK, _NOT_BLACK = 8.0, 14.0
_FADED = 0.06
_FADE_STRENGTH = 64.0
# The detector tells of a cut when it has seen two further frames; a few more are kept to be sure.
_KEPT = 8
# A flash is over after so many seconds, and the film goes on as before it.
_FLASH = 0.4
# As a share of the difference at the cut: what differs less is the same picture again.
_SAME = 0.35
# A cut so much stronger than a suspected flash is one of its own.
_STRONGER = 2.0


@dataclass(frozen=True, slots=True)
class Cut:
    """The time of the first frame after a cut, in seconds, and how much it differs from the one before (0-255)."""

    time: float
    strength: float


@dataclass(frozen=True, slots=True)
class _Seen:
    number: int
    time: float
    glimpse: Pixels
    difference: float


class Cuts:
    """Finds cuts with PySceneDetect's adaptive detector, passes over flashes, and finds fades through black.

    The detector compares each frame's difference from the one before with those of its neighbours, so that pans and shaking
    hands are no cuts. It is given numbers instead of times: the times of frames are kept here, as they may be uneven.
    """

    def __init__(self) -> None:
        from scenedetect import FrameTimecode
        from scenedetect.detectors import AdaptiveDetector

        self._timecode: Any = FrameTimecode
        self._detector = AdaptiveDetector(min_scene_len=1, min_content_val=_LEAST_DIFFERENCE, luma_only=True)
        self._seen: deque[_Seen] = deque(maxlen=_KEPT)
        self._number = 0
        self._pending: Cut | None = None
        self._before: Pixels | None = None
        self._black_since: float | None = None

    @property
    def pending(self) -> float | None:
        """When there was a cut that may turn out to be a flash; None when there is none."""
        return self._pending.time if self._pending else None

    def see(self, time: float, glimpse: Pixels) -> Cut | None:
        """Take the next frame; a cut that is certain by now, or None."""
        import cv2

        height, width = glimpse.shape[:2]
        glimpse = cv2.resize(glimpse, fit(width, height, _LONGER_SIDE), interpolation=cv2.INTER_AREA)
        found = self._detector.process_frame(self._timecode(self._number, 1.0), _side_by_side(glimpse))
        difference = _difference(self._seen[-1].glimpse, glimpse) if self._seen else 0.0
        self._seen.append(_Seen(self._number, time, glimpse, difference))
        self._number += 1
        settled = self._settle(time, glimpse)
        for code in found:
            self._suspect(code.frame_num)
        return self._fade(time, glimpse) or settled

    def finish(self) -> Cut | None:
        """The cut that was still pending when the film ended, or None."""
        pending, self._pending = self._pending, None
        return pending

    def _fade(self, time: float, glimpse: Pixels) -> Cut | None:
        """A cut where the film comes out of black."""
        brightness = float(glimpse.mean())
        if brightness < _BLACK:
            self._black_since = time if self._black_since is None else self._black_since
        elif brightness > _NOT_BLACK and self._black_since is not None:
            since, self._black_since = self._black_since, None
            # A film that begins black has not begun before.
            if since > 0 and time - since >= _FADED:
                self._pending = None
                return Cut(time, _FADE_STRENGTH)
        return None

    def _settle(self, time: float, glimpse: Pixels) -> Cut | None:
        pending = self._pending
        if pending is None or self._before is None or time - pending.time < _FLASH:
            return None
        self._pending = None
        return None if _difference(self._before, glimpse) < _SAME * pending.strength else pending

    def _suspect(self, number: int) -> None:
        """Take the frame of this number for the first one after a cut, until the film shows that it was a flash."""
        seen = {one.number: one for one in self._seen}
        before, after = seen.get(number - 1), seen.get(number)
        if before is None or after is None:
            return
        # The second edge of a flash is as strong as the first, another cut may be stronger.
        if self._pending is None or after.difference > _STRONGER * self._pending.strength:
            self._pending = Cut(after.time, after.difference)
            self._before = before.glimpse


def _side_by_side(glimpse: Pixels) -> Pixels:
    """The three channels as one grey picture, so that the detector compares channels.

    By itself it compares hues, as numbers: two reds can be as far apart as can be, and those of dark or grey pixels are noise.
    """
    import cv2

    flat = glimpse.reshape(glimpse.shape[0], -1)
    grey: Pixels = cv2.merge([flat, flat, flat])
    return grey


def _difference(one: Pixels, other: Pixels) -> float:
    import cv2

    return float(cv2.norm(one, other, cv2.NORM_L1)) / one.size
