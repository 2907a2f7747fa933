"""Indexing videos: scenes, what each shows, what is read and said in it, and the vectors of all that."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import structlog

from calotype.ai.interfaces import Transcriber
from calotype.db.asset import select_asset
from calotype.db.engine import Connection, Database
from calotype.db.indexing import select_newest_runs, update_open_run, update_run
from calotype.db.operation import update_open_operations
from calotype.db.scene import delete_scenes, insert_scenes, insert_segments
from calotype.db.video import select_video, update_video
from calotype.domain.asset import Asset, OperationType, State
from calotype.domain.description import Description
from calotype.domain.errors import (
    CalotypeError,
    DescriptionFailed,
    NotFound,
    SandboxFailure,
    Unavailable,
    UndecodablePicture,
    UndecodableVideo,
    Unsupported,
)
from calotype.domain.job import MOST_PASSING_FAULTS
from calotype.domain.picture import DevelopedPicture, VariantName
from calotype.domain.scene import FoundScene, Scene, TranscriptSegment, VideoScan
from calotype.domain.scope import Scope
from calotype.domain.transcript import said_between
from calotype.domain.video import IndexingRun, IndexingStatus, Storyboard, Video
from calotype.imaging.pipeline import develop
from calotype.sandbox.pool import Sandbox
from calotype.services.describing import DescribingService
from calotype.services.embedding import EmbeddingService
from calotype.services.indexing_queue import end_run
from calotype.services.search_document import scene_document
from calotype.services.work import MOST_BEGINNINGS, try_again
from calotype.storage.store import ObjectStore
from calotype.video.audio import extract_audio
from calotype.video.scan import scan

_OPEN = frozenset({IndexingStatus.PENDING, IndexingStatus.PROCESSING})
_LOOK_EVERY = 1.0  # seconds between two looks at how far the scan is, and whether anybody still wants it
_LEAST_TIME = 120.0  # seconds any scan may take
_TIME_FACTOR = 10.0  # seconds a second of video may take
_MOST_TIME = 86_400.0
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
class _Seen:
    """What was made of one scene: its keyframe's key, and what a describer says, where that could be had."""

    found: FoundScene
    keyframe_key: str | None
    description: Description | None


@dataclass(frozen=True, slots=True)
class _Indexed:
    """All that a run found out."""

    scan: VideoScan
    seen: Sequence[_Seen]
    segments: tuple[TranscriptSegment, ...]
    storyboard: Storyboard | None
    objects: frozenset[str]


class _GoneError(Exception):
    """Nobody wants the result any more: the video was deleted, or the run cancelled."""


class VideoIndexingService:
    """Runs in workers; every call may be repeated without harm, and begins from the start then."""

    def __init__(
        self,
        database: Database,
        store: ObjectStore,
        videos: Sandbox,
        pictures: Sandbox,
        describing: DescribingService,
        embeddings: EmbeddingService,
        transcriber: Transcriber | None,
        limits: VideoLimits,
    ) -> None:
        self._database = database
        self._store = store
        self._videos = videos
        self._pictures = pictures
        self._describing = describing
        self._embeddings = embeddings
        self._transcriber = transcriber
        self._limits = limits

    async def index(self, scope: Scope, asset_id: UUID, attempt: int) -> None:
        """Index one video. Raises CalotypeError when another attempt is worthwhile.

        `attempt` counts how often the job was begun.
        """
        begun = await self._begin(scope, asset_id)
        if begun is None:
            return
        asset, video, run = begun
        try:
            if attempt > MOST_BEGINNINGS:
                raise SandboxFailure(f"its processing was interrupted {attempt - 1} times", reason="crashed")
            indexed = await self._index(asset, video, run)
        except _GoneError:
            await self._remove_objects(asset, run)
        except (UndecodableVideo, Unsupported) as error:
            await self._fail(asset, run, error.message, "undecodable")
        except NotFound:
            await self._fail(asset, run, "the original is missing from the object store", "missing")
        except (DescriptionFailed, SandboxFailure, Unavailable) as error:
            if _is_passing(error) and attempt <= MOST_PASSING_FAULTS:
                raise
            await self._fail(asset, run, error.message, error.code)
        else:
            await self._finish(asset, video, run, indexed)

    async def _begin(self, scope: Scope, asset_id: UUID) -> tuple[Asset, Video, IndexingRun] | None:
        now = datetime.now(UTC)
        async with self._database.write() as connection:
            asset = await select_asset(connection, scope, asset_id, lock=True)
            video = await select_video(connection, scope, asset_id) if asset else None
            run = (await select_newest_runs(connection, scope, [asset_id])).get(asset_id)
            if asset is None or video is None or not video.is_here or run is None or run.status not in _OPEN:
                return None
            values = {"status": IndexingStatus.PROCESSING.value, "started_at": run.started_at or now, "progress": 0}
            await update_run(connection, scope, run.id, values)
            await update_video(connection, scope, asset_id, {"indexing_status": IndexingStatus.PROCESSING.value})
            await update_open_operations(
                connection, scope, asset_id, (OperationType.ANALYZE_VIDEO,), status=State.PROCESSING
            )
        return asset, video, run

    async def _index(self, asset: Asset, video: Video, run: IndexingRun) -> _Indexed:
        assert video.probe is not None
        with tempfile.TemporaryDirectory(prefix="calotype-video-") as name:
            folder = Path(name)
            async with self._store.local_path(asset.object_key) as path:
                async with self._watched(asset, run, "scenes", _FileProgress(folder, 0, _SCANNED)):
                    found = await self._scan(path, asset, video, folder)
                progress = _Progress(_SCANNED)
                async with self._watched(asset, run, "pictures", progress):
                    seen = await self._see_all(asset, run, found, folder, progress)
                    storyboard = await self._put_storyboard(asset, run, found, folder)
                segments: tuple[TranscriptSegment, ...] = ()
                if self._transcriber is not None and found.probe.has_audio:
                    async with self._watched(asset, run, "speech", _Progress(_SEEN)):
                        segments = await self._transcribe(self._transcriber, path, asset, folder)
        keys = {one.keyframe_key for one in seen if one.keyframe_key}
        if storyboard:
            keys.add(storyboard.object_key)
        return _Indexed(found, seen, segments, storyboard, frozenset(keys))

    async def _scan(self, path: Path, asset: Asset, video: Video, folder: Path) -> VideoScan:
        assert video.probe is not None
        timeout = min(_MOST_TIME, _LEAST_TIME + _TIME_FACTOR * video.probe.duration)
        found: VideoScan = await try_again(
            lambda: self._videos.run(
                scan,
                str(path),
                asset.format,
                str(folder),
                pixel_limit=self._limits.max_pixels,
                storyboard=video.has_storyboard,
                timeout=timeout,
            )
        )
        return found

    async def _see_all(
        self, asset: Asset, run: IndexingRun, found: VideoScan, folder: Path, progress: _Progress
    ) -> list[_Seen]:
        slots = asyncio.Semaphore(self._limits.at_once)

        async def see(place: int, scene: FoundScene) -> _Seen:
            async with slots:
                made = await self._see(asset, run, place, scene, folder)
                progress.advance((_SEEN - _SCANNED) / len(found.scenes))
                return made

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(see(place, scene)) for place, scene in enumerate(found.scenes)]
        return [task.result() for task in tasks]

    async def _see(self, asset: Asset, run: IndexingRun, place: int, scene: FoundScene, folder: Path) -> _Seen:
        """Look at the keyframe of one scene as at any picture; one that cannot be read leaves the scene without a picture."""
        if scene.keyframe is None:
            return _Seen(scene, None, None)
        path = folder / Path(scene.keyframe).name
        try:
            frame: DevelopedPicture = await try_again(
                lambda: self._pictures.run(develop, str(path), timeout=self._limits.picture_timeout)
            )
        except (UndecodablePicture, Unsupported) as error:
            _log.warning("keyframe not read", asset_id=str(asset.id), scene=place, reason=error.message)
            return _Seen(scene, None, None)
        thumbnail = next(variant for variant in frame.variants if variant.name is VariantName.MEDIUM_512)
        key = f"variants/{asset.tenant_id}/{asset.id}/scene_{run.id}_{place}.jpg"
        await self._store.put(key, thumbnail.data)
        return _Seen(scene, key, await self._describing.describe_frame(asset, frame))

    async def _put_storyboard(
        self, asset: Asset, run: IndexingRun, found: VideoScan, folder: Path
    ) -> Storyboard | None:
        sheet = found.storyboard
        if sheet is None:
            return None
        key = f"variants/{asset.tenant_id}/{asset.id}/storyboard_{run.id}.jpg"
        data = await asyncio.to_thread((folder / Path(sheet.file).name).read_bytes)
        await self._store.put(key, data)
        return Storyboard(key, sheet.interval, sheet.count, sheet.columns, sheet.width, sheet.height)

    async def _transcribe(
        self, transcriber: Transcriber, path: Path, asset: Asset, folder: Path
    ) -> tuple[TranscriptSegment, ...]:
        pieces = await try_again(
            lambda: self._videos.run(extract_audio, str(path), asset.format, str(folder), timeout=_MOST_TIME)
        )
        segments: list[TranscriptSegment] = []
        for piece in pieces:
            made = await transcriber.transcribe(folder / Path(piece.file).name)
            segments += [
                replace(segment, start=segment.start + piece.start, end=segment.end + piece.start)
                for segment in made.segments
            ]
        return tuple(segments)

    @asynccontextmanager
    async def _watched(self, asset: Asset, run: IndexingRun, step: str, progress: _Progress) -> AsyncIterator[None]:
        """Show how far a step is, and end it once nobody wants it any more. Raises _GoneError then."""
        worker = asyncio.current_task()
        assert worker is not None
        is_gone = False
        scope = Scope(asset.tenant_id)

        async def watch() -> None:
            nonlocal is_gone
            while True:
                try:
                    async with self._database.mark() as connection:
                        values = {"progress": progress.percent(), "step": step}
                        is_gone = not await update_open_run(connection, scope, run.id, values)
                except Unavailable:
                    pass  # seen again in a moment
                if is_gone:
                    worker.cancel()
                    return
                await asyncio.sleep(_LOOK_EVERY)

        watching = asyncio.create_task(watch())
        try:
            yield
        except asyncio.CancelledError:
            if is_gone and worker.uncancel() == 0:
                raise _GoneError from None
            raise
        finally:
            watching.cancel()
            await asyncio.wait([watching])

    async def _finish(self, asset: Asset, video: Video, run: IndexingRun, indexed: _Indexed) -> None:
        now = datetime.now(UTC)
        scenes = [_scene(asset, place, one, indexed.segments, now) for place, one in enumerate(indexed.seen)]
        vectors = await self._embeddings.of_scenes(asset.id, video.name, scenes)
        scope = Scope(asset.tenant_id).any()
        async with self._database.write() as connection:
            current = await select_asset(connection, scope, asset.id, lock=True)
            newest = (await select_newest_runs(connection, scope, [asset.id])).get(asset.id)
            kept = current is not None and newest is not None and newest.id == run.id and newest.status in _OPEN
            stale: set[str] = set()
            if kept:
                stale = await self._replace(connection, scope, asset, video, indexed, scenes)
                await self._embeddings.store_scenes(connection, scope, vectors)
                await self._end(connection, scope, asset, run, indexed, now)
        doomed = stale - indexed.objects if kept else set(indexed.objects)
        await asyncio.gather(*(self._store.delete(key) for key in sorted(doomed)))

    async def _replace(
        self,
        connection: Connection,
        scope: Scope,
        asset: Asset,
        video: Video,
        indexed: _Indexed,
        scenes: Sequence[Scene],
    ) -> set[str]:
        """Put the scenes of this run in the place of those before; returns the keys of objects that have no row any more."""
        stale = await delete_scenes(connection, scope, asset.id)
        if video.storyboard:
            stale.add(video.storyboard.object_key)
        await insert_scenes(connection, scope, [(scene, scene_document(video.name, scene)) for scene in scenes])
        await insert_segments(connection, scope, asset.id, indexed.segments)
        return stale

    async def _end(
        self, connection: Connection, scope: Scope, asset: Asset, run: IndexingRun, indexed: _Indexed, now: datetime
    ) -> None:
        board = indexed.storyboard
        values = {
            "indexing_status": IndexingStatus.COMPLETED.value,
            "scene_count": len(indexed.seen),
            "has_transcript": bool(indexed.segments),
            "duration": indexed.scan.probe.duration,
            "frame_rate": indexed.scan.probe.frame_rate,
            "storyboard": {field: getattr(board, field) for field in _STORYBOARD} if board else None,
        }
        await update_video(connection, scope, asset.id, values)
        ended = {
            "status": IndexingStatus.COMPLETED.value,
            "progress": 100,
            "step": None,
            "completed_at": now,
            "error": indexed.scan.fault,
            "error_code": None,
        }
        await update_run(connection, scope, run.id, ended)
        await update_open_operations(
            connection, scope, asset.id, (OperationType.ANALYZE_VIDEO,), status=State.COMPLETED, completed_at=now
        )

    async def _fail(self, asset: Asset, run: IndexingRun, reason: str, code: str) -> None:
        _log.warning("video not indexed", asset_id=str(asset.id), format=asset.format, reason=reason)
        scope = Scope(asset.tenant_id).any()
        async with self._database.write() as connection:
            current = await select_asset(connection, scope, asset.id, lock=True)
            newest = (await select_newest_runs(connection, scope, [asset.id])).get(asset.id)
            if current is not None and newest is not None and newest.id == run.id and newest.status in _OPEN:
                await end_run(connection, scope, asset.id, IndexingStatus.FAILED, datetime.now(UTC), reason, code)
        await self._remove_objects(asset, run)

    async def _remove_objects(self, asset: Asset, run: IndexingRun) -> None:
        """Remove what a run that came to nothing had stored."""
        prefix = f"variants/{asset.tenant_id}/{asset.id}"
        keys = [stored.key async for stored in self._store.list(prefix) if str(run.id) in stored.key]
        await asyncio.gather(*(self._store.delete(key) for key in keys))


_STORYBOARD = ("object_key", "interval", "count", "columns", "width", "height")


class _Progress:
    """How far a step is, in per cent of the run."""

    def __init__(self, percent: float) -> None:
        self._percent = percent

    def advance(self, percent: float) -> None:
        """Count something as done."""
        self._percent += percent

    def percent(self) -> int:
        """How much of the run is done."""
        return max(0, min(99, int(self._percent)))


class _FileProgress(_Progress):
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


def _scene(asset: Asset, place: int, one: _Seen, segments: Sequence[TranscriptSegment], now: datetime) -> Scene:
    made = one.description
    return Scene(
        id=uuid4(),
        asset_id=asset.id,
        index=place,
        start=one.found.start,
        end=one.found.end,
        keyframe_key=one.keyframe_key,
        description=made.text if made else None,
        visible_text=made.visible_text if made else None,
        transcript=said_between(segments, one.found.start, one.found.end),
        tags=made.metadata.tags if made else (),
        confidence=made.confidence if made else None,
        is_embedded=False,
        created_at=now,
    )


def _is_passing(error: CalotypeError) -> bool:
    return isinstance(error, Unavailable) or error.context.get("reason") == "start"
