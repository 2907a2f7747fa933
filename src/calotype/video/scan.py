"""One pass over all frames of a film: its scenes, a keyframe of each, and a storyboard."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from calotype.domain.errors import UndecodableVideo
from calotype.domain.scene import VideoScan
from calotype.video.clock import Clock
from calotype.video.containers import reason_of
from calotype.video.cuts import Cuts
from calotype.video.decoding import Decoding
from calotype.video.duration import LONGEST, stated_duration
from calotype.video.film import HIGHEST_RATE, PIXEL_LIMIT, Film, open_film
from calotype.video.geometry import geometry_of
from calotype.video.glimpse import Glimpses
from calotype.video.keyframes import Keyframes
from calotype.video.probe import describe
from calotype.video.progress import Progress
from calotype.video.scenes import Scenes
from calotype.video.storyboard import StoryboardMaker

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

MAX_SCENE = 60.0
MIN_SCENE = 1.0

# So many seconds, or such a share, the last frame may be late or early before the container's duration is corrected.
_LATE = 0.5
_EARLY, _EARLY_SHARE = 1.0, 0.02
_RATE_SHARE = 0.02


def scan(
    path: str,
    container: str,
    folder: str,
    *,
    pixel_limit: int = PIXEL_LIMIT,
    max_scene: float = MAX_SCENE,
    min_scene: float = MIN_SCENE,
    storyboard: bool = False,
    threads: int = 0,
) -> VideoScan:
    """Decode the film once and write what was found into the folder: keyframes, the storyboard, and `progress` (0-1) meanwhile.

    Keyframes are upright JPEGs of at most 1024 pixels. Scenes shorter than `min_scene` seconds are joined, those longer than
    `max_scene` divided. `threads` are those of the decoder, 0 for one a core. Memory does not grow with the film. Of a film that
    is damaged or cut off, what could be read, with `fault`. Raises as `probe` does where that is nothing.
    """
    import av

    with open_film(path, container, pixel_limit=pixel_limit, threads=threads) as film:
        decoding = Decoding(film)
        frames = decoding.frames()
        first = next(frames, None)
        if first is None:
            raise UndecodableVideo("No frame of the video can be decoded")
        watch = _Watch(film, Path(folder), first, shortest=min_scene, longest=max_scene, storyboard=storyboard)
        try:
            watch.see(first)
            for frame in frames:
                watch.see(frame)
            return watch.result(decoding)
        except av.FFmpegError as error:
            # What the decoder made, the scaler could not take: an exotic form of pixels.
            raise UndecodableVideo(f"A frame cannot be shown: {reason_of(error)}") from error
        finally:
            watch.keyframes.close()


class _Watch:
    """Everything that looks at the frames as they go by."""

    def __init__(
        self, film: Film, folder: Path, first: VideoFrame, *, shortest: float, longest: float, storyboard: bool
    ) -> None:
        self._film = film
        self._folder = folder
        self._stated = stated_duration(film)
        duration = self._stated or max(1, film.claimed_frames) * film.frame_time
        self._probe = describe(film, first, min(duration, LONGEST), film.rate or 25.0)
        geometry = geometry_of(film, first)
        self._clock = Clock(film)
        self._glimpses = Glimpses()
        self._cuts = Cuts()
        self.keyframes = Keyframes(folder, geometry, longest)
        self._scenes = Scenes(self.keyframes, shortest=shortest, longest=longest)
        self._storyboard = StoryboardMaker(geometry, self._probe.duration) if storyboard else None
        self._progress = Progress(folder, self._probe.duration)
        self._frames = 0

    def see(self, frame: VideoFrame) -> None:
        """Look at the next frame."""
        time = self._clock.time(frame)
        glimpse = self._glimpses.glimpse(frame)
        self._frames += 1
        cut = self._cuts.see(time, glimpse)
        if cut is not None:
            self._scenes.cut(cut)
        if self._cuts.pending is not None:
            self.keyframes.restart(self._cuts.pending)
        self._scenes.reach(time)
        self.keyframes.see(time, frame, glimpse)
        if self._storyboard is not None:
            self._storyboard.see(time, frame)
        self._progress.reach(time)

    def result(self, decoding: Decoding) -> VideoScan:
        """What was found, now that there are no more frames."""
        last = self._cuts.finish()
        if last is not None:
            self._scenes.cut(last)
        duration, short = self._duration(decoding)
        scenes = self._scenes.finish(duration)
        board = self._storyboard.write(self._folder) if self._storyboard else None
        self._progress.finish()
        probe = replace(self._probe, duration=duration, frame_rate=self._rate())
        return VideoScan(probe, self._frames, scenes, board, decoding.fault or short)

    def _duration(self, decoding: Decoding) -> tuple[float, str | None]:
        """Seconds, and what is wrong where the film ends before its time.

        The container is believed while it is nearly right, and where there is sound after the last frame.
        """
        measured, stated = self._clock.end, self._stated
        if stated is None:
            return measured, None
        if measured > stated:
            nearly = measured - stated <= _LATE and self._scenes.start < stated
            return (stated if nearly else measured), None
        heard = (decoding.read_until or 0.0) - self._clock.offset
        if max(measured, heard) >= stated - max(_EARLY, stated * _EARLY_SHARE):
            return stated, None
        return measured, f"The file ends after {measured:.1f} of {stated:.1f} seconds"

    def _rate(self) -> float:
        """Frames a second as counted, where the container is wrong about them."""
        stated, counted = self._film.rate, min(self._frames / self._clock.end, HIGHEST_RATE)
        if stated is not None and abs(stated - counted) <= stated * _RATE_SHARE:
            return stated
        return counted
