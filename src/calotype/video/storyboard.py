"""A sheet of small pictures, evenly spaced over the film, for a player's seek bar."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from calotype.domain.scene import FoundStoryboard
from calotype.video.frames import Pictures, encode_jpeg

if TYPE_CHECKING:
    import numpy as np
    from av.video.frame import VideoFrame
    from numpy.typing import NDArray

    from calotype.video.geometry import Geometry

    Pixels = NDArray[np.uint8]

LONGER_SIDE = 160
COLUMNS = 10
MOST_PICTURES = 100
_FILE = "storyboard.jpg"


class StoryboardMaker:
    """Takes a picture every so many seconds of a film that lasts `duration` seconds: at most 100, at least a second apart."""

    def __init__(self, geometry: Geometry, duration: float) -> None:
        self._geometry = geometry
        self._interval = max(1.0, duration / MOST_PICTURES)
        self._most = min(MOST_PICTURES, max(1, math.ceil(duration / self._interval - 1e-6)))
        self._pictures = Pictures(LONGER_SIDE)
        self._taken: list[Pixels] = []

    def see(self, time: float, frame: VideoFrame) -> None:
        """Take the frame for every moment that has come and has no picture yet."""
        due = min(int(time / self._interval + 1e-6) + 1, self._most) - len(self._taken)
        if due <= 0:
            return
        picture = self._pictures.picture(frame, self._geometry)
        # Where a frame was shown for long, the moments it was shown at have its predecessor.
        self._taken += [self._taken[-1] if self._taken else picture] * (due - 1)
        self._taken.append(picture)

    def write(self, folder: Path) -> FoundStoryboard | None:
        """Write the sheet into the folder; None when no frame was seen."""
        import numpy as np

        if not self._taken:
            return None
        height, width = self._taken[0].shape[:2]
        rows = math.ceil(len(self._taken) / COLUMNS)
        columns = min(COLUMNS, len(self._taken))
        sheet = np.zeros((rows * height, columns * width, 3), np.uint8)
        for number, picture in enumerate(self._taken):
            top, left = number // COLUMNS * height, number % COLUMNS * width
            part = picture[:height, :width]
            sheet[top : top + part.shape[0], left : left + part.shape[1]] = part
        (folder / _FILE).write_bytes(encode_jpeg(sheet))
        return FoundStoryboard(_FILE, self._interval, len(self._taken), COLUMNS, width, height)
