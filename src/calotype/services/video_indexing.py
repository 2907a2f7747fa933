"""Indexing videos: scenes, what each shows, what is read and said in it, and the vectors of all that."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from uuid import UUID, uuid4

import structlog

from calotype.db.asset import select_asset
from calotype.db.engine import Connection, Database
from calotype.db.indexing import select_newest_runs, update_open_run, update_run
from calotype.db.operation import update_open_operations
from calotype.db.scene import delete_scenes, insert_scenes, insert_segments, select_scenes
from calotype.db.video import select_video, update_video
from calotype.domain.asset import Asset, OperationType, State
from calotype.domain.errors import (
    CalotypeError,
    NotFound,
    SandboxFailure,
    Unavailable,
    UndecodableVideo,
    Unsupported,
)
from calotype.domain.job import MOST_PASSING_FAULTS
from calotype.domain.scene import Scene, TranscriptSegment
from calotype.domain.scope import Scope
from calotype.domain.searchable import searchable_scene
from calotype.domain.transcript import said_between
from calotype.domain.values import storable
from calotype.domain.video import OPEN_INDEXING, IndexingStatus, Video
from calotype.services import leftovers
from calotype.services.attempts import MOST_BEGINNINGS, UNEXPECTED, when_back
from calotype.services.embedding import EmbeddingService
from calotype.services.indexing_queue import end_run
from calotype.services.video_reading import Progress, ReadVideo, SeenScene, VideoReader, VideoSource, is_passing
from calotype.services.wanted import NoLongerWantedError, while_wanted
from calotype.storage.store import ObjectStore

_log = structlog.get_logger(__name__)


class VideoIndexingService:
    """Runs in workers; every call may be repeated without harm, and begins from the start then."""

    def __init__(
        self,
        database: Database,
        store: ObjectStore,
        reader: VideoReader,
        embeddings: EmbeddingService,
    ) -> None:
        self._database = database
        self._store = store
        self._reader = reader
        self._embeddings = embeddings

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
            indexed = await self._reader.read(work, lambda step, progress: self._watched(work, step, progress))
        except NoLongerWantedError:
            await self._remove_objects(work)
        except (UndecodableVideo, Unsupported) as error:
            await self._fail(work, error.message, "undecodable")
        except NotFound:
            await self._fail(work, "the original is missing from the object store", "missing")
        except CalotypeError as error:
            if is_passing(error) and attempt <= MOST_PASSING_FAULTS:
                await self._remove_objects(work)
                raise
            await self._fail(work, error.message, error.code)
        except Exception:
            # Whatever it is, it will be there at the next attempt as well, which may take hours.
            _log.exception("unexpected fault", asset_id=str(asset_id))
            await self._fail(work, UNEXPECTED, "internal_error")
        else:
            await self._keep(work, indexed)

    async def _keep(self, work: VideoSource, indexed: ReadVideo) -> None:
        """Store what was found out; what took so long, and was perhaps paid for, is not thrown away for a lost connection."""
        try:
            await when_back(lambda: self._finish(work, indexed))
        except CalotypeError:
            raise  # whether it was stored is not known: the sweep removes what no row names
        except Exception:
            _log.exception("unexpected fault", asset_id=str(work.asset.id))
            await self._fail(work, UNEXPECTED, "internal_error")

    async def _begin(self, scope: Scope, asset_id: UUID) -> VideoSource | None:
        now = datetime.now(UTC)
        async with self._database.write() as connection:
            asset = await select_asset(connection, scope, asset_id, lock=True)
            video = await select_video(connection, scope, asset_id) if asset else None
            run = (await select_newest_runs(connection, scope, [asset_id])).get(asset_id)
            if asset is None or video is None or video.probe is None or run is None or run.status not in OPEN_INDEXING:
                return None
            values = {"status": IndexingStatus.PROCESSING.value, "started_at": run.started_at or now, "progress": 0}
            await update_run(connection, scope, run.id, values)
            await update_video(connection, scope, asset_id, {"indexing_status": IndexingStatus.PROCESSING.value})
            await update_open_operations(
                connection, scope, asset_id, (OperationType.ANALYZE_VIDEO,), status=State.PROCESSING
            )
        return VideoSource(asset, video, video.probe, run, uuid4().hex[:12])

    @asynccontextmanager
    async def _watched(self, work: VideoSource, step: str, progress: Progress) -> AsyncIterator[None]:
        """Show how far a step is, and end it once nobody wants it any more. Raises NoLongerWantedError then."""

        async def show() -> bool:
            async with self._database.mark() as connection:
                values = {"progress": progress.percent(), "step": step}
                return await update_open_run(connection, Scope(work.asset.tenant_id), work.run, values)

        async with while_wanted(show):
            yield

    async def _finish(self, work: VideoSource, indexed: ReadVideo) -> None:
        now = datetime.now(UTC)
        scenes = [_scene(work.asset, place, one, indexed.segments, now) for place, one in enumerate(indexed.seen)]
        vectors = await self._embeddings.of_scenes(work.asset.id, work.video.name, scenes)
        scope = Scope(work.asset.tenant_id).any()
        stale: set[str] = set()
        async with self._database.write() as connection:
            current = await self._still_open(connection, scope, work)
            if current is not None:
                stale = await self._replace(connection, scope, current, indexed, scenes)
                await self._embeddings.store_parts(connection, scope, vectors)
                await self._end(connection, scope, work, indexed, now)
        if current is None:
            await self._remove_objects(work)
        else:
            await leftovers.remove(self._store, stale - indexed.objects)

    async def _still_open(self, connection: Connection, scope: Scope, work: VideoSource) -> Video | None:
        """The video as it is now, its asset locked, unless the run has ended, was begun again, or has a successor."""
        asset = await select_asset(connection, scope, work.asset.id, lock=True)
        newest = (await select_newest_runs(connection, scope, [work.asset.id])).get(work.asset.id)
        if asset is None or newest is None or newest.status not in OPEN_INDEXING:
            return None
        if (newest.id, newest.retries) != (work.run.id, work.run.retries):
            return None
        return await select_video(connection, scope, work.asset.id)

    async def _replace(
        self, connection: Connection, scope: Scope, video: Video, indexed: ReadVideo, scenes: Sequence[Scene]
    ) -> set[str]:
        """Put the scenes of this run in the place of those before; returns the keys of objects that have no row any more."""
        stale = await delete_scenes(connection, scope, video.asset_id)
        if video.storyboard:
            stale.add(video.storyboard.object_key)
        await insert_scenes(connection, scope, [(scene, searchable_scene(video.name, scene)) for scene in scenes])
        await insert_segments(connection, scope, video.asset_id, indexed.segments)
        return stale

    async def _end(
        self, connection: Connection, scope: Scope, work: VideoSource, indexed: ReadVideo, now: datetime
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
        await update_video(connection, scope, work.asset.id, values)
        ended = {
            "status": IndexingStatus.COMPLETED.value,
            "progress": 100,
            "step": None,
            "completed_at": now,
            "error": None,
            "error_code": None,
        }
        await update_run(connection, scope, work.run.id, ended)
        # What could not be found out costs the run nothing else; the history tells of it.
        await update_open_operations(
            connection,
            scope,
            work.asset.id,
            (OperationType.ANALYZE_VIDEO,),
            status=State.COMPLETED,
            completed_at=now,
            error_message=indexed.fault,
        )

    async def _fail(self, work: VideoSource, reason: str, code: str) -> None:
        _log.warning("video not indexed", asset_id=str(work.asset.id), format=work.asset.format, reason=reason)
        scope = Scope(work.asset.tenant_id).any()
        async with self._database.write() as connection:
            if await self._still_open(connection, scope, work) is not None:
                now = datetime.now(UTC)
                await end_run(connection, scope, work.asset.id, IndexingStatus.FAILED, now, reason, code)
        await self._remove_objects(work)

    async def _remove_objects(self, work: VideoSource) -> None:
        """Remove what this attempt has stored, but for what rows name; what cannot be removed now is left to the sweep."""
        scope = Scope(work.asset.tenant_id).any()
        with contextlib.suppress(Unavailable):
            keys = {stored.key async for stored in self._store.list(work.folder) if work.token in stored.key}
            if not keys:
                return
            # They do where only the answer to the last commit was lost.
            async with self._database.read() as connection:
                video = await select_video(connection, scope, work.asset.id)
                keys -= {scene.keyframe_key for scene in await select_scenes(connection, scope, work.asset.id)}
            if video is not None and video.storyboard is not None:
                keys.discard(video.storyboard.object_key)
            await leftovers.remove(self._store, keys)


_STORYBOARD = ("object_key", "interval", "count", "columns", "width", "height")


def _scene(asset: Asset, place: int, one: SeenScene, segments: Sequence[TranscriptSegment], now: datetime) -> Scene:
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
