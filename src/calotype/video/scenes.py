"""Scenes out of cuts: in order, without gaps, none too short, none too long, each with a keyframe."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

from calotype.domain.scene import FoundScene

if TYPE_CHECKING:
    from calotype.video.cuts import Cut
    from calotype.video.keyframes import Keyframes


class Scenes:
    """Collects the scenes of a film as its cuts are found.

    Of two cuts less than `shortest` seconds apart the weaker one is passed over, so the scene between them is joined with a
    neighbour; so are a first and a last one that are too short. What is longer than `longest` is divided into equal parts.
    """

    def __init__(self, keyframes: Keyframes, *, shortest: float, longest: float) -> None:
        self._keyframes = keyframes
        self._shortest = shortest
        self._longest = longest
        self._start = 0.0
        self._cut: Cut | None = None
        self._found: list[FoundScene] = []

    @property
    def start(self) -> float:
        """When the scene begins whose end is not known yet."""
        return self._start

    def cut(self, cut: Cut) -> None:
        """There is a cut."""
        if cut.time - self.start < self._shortest:
            return
        if self._cut is not None and cut.time - self._cut.time < self._shortest:
            if cut.strength > self._cut.strength:
                self._cut = cut
            return
        # The scene before the last cut can be joined with nothing any more.
        if self._cut is not None:
            self._settle(self._cut.time)
        self._cut = cut

    def reach(self, time: float) -> None:
        """The film has come so far without a further cut."""
        if self._cut is not None and time - self._cut.time >= self._shortest:
            self._settle(self._cut.time)
            self._cut = None

    def finish(self, end: float) -> tuple[FoundScene, ...]:
        """The film ends at this time; all its scenes."""
        if self._cut is not None and end - self._cut.time >= self._shortest:
            self._settle(self._cut.time)
        self._settle(end)
        return tuple(self._found)

    def _settle(self, end: float) -> None:
        if end <= self.start:
            return
        length = end - self.start
        # A hundredth of a second more makes no two scenes out of one.
        parts = max(1, math.ceil(length / self._longest - 0.01))
        bounds = [self.start + length * part / parts for part in range(parts)] + [end]
        for start, stop in itertools.pairwise(bounds):
            name = f"scene_{len(self._found):05d}.jpg"
            self._found.append(FoundScene(start, stop, self._keyframes.choose(start, stop, name)))
        self._keyframes.forget(end)
        self._start = end
