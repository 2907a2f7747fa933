"""Indexing videos: scenes, what each shows, what is read and said in it, and the vectors of all that."""

from __future__ import annotations

import asyncio
import contextlib
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
from calotype.domain.values import storable
from calotype.domain.video import IndexingRun, IndexingStatus, Storyboard, Video, VideoProbe
from calotype.imaging.pipeline import develop
from calotype.sandbox.pool import Sandbox
from calotype.services.describing import DescribingService
from calotype.services.embedding import EmbeddingService
from calotype.services.indexing_queue import end_run
from calotype.services.search_document import scene_document
from calotype.services.wanted import NoLongerWantedError, while_wanted
from calotype.services.work import MOST_BEGINNINGS, try_again
from calotype.storage.store import ObjectStore
from calotype.video.audio import extract_audio
from calotype.video.scan import scan

_OPEN = frozenset({IndexingStatus.PENDING, IndexingStatus.PROCESSING})
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
class _Work:
    """One attempt at a run: the rows as it found them, and a word of its own in the keys of what it stores."""

    asset: Asset
    video: Video
    probe: VideoProbe
    run: IndexingRun
    token: str

    @property
    def folder(self) -> str:
        """Where what is made of the video lies."""
        return f"variants/{self.asset.tenant_id}/{self.asset.id}"


@dataclass(frozen=True, slots=True)
class _Seen:
    """What was made of one scene: its keyframe's key, and what a describer says, or why it refused, where that could be had."""

    found: FoundScene
    keyframe_key: str | None
    description: Description | None
    refusal: DescriptionFailed | None = None


@dataclass(frozen=True, slots=True)
class _Indexed:
    """All that a run found out."""

    scan: VideoScan
    seen: Sequence[_Seen]
    segments: tuple[TranscriptSegment, ...]
    storyboard: Storyboard | None
    objects: frozenset[str]
    fault: str | None
    """Why not all of it could be found out, though the rest is as it should be."""


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
        work = await self._begin(scope, asset_id)
        if work is None:
            return
        try:
            if attempt > MOST_BEGINNINGS:
                raise SandboxFailure(f"its processing was interrupted {attempt - 1} times", reason="crashed")
            indexed = await self._index(work)
        except NoLongerWantedError:
            await self._remove_objects(work)
        except (UndecodableVideo, Unsupported) as error:
            await self._fail(work, error.message, "undecodable")
        except NotFound:
            await self._fail(work, "the original is missing from the object store", "missing")
        except CalotypeError as error:
            if _is_passing(error) and attempt <= MOST_PASSING_FAULTS:
                await self._remove_objects(work)
                raise
            await self._fail(work, error.message, error.code)
        except Exception:
            # Whatever it is, it will be there at the next attempt as well, which may take hours.
            _log.exception("unexpected fault", asset_id=str(asset_id))
            await self._fail(work, "an unexpected fault; the server's log has the reason", "internal_error")
        else:
            await self._finish(work, indexed)

    async def _begin(self, scope: Scope, asset_id: UUID) -> _Work | None:
        now = datetime.now(UTC)
        async with self._database.write() as connection:
            asset = await select_asset(connection, scope, asset_id, lock=True)
            video = await select_video(connection, scope, asset_id) if asset else None
            run = (await select_newest_runs(connection, scope, [asset_id])).get(asset_id)
            if asset is None or video is None or video.probe is None or run is None or run.status not in _OPEN:
                return None
            values = {"status": IndexingStatus.PROCESSING.value, "started_at": run.started_at or now, "progress": 0}
            await update_run(connection, scope, run.id, values)
            await update_video(connection, scope, asset_id, {"indexing_status": IndexingStatus.PROCESSING.value})
            await update_open_operations(
                connection, scope, asset_id, (OperationType.ANALYZE_VIDEO,), status=State.PROCESSING
            )
        return _Work(asset, video, video.probe, run, uuid4().hex[:12])

    async def _index(self, work: _Work) -> _Indexed:
        with tempfile.TemporaryDirectory(prefix="calotype-video-") as name:
            folder = Path(name)
            async with self._store.local_path(work.asset.object_key) as path:
                async with self._watched(work, "scenes", _FileProgress(folder, 0, _SCANNED)):
                    found = await self._scan(path, work, folder)
                progress = _Progress(_SCANNED)
                async with self._watched(work, "pictures", progress):
                    seen = await self._see_all(work, found, folder, progress)
                    storyboard = await self._put_storyboard(work, found, folder)
                segments: tuple[TranscriptSegment, ...] = ()
                fault = found.fault
                if self._transcriber is not None and found.probe.has_audio:
                    async with self._watched(work, "speech", _Progress(_SEEN)):
                        segments, unheard = await self._transcribe(self._transcriber, path, work, folder)
                        fault = fault or unheard
        keys = {one.keyframe_key for one in seen if one.keyframe_key}
        if storyboard:
            keys.add(storyboard.object_key)
        return _Indexed(found, seen, segments, storyboard, frozenset(keys), fault)

    async def _scan(self, path: Path, work: _Work, folder: Path) -> VideoScan:
        duration = work.probe.duration
        timeout = min(_MOST_TIME, _LEAST_TIME + _TIME_FACTOR * duration)
        found: VideoScan = await try_again(
            lambda: self._videos.run(
                scan,
                str(path),
                work.asset.format,
                str(folder),
                pixel_limit=self._limits.max_pixels,
                min_scene=max(SHORTEST_SCENE, duration / MOST_SCENES),
                storyboard=work.video.has_storyboard,
                timeout=timeout,
            ),
            is_long=True,
        )
        return found

    async def _see_all(self, work: _Work, found: VideoScan, folder: Path, progress: _Progress) -> list[_Seen]:
        slots = asyncio.Semaphore(self._limits.at_once)

        async def see(place: int, scene: FoundScene) -> _Seen:
            async with slots:
                made = await self._see(work, place, scene, folder)
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

    async def _see(self, work: _Work, place: int, scene: FoundScene, folder: Path) -> _Seen:
        """Look at the keyframe of one scene as at any picture; one that cannot be read leaves the scene without a picture."""
        if scene.keyframe is None:
            return _Seen(scene, None, None)
        path = folder / Path(scene.keyframe).name
        try:
            frame: DevelopedPicture = await try_again(
                lambda: self._pictures.run(develop, str(path), timeout=self._limits.picture_timeout)
            )
        except (UndecodablePicture, Unsupported, SandboxFailure) as error:
            if _is_passing(error):
                raise
            _log.warning("keyframe not read", asset_id=str(work.asset.id), scene=place, reason=error.message)
            return _Seen(scene, None, None)
        thumbnail = next(variant for variant in frame.variants if variant.name is VariantName.MEDIUM_512)
        key = f"{work.folder}/scene_{work.token}_{place}.jpg"
        await self._store.put(key, thumbnail.data)
        try:
            return _Seen(scene, key, await self._describing.describe_frame(work.asset, frame))
        except DescriptionFailed as error:
            _log.warning("scene not described", asset_id=str(work.asset.id), scene=place, reason=error.message)
            return _Seen(scene, key, None, error)

    async def _put_storyboard(self, work: _Work, found: VideoScan, folder: Path) -> Storyboard | None:
        sheet = found.storyboard
        if sheet is None:
            return None
        key = f"{work.folder}/storyboard_{work.token}.jpg"
        data = await asyncio.to_thread((folder / Path(sheet.file).name).read_bytes)
        await self._store.put(key, data)
        return Storyboard(key, sheet.interval, sheet.count, sheet.columns, sheet.width, sheet.height)

    async def _transcribe(
        self, transcriber: Transcriber, path: Path, work: _Work, folder: Path
    ) -> tuple[tuple[TranscriptSegment, ...], str | None]:
        """What is said, and why not all of that could be written down: scenes are found without it, too."""
        pieces = await try_again(
            lambda: self._videos.run(extract_audio, str(path), work.asset.format, str(folder), timeout=_MOST_TIME)
        )
        segments: list[TranscriptSegment] = []
        for piece in pieces:
            try:
                made = await transcriber.transcribe(folder / Path(piece.file).name)
            except DescriptionFailed as error:
                _log.warning("speech not written down", asset_id=str(work.asset.id), reason=error.message)
                return tuple(segments), f"What is said could not be written down: {error.message}"
            segments += [
                replace(segment, start=segment.start + piece.start, end=segment.end + piece.start)
                for segment in made.segments
            ]
        return tuple(segments), None

    @asynccontextmanager
    async def _watched(self, work: _Work, step: str, progress: _Progress) -> AsyncIterator[None]:
        """Show how far a step is, and end it once nobody wants it any more. Raises NoLongerWantedError then."""

        async def show() -> bool:
            async with self._database.mark() as connection:
                values = {"progress": progress.percent(), "step": step}
                return await update_open_run(connection, Scope(work.asset.tenant_id), work.run, values)

        async with while_wanted(show):
            yield

    async def _finish(self, work: _Work, indexed: _Indexed) -> None:
        now = datetime.now(UTC)
        scenes = [_scene(work.asset, place, one, indexed.segments, now) for place, one in enumerate(indexed.seen)]
        vectors = await self._embeddings.of_scenes(work.asset.id, work.video.name, scenes)
        scope = Scope(work.asset.tenant_id).any()
        stale: set[str] = set()
        async with self._database.write() as connection:
            current = await self._still_open(connection, scope, work)
            if current is not None:
                stale = await self._replace(connection, scope, current, indexed, scenes)
                await self._embeddings.store_scenes(connection, scope, vectors)
                await self._end(connection, scope, work, indexed, now)
        doomed = set(indexed.objects) if current is None else stale - indexed.objects
        await self._delete(doomed)

    async def _still_open(self, connection: Connection, scope: Scope, work: _Work) -> Video | None:
        """The video as it is now, its asset locked, unless the run has ended, was begun again, or has a successor."""
        asset = await select_asset(connection, scope, work.asset.id, lock=True)
        newest = (await select_newest_runs(connection, scope, [work.asset.id])).get(work.asset.id)
        if asset is None or newest is None or newest.status not in _OPEN:
            return None
        if (newest.id, newest.retries) != (work.run.id, work.run.retries):
            return None
        return await select_video(connection, scope, work.asset.id)

    async def _replace(
        self, connection: Connection, scope: Scope, video: Video, indexed: _Indexed, scenes: Sequence[Scene]
    ) -> set[str]:
        """Put the scenes of this run in the place of those before; returns the keys of objects that have no row any more."""
        stale = await delete_scenes(connection, scope, video.asset_id)
        if video.storyboard:
            stale.add(video.storyboard.object_key)
        await insert_scenes(connection, scope, [(scene, scene_document(video.name, scene)) for scene in scenes])
        await insert_segments(connection, scope, video.asset_id, indexed.segments)
        return stale

    async def _end(self, connection: Connection, scope: Scope, work: _Work, indexed: _Indexed, now: datetime) -> None:
        board = indexed.storyboard
        values = {
            "indexing_status": IndexingStatus.COMPLETED.value,
            "scene_count": len(indexed.seen),
            "has_transcript": bool(indexed.segments),
            "duration": indexed.scan.probe.duration,
            "frame_rate": indexed.scan.probe.frame_rate,
            "storyboard": {field: getattr(board, field) for field in _STORYBOARD} if board else None,
        }
        await update_video(connection, scope, work.asset.id, values)
        ended = {
            "status": IndexingStatus.COMPLETED.value,
            "progress": 100,
            "step": None,
            "completed_at": now,
            "error": indexed.fault,
            "error_code": None,
        }
        await update_run(connection, scope, work.run.id, ended)
        await update_open_operations(
            connection, scope, work.asset.id, (OperationType.ANALYZE_VIDEO,), status=State.COMPLETED, completed_at=now
        )

    async def _fail(self, work: _Work, reason: str, code: str) -> None:
        _log.warning("video not indexed", asset_id=str(work.asset.id), format=work.asset.format, reason=reason)
        scope = Scope(work.asset.tenant_id).any()
        async with self._database.write() as connection:
            if await self._still_open(connection, scope, work) is not None:
                now = datetime.now(UTC)
                await end_run(connection, scope, work.asset.id, IndexingStatus.FAILED, now, reason, code)
        await self._remove_objects(work)

    async def _remove_objects(self, work: _Work) -> None:
        """Remove what this attempt has stored; what cannot be removed now is left to the sweep."""
        with contextlib.suppress(Unavailable):
            keys = {stored.key async for stored in self._store.list(work.folder) if work.token in stored.key}
            await self._delete(keys)

    async def _delete(self, keys: set[str]) -> None:
        with contextlib.suppress(Unavailable):
            await self._store.delete_many(sorted(keys))


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
        description=storable(made.text) if made else None,
        visible_text=storable(made.visible_text) if made and made.visible_text else None,
        transcript=said_between(segments, one.found.start, one.found.end),
        tags=tuple(storable(tag) for tag in made.metadata.tags) if made else (),
        confidence=made.confidence if made else None,
        is_embedded=False,
        created_at=now,
    )


def _is_passing(error: CalotypeError) -> bool:
    return isinstance(error, Unavailable) or error.context.get("reason") == "start"
