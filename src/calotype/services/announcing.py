"""Videos that have a row before their bytes: announced with a URL, fulfilled or given up by whoever fetches that."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import structlog

from calotype.db.asset import insert_asset, select_asset, update_asset
from calotype.db.engine import Connection, Database, pipelined
from calotype.db.operation import insert_operations, update_open_operations
from calotype.db.video import insert_video, probe_values, select_video, update_video
from calotype.domain.asset import OPEN_STATES, Asset, NewAsset, Operation, OperationType, State, UploadMethod
from calotype.domain.job import Job, Task, Urgency
from calotype.domain.object_keys import original_key
from calotype.domain.scope import Scope
from calotype.domain.searchable import searchable_asset
from calotype.domain.video import VIDEO, IndexingStatus, NewVideo, Video
from calotype.jobs.queue import JobQueue
from calotype.services.allowance import Allowances
from calotype.services.event import EventService
from calotype.services.indexing_queue import end_run, queue_run
from calotype.services.processing import note_end
from calotype.services.receive import ReceivedFile

UNKNOWN_TYPE = "application/octet-stream"
UNKNOWN_FORMAT = "unknown"
_log = structlog.get_logger(__name__)


class AnnounceService:
    """Writes the rows of videos that are downloaded; the bytes are somebody else's matter."""

    def __init__(self, database: Database, queue: JobQueue, events: EventService) -> None:
        self._database = database
        self._queue = queue
        self._events = events
        self._allowances = Allowances()

    async def announce(self, scope: Scope, filename: str, video: NewVideo, *, auto_describe: bool) -> UUID:
        """Give a video to be downloaded its rows and job; returns its id.

        Raises UsageLimitExceeded, QuotaExceeded where nothing is left at all, and NotFound for the group.
        """
        asset_id, now = uuid4(), datetime.now(UTC)
        new = NewAsset(
            id=asset_id,
            tenant_id=scope.tenant_id,
            media_type=VIDEO,
            content_type=UNKNOWN_TYPE,
            format=UNKNOWN_FORMAT,
            upload_method=UploadMethod.LINK,
            object_key=original_key(scope.tenant_id, asset_id, filename),
            original_filename=filename,
            size_bytes=0,
            checksum="",
            title=None,
            tags=(),
            storage_target="default",
            auto_describe=auto_describe,
            variant_status=None,
            description_status=None,
        )
        search = searchable_asset(title=None, filename=filename, tags=(), description=None, visible_text=None)
        async with self._database.write() as connection:
            (await self._allowances.of(connection, scope)).take(0)
            async with pipelined(connection) as pipeline:
                await insert_asset(pipeline, new, search, now)
                upload = Operation(uuid4(), asset_id, OperationType.UPLOAD, State.PENDING, now, None, None)
                await insert_operations(pipeline, scope, [upload])
                await insert_video(pipeline, scope, asset_id, replace(video, probe=None))
                if video.index:
                    await queue_run(pipeline, self._queue, scope, asset_id, now, is_here=False)
                await self._queue.enqueue(pipeline, Job(Task.DOWNLOAD_VIDEO, scope.tenant_id, asset_id), Urgency.NEW)
        return asset_id

    async def begin(self, scope: Scope, asset_id: UUID) -> tuple[Asset, Video] | None:
        """Show a live video as being downloaded; None where there is nothing to do."""
        async with self._database.write() as connection:
            asset = await select_asset(connection, scope, asset_id, lock=True)
            video = await select_video(connection, scope, asset_id) if asset else None
            if asset is None or video is None or video.download not in OPEN_STATES:
                return None
            await update_video(connection, scope, asset_id, {"download_status": State.PROCESSING.value})
            await update_open_operations(connection, scope, asset_id, (OperationType.UPLOAD,), status=State.PROCESSING)
        return asset, video

    async def is_awaited(self, scope: Scope, asset_id: UUID) -> bool:
        """Whether a live video still waits for its bytes."""
        async with self._database.read() as connection:
            asset = await select_asset(connection, scope, asset_id)
            video = await select_video(connection, scope, asset_id) if asset else None
        return video is not None and video.download in OPEN_STATES

    async def fulfil(self, received: ReceivedFile, *, name: str | None = None) -> bool:
        """Give an announced video its bytes, and have them worked on; `name` takes the place of one that was only guessed.

        Returns whether it was waited for; else its object must be discarded. Raises QuotaExceeded.
        """
        now = datetime.now(UTC)
        scope = Scope(received.tenant_id).any()
        assert received.probe is not None
        async with self._database.write() as connection:
            # Tenants before assets, as everybody locks them.
            allowance = await self._allowances.of(connection, scope)
            asset = await select_asset(connection, scope, received.id, lock=True)
            video = await select_video(connection, scope, received.id) if asset else None
            if asset is None or video is None or video.download not in OPEN_STATES:
                return False
            allowance.take(received.size_bytes, is_new=False)
            describe = State.PENDING if asset.auto_describe else State.SKIPPED
            captured = received.probe.recorded
            values = {
                "object_key": received.object_key,
                "size_bytes": received.size_bytes,
                "checksum": bytes.fromhex(received.checksum),
                "content_type": received.media.content_type,
                "format": received.media.format,
                "width": received.probe.width,
                "height": received.probe.height,
                "variant_status": State.PENDING.value,
                "description_status": describe.value,
                "captured_at": captured.moment if captured else None,
                "captured_wall": captured.wall if captured else None,
                "captured_offset_minutes": captured.offset_minutes if captured else None,
                "captured_offset_source": captured.offset_source if captured else None,
            }
            await update_asset(connection, scope, asset.id, values)
            changed = {**probe_values(received.probe), "download_status": State.COMPLETED.value}
            if name is not None:
                changed["name"] = name
            await update_video(connection, scope, asset.id, changed)
            await update_open_operations(
                connection, scope, asset.id, (OperationType.UPLOAD,), status=State.COMPLETED, completed_at=now
            )
            await insert_operations(connection, scope, _next_steps(asset.id, describe, now))
            if asset.deleted_at is None:
                await self._queue_work(connection, asset, video)
        return True

    async def _queue_work(self, connection: Connection, asset: Asset, video: Video) -> None:
        tasks = [Task.MAKE_VARIANTS]
        if video.indexing is IndexingStatus.PENDING:
            tasks.append(Task.INDEX_VIDEO)
        for task in tasks:
            await self._queue.enqueue(connection, Job(task, asset.tenant_id, asset.id), Urgency.NEW)

    async def give_up(self, scope: Scope, asset_id: UUID, reason: str) -> None:
        """End the download of a video that cannot be had, and the indexing that waited for it."""
        now = datetime.now(UTC)
        scope = scope.any()
        async with self._database.write() as connection:
            asset = await select_asset(connection, scope, asset_id, lock=True)
            video = await select_video(connection, scope, asset_id) if asset else None
            if asset is None or video is None or video.download not in OPEN_STATES:
                return
            _log.warning("video not downloaded", asset_id=str(asset_id), reason=reason)
            failed = {"download_status": State.FAILED.value, "download_error": reason}
            await update_video(connection, scope, asset_id, failed)
            await update_asset(
                connection, scope, asset_id, {"variant_status": State.FAILED.value, "variant_error": reason}
            )
            await update_open_operations(
                connection,
                scope,
                asset_id,
                (OperationType.UPLOAD,),
                status=State.FAILED,
                completed_at=now,
                error_message=reason,
            )
            ended = replace(asset, variant_status=State.FAILED, variant_error=reason)
            await note_end(connection, scope, self._events, ended)
            if video.indexing in {IndexingStatus.PENDING, IndexingStatus.PROCESSING}:
                await end_run(connection, scope, asset_id, IndexingStatus.FAILED, now, reason, "download_failed")


def _next_steps(asset_id: UUID, describe: State, now: datetime) -> list[Operation]:
    kinds = [OperationType.VARIANTS]
    if describe is State.PENDING:
        kinds.append(OperationType.DESCRIBE)
    return [
        Operation(uuid4(), asset_id, kind, State.PENDING, now + timedelta(microseconds=place), None, None)
        for place, kind in enumerate(kinds, 1)
    ]
