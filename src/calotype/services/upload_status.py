"""How far single uploads are, and which of them are stuck."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from calotype.db.asset import select_asset, select_assets
from calotype.db.chunked_upload import select_chunked_upload, select_tally
from calotype.db.engine import Connection, Database
from calotype.db.operation import select_operations_of
from calotype.db.presigned_upload import select_presigned_upload
from calotype.db.upload_status import select_failed_upload, select_sessions_of, select_stuck_uploads
from calotype.domain.asset import OPEN_STATES, Asset, Operation, OperationType, State, UploadMethod
from calotype.domain.chunked_upload import ChunkedStatus, ChunkedUpload, ChunkTally
from calotype.domain.errors import NotFound
from calotype.domain.presigned_upload import PresignedUpload
from calotype.domain.scope import Scope
from calotype.domain.upload_status import (
    IntentStatus,
    UploadPhase,
    UploadStatus,
    phase_of_announcement,
    phase_of_parts,
)
from calotype.jobs.queue import JobQueue


class UploadStatusService:
    """Looks at assets, announced uploads and files of batches that never became assets."""

    def __init__(self, database: Database, queue: JobQueue) -> None:
        self._database = database
        self._queue = queue

    async def get(self, scope: Scope, upload_id: UUID) -> UploadStatus:
        """One upload by the id of its file. Raises NotFound."""
        async with self._database.snapshot() as connection:
            asset = await select_asset(connection, scope, upload_id)
            if asset is not None:
                return (await self._of_assets(connection, scope, [asset]))[0]
            if await select_asset(connection, scope.any(), upload_id) is None:
                announced = await select_presigned_upload(connection, scope, upload_id)
                if announced is not None and announced.confirmed_at is None:
                    return _of_announcement(announced, datetime.now(UTC))
                chunked = await self._of_chunked(connection, scope, upload_id, datetime.now(UTC))
                if chunked is not None:
                    return chunked
                if failed := await select_failed_upload(connection, scope, upload_id):
                    session_id, created_at, ended_at, error = failed
                    return UploadStatus(
                        upload_id,
                        scope.tenant_id,
                        UploadPhase.FAILED,
                        State.FAILED,
                        created_at,
                        ended_at,
                        session_id=session_id,
                        error=error,
                        failed_at=ended_at,
                        ended_at=ended_at,
                    )
        raise NotFound("File not found")

    async def stuck(self, scope: Scope, untouched_for: timedelta, limit: int) -> tuple[list[UploadStatus], int]:
        """Unfinished uploads nothing has happened to for so long, the oldest first, and how many there are."""
        now = datetime.now(UTC)
        async with self._database.snapshot() as connection:
            found, total = await select_stuck_uploads(connection, scope, now - untouched_for, now, limit)
            assets = await select_assets(connection, scope, [upload.id for upload in found if upload.is_asset])
            by_id = {status.id: status for status in await self._of_assets(connection, scope, list(assets.values()))}
            for upload in found:
                if upload.is_chunked:
                    chunked = await self._of_chunked(connection, scope, upload.id, now)
                    if chunked is not None:
                        by_id[upload.id] = chunked
                elif not upload.is_asset:
                    announced = await select_presigned_upload(connection, scope, upload.id)
                    if announced is not None:
                        by_id[upload.id] = _of_announcement(announced, now)
        return [by_id[upload.id] for upload in found if upload.id in by_id], total

    async def _of_chunked(
        self, connection: Connection, scope: Scope, upload_id: UUID, now: datetime
    ) -> UploadStatus | None:
        """An upload in chunks that is not completed."""
        upload = await select_chunked_upload(connection, scope, upload_id)
        if upload is None or upload.status is ChunkedStatus.COMPLETED:
            return None
        return _of_chunked(upload, await select_tally(connection, scope, upload_id), now)

    async def _of_assets(self, connection: Connection, scope: Scope, assets: Sequence[Asset]) -> list[UploadStatus]:
        ids = [asset.id for asset in assets]
        if not ids:
            return []
        steps = await select_operations_of(connection, scope, ids)
        sessions = await select_sessions_of(connection, scope, ids)
        retries = await self._queue.select_attempts(connection, ids)
        return [
            _of_asset(asset, steps.get(asset.id, []), sessions.get(asset.id), retries.get(asset.id, 0))
            for asset in assets
        ]


def _of_asset(asset: Asset, steps: Sequence[Operation], session_id: UUID | None, retries: int) -> UploadStatus:
    ends = [step.completed_at for step in steps if step.completed_at]
    failures = [step.completed_at for step in steps if step.completed_at and step.status is State.FAILED]
    is_presigned = asset.upload_method is UploadMethod.PRESIGNED
    crawl = next((step for step in reversed(steps) if step.type is OperationType.CRAWL), None)
    error = asset.error or (crawl.error_message if crawl else None)
    stored = _stored(steps)
    if stored is State.COMPLETED:
        phase = phase_of_parts(
            asset.variant_status, asset.description_status, asset.text_status, crawl.status if crawl else None
        )
    else:
        phase = phase_of_announcement(has_bytes=False, is_expired=stored is State.FAILED)
    return UploadStatus(
        id=asset.id,
        tenant_id=asset.tenant_id,
        phase=phase,
        stored=stored,
        created_at=asset.created_at,
        updated_at=max([asset.created_at, *(step.created_at for step in steps), *ends]),
        variants=asset.variant_status,
        description=asset.description_status,
        intent=IntentStatus.CONFIRMED if is_presigned else None,
        session_id=session_id,
        jobs=tuple(step.id for step in steps if step.status in OPEN_STATES),
        error=error,
        failed_at=max(failures, default=None) if error else None,
        ended_at=max(ends, default=None),
        retries=retries,
    )


def _stored(steps: Sequence[Operation]) -> State:
    """Whether the bytes of an asset are here, which those of a video that is downloaded are not at once."""
    states = [step.status for step in steps if step.type is OperationType.UPLOAD]
    if not states or State.COMPLETED in states:
        return State.COMPLETED
    return State.FAILED if State.FAILED in states else State.PENDING


def _of_chunked(upload: ChunkedUpload, tally: ChunkTally, now: datetime) -> UploadStatus:
    is_expired = upload.is_expired(now)
    is_over = is_expired or upload.status is not ChunkedStatus.UPLOADING
    is_here = tally.received == upload.total_chunks
    ended_at = upload.expires_at if is_expired else upload.updated_at
    return UploadStatus(
        id=upload.id,
        tenant_id=upload.tenant_id,
        phase=phase_of_announcement(has_bytes=tally.received > 0, is_expired=is_over),
        stored=State.FAILED if is_over else State.COMPLETED if is_here else State.PENDING,
        created_at=upload.created_at,
        updated_at=ended_at,
        error="The upload has expired" if is_expired else upload.error,
        failed_at=ended_at if is_over else None,
        retries=tally.retries,
    )


def _of_announcement(upload: PresignedUpload, now: datetime) -> UploadStatus:
    is_expired = upload.reaped_at is not None or upload.expires_at < now
    has_bytes = upload.received_size is not None
    return UploadStatus(
        id=upload.id,
        tenant_id=upload.tenant_id,
        phase=phase_of_announcement(has_bytes=has_bytes, is_expired=is_expired),
        stored=State.FAILED if is_expired else State.COMPLETED if has_bytes else State.PENDING,
        created_at=upload.created_at,
        updated_at=upload.expires_at if is_expired else upload.created_at,
        intent=IntentStatus.EXPIRED if is_expired else IntentStatus.PENDING,
        error="The upload has expired" if is_expired else None,
        failed_at=upload.expires_at if is_expired else None,
    )
