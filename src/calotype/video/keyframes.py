"""One telling picture of each scene, taken from its middle in the same pass in which the scene is found.

Where a scene ends is known only when it has, so frames are kept all along, ever more rarely: the newest as they were decoded, the
others of a long scene as files in the folder. When the scene is settled, the best near its middle stays.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from calotype.video.frames import Pictures, encode_jpeg
from calotype.video.glimpse import quality

if TYPE_CHECKING:
    import numpy as np
    from av.video.frame import VideoFrame
    from numpy.typing import NDArray

    from calotype.video.geometry import Geometry

    Pixels = NDArray[np.uint8]

LONGER_SIDE = 1024

_FIRST_STEP = 0.3
_GROWTH = 1.5
_LONGEST_STEP = 10.0
# What lies before this share of an open scene can be near the middle no more.
_PASSED = 0.2
_MOST_FRAMES_HELD = 6
_MOST_BYTES_HELD = 64 * 2**20
# Of a scene of many hours, or one that flashes all the time.
_MOST_CANDIDATES = 4096
# So long, as a share of the time in the scene, a black frame is waited past.
_PATIENCE = 0.5


@dataclass(slots=True, eq=False)
class _Candidate:
    """A frame, or the file that was made of it."""

    time: float
    quality: float
    frame: VideoFrame | None
    file: Path


class Keyframes:
    """Takes candidates while a film goes by; `longest` is the length in seconds above which scenes are divided."""

    def __init__(self, folder: Path, geometry: Geometry, longest: float) -> None:
        self._folder = folder
        self._geometry = geometry
        self._longest = longest
        self._pictures = Pictures(LONGER_SIDE)
        self._candidates: list[_Candidate] = []
        self._taken = 0
        self._start = 0.0
        self._due = 0.0

    def restart(self, time: float) -> None:
        """A scene may have begun at `time`: take pictures often again."""
        if time > self._start:
            self._start = self._due = time

    def see(self, time: float, frame: VideoFrame, glimpse: Pixels) -> None:
        """Take a picture of the frame if it is time for one."""
        if time < self._due:
            return
        worth = quality(glimpse)
        passed = time - self._start
        if not worth and self._candidates and passed < (self._due - self._start) * (1 + _PATIENCE):
            return
        self._candidates.append(_Candidate(time, worth, frame, self._folder / f"candidate_{self._taken:06d}.jpg"))
        self._taken += 1
        self._due = time + min(max(_FIRST_STEP, passed * (_GROWTH - 1)), _LONGEST_STEP)
        self._thin(time)
        held = [one for one in self._candidates if one.frame is not None]
        for one in held[: -_frames_to_hold(frame)]:
            self._write(one)

    def choose(self, start: float, end: float, name: str) -> str | None:
        """Give the best candidate between two times this name; None where there is none.

        Where no frame began in that time, the last one before is what was shown.
        """
        within = [one for one in self._candidates if start <= one.time < end]
        if not within:
            within = [one for one in self._candidates if one.time < end][-1:]
        if not within:
            return None
        best = max(one.quality for one in within)
        chosen = max(within, key=lambda one: _merit(one, start, end, best))
        self._write(chosen)
        shutil.copyfile(chosen.file, self._folder / name)
        return name

    def forget(self, before: float) -> None:
        """Remove the candidates of scenes that are settled, but the last, which may still be shown."""
        kept = [one for one in self._candidates if one.time >= before] or self._candidates[-1:]
        self._keep(kept)

    def close(self) -> None:
        """Remove all candidates."""
        self._keep([])

    def _thin(self, now: float) -> None:
        """Of a scene that is still open, drop what its middle has passed already, but for the last, which may be shown still."""
        bound = self._start + min(now - self._start, self._longest) * _PASSED
        passed = [one for one in self._candidates if self._start <= one.time < bound]
        self._keep([one for one in self._candidates if one not in passed[:-1]])

    def _keep(self, kept: list[_Candidate]) -> None:
        if len(kept) > _MOST_CANDIDATES:
            kept = kept[::2]
        for one in set(self._candidates).difference(kept):
            if one.frame is None:
                one.file.unlink(missing_ok=True)
        self._candidates = kept

    def _write(self, candidate: _Candidate) -> None:
        if candidate.frame is not None:
            candidate.file.write_bytes(encode_jpeg(self._pictures.picture(candidate.frame, self._geometry)))
            candidate.frame = None


def _frames_to_hold(frame: VideoFrame) -> int:
    """How many frames may wait for being needed, as decoded, so that few are ever made into pictures."""
    size = sum(plane.buffer_size for plane in frame.planes)
    return max(1, min(_MOST_FRAMES_HELD, _MOST_BYTES_HELD // max(size, 1)))


def _merit(candidate: _Candidate, start: float, end: float, best: float) -> float:
    """Near the middle is as good as sharp; black is worse than anything."""
    off_middle = abs(2 * (candidate.time - start) / (end - start) - 1)
    return (candidate.quality / best if best else 1.0) * (1.2 - off_middle)
