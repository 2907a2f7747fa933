"""Taking a video apart: its scenes, what each shows, what can be read and what is said in it."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from pathlib import Path

import structlog

from calotype.ai.interfaces import Transcriber
from calotype.domain.asset import Asset
from calotype.domain.description import Description
from calotype.domain.errors import (
    CalotypeError,
    DescriptionFailed,
    SandboxFailure,
    Unavailable,
    UndecodablePicture,
    Unsupported,
)
from calotype.domain.object_keys import keyframe_key, made_folder, storyboard_key
from calotype.domain.picture import DevelopedPicture, VariantName
from calotype.domain.scene import FoundScene, TranscriptSegment, VideoScan
from calotype.domain.video import IndexingRun, Storyboard, Video, VideoProbe
from calotype.imaging.pipeline import develop
from calotype.sandbox.pool import Sandbox
from calotype.services.attempts import try_again
from calotype.services.describing import DescribingService
from calotype.storage.store import ObjectStore
from calotype.video.audio import extract_audio
from calotype.video.scan import scan

_LEAST_TIME = 120.0  # seconds any scan may take
_TIME_FACTOR = 10.0  # seconds a second of video may take
_MOST_TIME = 86_400.0
SHORTEST_SCENE = 1.0
"""Seconds a scene lasts at least; longer in films so long that they would have too many."""

MOST_SCENES = 1_000
"""Scenes of one video, each of which is described, and may cost money."""

# Of a run, in per cent: how much is the scan, and how much the looking at scenes.
_SCANNED, _SEEN = 60, 90
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class VideoLimits:
    """How many pixels a frame may have, how many scenes are looked at side by side, how many seconds one keyframe may take."""

    max_pixels: int
    at_once: int
    picture_timeout: float


@dataclass(frozen=True, slots=True)
class VideoSource:
    """One attempt at a run: the rows as it found them, and a word of its own in the keys of what it stores."""

    asset: Asset
    video: Video
    probe: VideoProbe
    run: IndexingRun
    token: str

    @property
    def folder(self) -> str:
        """Where what is made of the video lies."""
        return made_folder(self.asset.tenant_id, self.asset.id)

    def keyframe_key(self, place: int) -> str:
        """Where the picture of a scene lies."""
        return keyframe_key(self.asset.tenant_id, self.asset.id, self.token, place)

    @property
    def storyboard_key(self) -> str:
        """Where the storyboard lies."""
        return storyboard_key(self.asset.tenant_id, self.asset.id, self.token)


@dataclass(frozen=True, slots=True)
class SeenScene:
    """What was made of one scene: its keyframe's key, and what a describer says, or why it refused, where that could be had."""

    found: FoundScene
    keyframe_key: str | None
    description: Description | None
    refusal: DescriptionFailed | None = None


@dataclass(frozen=True, slots=True)
class ReadVideo:
    """All that a run found out."""

    scan: VideoScan
    seen: Sequence[SeenScene]
    segments: tuple[TranscriptSegment, ...]
    storyboard: Storyboard | None
    objects: frozenset[str]
    fault: str | None
    """Why not all of it could be found out, though the rest is as it should be."""


Watched = Callable[[str, "Progress"], AbstractAsyncContextManager[None]]
"""What surrounds each step, given its name and how far it is."""


class VideoReader:
    """Runs in workers; keeps nothing but pictures, under keys of their own."""

    def __init__(
        self,
        store: ObjectStore,
        videos: Sandbox,
        pictures: Sandbox,
        describing: DescribingService,
        transcriber: Transcriber | None,
        limits: VideoLimits,
    ) -> None:
        self._store = store
        self._videos = videos
        self._pictures = pictures
        self._describing = describing
        self._transcriber = transcriber
        self._limits = limits

    async def read(self, source: VideoSource, watched: Watched) -> ReadVideo:
        """Take one video apart; what is made of it is stored under keys that have the source's token.

        Raises UndecodableVideo, Unsupported, NotFound, DescriptionFailed, SandboxFailure, Unavailable, and what `watched` raises.
        """
        with tempfile.TemporaryDirectory(prefix="calotype-video-") as name:
            folder = Path(name)
            async with self._store.local_path(source.asset.object_key) as path:
                async with watched("scenes", FileProgress(folder, 0, _SCANNED)):
                    found = await self._scan(path, source, folder)
                progress = Progress(_SCANNED)
                async with watched("pictures", progress):
                    seen = await self._see_all(source, found, folder, progress)
                    storyboard = await self._put_storyboard(source, found, folder)
                segments: tuple[TranscriptSegment, ...] = ()
                fault = found.fault
                if self._transcriber is not None and found.probe.has_audio:
                    async with watched("speech", Progress(_SEEN)):
                        segments, unheard = await self._transcribe(self._transcriber, path, source, folder)
                        fault = fault or unheard
        keys = {one.keyframe_key for one in seen if one.keyframe_key}
        if storyboard:
            keys.add(storyboard.object_key)
        return ReadVideo(found, seen, segments, storyboard, frozenset(keys), fault)

    async def _scan(self, path: Path, source: VideoSource, folder: Path) -> VideoScan:
        duration = source.probe.duration
        timeout = min(_MOST_TIME, _LEAST_TIME + _TIME_FACTOR * duration)
        found: VideoScan = await try_again(
            lambda: self._videos.run(
                scan,
                str(path),
                source.asset.format,
                str(folder),
                pixel_limit=self._limits.max_pixels,
                min_scene=max(SHORTEST_SCENE, duration / MOST_SCENES),
                storyboard=source.video.has_storyboard,
                timeout=timeout,
            ),
            is_long=True,
        )
        return found

    async def _see_all(
        self, source: VideoSource, found: VideoScan, folder: Path, progress: Progress
    ) -> list[SeenScene]:
        slots = asyncio.Semaphore(self._limits.at_once)

        async def see(place: int, scene: FoundScene) -> SeenScene:
            async with slots:
                made = await self._see(source, place, scene, folder)
                progress.advance((_SEEN - _SCANNED) / len(found.scenes))
                return made

        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(see(place, scene)) for place, scene in enumerate(found.scenes)]
        except ExceptionGroup as faults:
            raise faults.exceptions[0] from faults
        seen = [task.result() for task in tasks]
        refusals = [one.refusal for one in seen if one.refusal]
        if refusals and not any(one.description for one in seen):
            raise refusals[0]
        return seen

    async def _see(self, source: VideoSource, place: int, scene: FoundScene, folder: Path) -> SeenScene:
        """Look at the keyframe of one scene as at any picture; one that cannot be read leaves the scene without a picture."""
        if scene.keyframe is None:
            return SeenScene(scene, None, None)
        path = folder / Path(scene.keyframe).name
        try:
            frame: DevelopedPicture = await try_again(
                lambda: self._pictures.run(develop, str(path), timeout=self._limits.picture_timeout)
            )
        except (UndecodablePicture, Unsupported, SandboxFailure) as error:
            if is_passing(error):
                raise
            _log.warning("keyframe not read", asset_id=str(source.asset.id), scene=place, reason=error.message)
            return SeenScene(scene, None, None)
        thumbnail = next(variant for variant in frame.variants if variant.name is VariantName.MEDIUM_512)
        key = source.keyframe_key(place)
        await self._store.put(key, thumbnail.data)
        try:
            return SeenScene(scene, key, await self._describing.describe_frame(source.asset, frame))
        except DescriptionFailed as error:
            _log.warning("scene not described", asset_id=str(source.asset.id), scene=place, reason=error.message)
            return SeenScene(scene, key, None, error)

    async def _put_storyboard(self, source: VideoSource, found: VideoScan, folder: Path) -> Storyboard | None:
        sheet = found.storyboard
        if sheet is None:
            return None
        key = source.storyboard_key
        data = await asyncio.to_thread((folder / Path(sheet.file).name).read_bytes)
        await self._store.put(key, data)
        return Storyboard(key, sheet.interval, sheet.count, sheet.columns, sheet.width, sheet.height)

    async def _transcribe(
        self, transcriber: Transcriber, path: Path, source: VideoSource, folder: Path
    ) -> tuple[tuple[TranscriptSegment, ...], str | None]:
        """What is said, and why not all of that could be written down: scenes are found without it, too."""
        pieces = await try_again(
            lambda: self._videos.run(extract_audio, str(path), source.asset.format, str(folder), timeout=_MOST_TIME)
        )
        segments: list[TranscriptSegment] = []
        for piece in pieces:
            try:
                made = await transcriber.transcribe(folder / Path(piece.file).name)
            except DescriptionFailed as error:
                _log.warning("speech not written down", asset_id=str(source.asset.id), reason=error.message)
                return tuple(segments), f"What is said could not be written down: {error.message}"
            segments += [
                replace(segment, start=segment.start + piece.start, end=segment.end + piece.start)
                for segment in made.segments
            ]
        return tuple(segments), None


class Progress:
    """How far a step is, in per cent of the run."""

    def __init__(self, percent: float) -> None:
        self._percent = percent

    def advance(self, percent: float) -> None:
        """Count something as done."""
        self._percent += percent

    def percent(self) -> int:
        """How much of the run is done."""
        return max(0, min(99, int(self._percent)))


class FileProgress(Progress):
    """How far a child is, as it writes into a file of its folder: a number from 0 to 1."""

    def __init__(self, folder: Path, start: float, end: float) -> None:
        super().__init__(start)
        self._file = folder / "progress"
        self._start = start
        self._end = end

    def percent(self) -> int:
        """How much of the run is done."""
        try:
            share = float(self._file.read_text())
        except (OSError, ValueError):
            share = 0.0
        self._percent = self._start + (self._end - self._start) * min(1.0, max(0.0, share))
        return super().percent()


def is_passing(error: CalotypeError) -> bool:
    """Whether another attempt may do better."""
    return isinstance(error, Unavailable) or error.context.get("reason") == "start"
