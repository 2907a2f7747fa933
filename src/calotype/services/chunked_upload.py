"""Uploads of videos in chunks: announced, watched, ended; `upload_chunk.py` takes chunks, `chunked_completion.py` the rest."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from calotype.db.asset import select_asset
from calotype.db.chunked_upload import (
    delete_chunks,
    delete_forgotten_uploads,
    insert_chunked_upload,
    keep_from_completing,
    select_chunked_upload,
    select_chunks,
    select_expired_uploads,
    select_tally,
    update_chunked_upload,
    update_ended,
)
from calotype.db.engine import Database
from calotype.domain.chunked_upload import (
    ChunkedAnnouncement,
    ChunkedBatch,
    ChunkedStatus,
    ChunkedUpload,
    ChunkTally,
    ChunkTarget,
    NewChunkedUpload,
    Priority,
    UploadProgress,
    failed_chunks,
    matching,
    missing_chunks,
    plan_chunks,
)
from calotype.domain.errors import Conflict, Expired, InvalidInput, NotFound, TooLarge
from calotype.domain.object_keys import original_key
from calotype.domain.scope import Scope
from calotype.domain.values import clean_filename
from calotype.services import leftovers
from calotype.services.delivery import DeliveryService
from calotype.services.ingest import IngestService
from calotype.services.upload_chunk import ChunkTerms, UploadChunkService
from calotype.storage.store import ObjectStore

REAP_AFTER = timedelta(hours=1)  # chunks that were begun in time may still be on their way
FORGET_AFTER = timedelta(hours=25)  # clients are told how an upload ended for at least a day


@dataclass(frozen=True, slots=True)
class Abortion:
    """How many chunks were removed, and whether all of their bytes are gone already; the sweep removes what is not."""

    removed: int
    is_clean: bool


class ChunkedUploadService(UploadChunkService):
    """From announcement to the last chunk; what never is completed is reaped."""

    def __init__(
        self,
        database: Database,
        store: ObjectStore,
        ingest: IngestService,
        delivery: DeliveryService,
        terms: ChunkTerms,
    ) -> None:
        super().__init__(database, store, delivery, terms)
        self._ingest = ingest

    async def initiate(
        self,
        scope: Scope,
        videos: Sequence[NewChunkedUpload],
        *,
        batch_id: UUID | None = None,
        priority: Priority = Priority.NORMAL,
    ) -> list[ChunkedAnnouncement]:
        """Announce videos, all of them or none. Raises TooLarge, InvalidInput, QuotaExceeded, UsageLimitExceeded."""
        now = datetime.now(UTC)
        uploads = [self._upload(scope, video, batch_id, priority, now) for video in videos]
        async with self._database.write() as connection:
            for upload in uploads:
                await self._ingest.check_quota(connection, scope, upload.size_bytes)
                await insert_chunked_upload(connection, scope, upload)
        return [ChunkedAnnouncement(upload, self._targets(upload)) for upload in uploads]

    async def initiate_batch(
        self, scope: Scope, videos: Sequence[NewChunkedUpload], priority: Priority
    ) -> ChunkedBatch:
        """Announce videos under one new id, all of them or none. Raises what `initiate` raises."""
        batch_id = uuid4()
        made = await self.initiate(scope, videos, batch_id=batch_id, priority=priority)
        return ChunkedBatch(batch_id, tuple(made), priority)

    def _upload(
        self, scope: Scope, video: NewChunkedUpload, batch_id: UUID | None, priority: Priority, now: datetime
    ) -> ChunkedUpload:
        limit = self.terms.max_video_bytes
        if video.size_bytes > limit:
            raise TooLarge(f"A video may have at most {limit} bytes", limit=limit, actual=video.size_bytes)
        plan = plan_chunks(video.size_bytes, self.terms.chunk_bytes)
        name = clean_filename(video.filename)
        media_id = uuid4()
        return ChunkedUpload(
            id=media_id,
            tenant_id=scope.tenant_id,
            upload_id=secrets.token_hex(16),
            batch_id=batch_id,
            object_key=original_key(scope.tenant_id, media_id, name),
            original_filename=name,
            content_type=video.content_type,
            size_bytes=video.size_bytes,
            chunk_bytes=plan.chunk_bytes,
            total_chunks=plan.total,
            title=video.title,
            tags=video.tags,
            custom_metadata=self._metadata(video),
            priority=priority,
            status=ChunkedStatus.UPLOADING,
            created_at=now,
            updated_at=now,
            expires_at=(now + self.terms.lifetime).replace(microsecond=0),
        )

    def _metadata(self, video: NewChunkedUpload) -> str | None:
        if not video.metadata:
            return None
        document = json.dumps(dict(video.metadata), ensure_ascii=True, separators=(",", ":"))
        limit = self.terms.max_metadata_bytes
        if len(document) > limit:
            raise InvalidInput(f"metadata may have at most {limit} bytes as JSON", field="metadata")
        return document

    def _targets(self, upload: ChunkedUpload) -> tuple[ChunkTarget, ...]:
        return tuple(
            ChunkTarget(number, upload.plan.size_of(number), self._path(upload, number))
            for number in range(1, upload.total_chunks + 1)
        )

    async def progress(self, scope: Scope, media_id: UUID) -> UploadProgress:
        """How far an upload is, and which of its chunks are missing. Raises NotFound, Expired."""
        async with self._database.snapshot() as connection:
            upload = await select_chunked_upload(connection, scope, media_id)
            if upload is None:
                raise NotFound("Upload not found")
            if upload.status is ChunkedStatus.COMPLETED:
                if await select_asset(connection, scope, media_id) is None:
                    raise NotFound("Upload not found")
                whole = ChunkTally(upload.total_chunks, upload.size_bytes, upload.total_chunks, upload.size_bytes)
                return UploadProgress(upload, whole, is_processing=False, current=None, failed=())
            if upload.is_expired(datetime.now(UTC)):
                raise Expired("This upload has expired")
            tally = await select_tally(connection, scope, media_id)
            chunks = await select_chunks(connection, scope, media_id)
            is_free = await keep_from_completing(connection, scope, media_id)
        is_open = upload.status is ChunkedStatus.UPLOADING
        missing = missing_chunks(upload, chunks) if is_open else []
        return UploadProgress(
            upload,
            tally,
            is_processing=is_open and not is_free,
            current=missing[0] if missing else None,
            failed=failed_chunks(upload, chunks),
        )

    async def abort(self, scope: Scope, media_id: UUID, upload_id: str, reason: str | None = None) -> Abortion:
        """End an upload and remove its chunks, also while it is being put together; a repeat removes nothing.

        Raises NotFound, Expired, and Conflict once it is completed.
        """
        now = datetime.now(UTC)
        async with self._database.write() as connection:
            upload = matching(await select_chunked_upload(connection, scope, media_id, lock=True), upload_id)
            if upload.status is ChunkedStatus.ABORTED:
                return Abortion(0, is_clean=True)
            if upload.status is ChunkedStatus.COMPLETED:
                raise Conflict("This upload is completed already")
            if upload.is_expired(now):
                raise Expired("This upload has expired")
            keys = await delete_chunks(connection, scope, media_id)
            await update_ended(
                connection, scope, media_id, ChunkedStatus.ABORTED, now, reason or "The upload was aborted"
            )
        return Abortion(len(keys), is_clean=await leftovers.remove(self._store, keys))

    async def reap(self, limit: int = 200) -> int:
        """Remove bytes and reservations of uploads that expired without being completed; returns how many."""
        now = datetime.now(UTC)
        async with self._database.read() as connection:
            due = await select_expired_uploads(connection, now - REAP_AFTER, limit)
        reaped = 0
        for upload in due:
            scope = Scope(upload.tenant_id)
            async with self._database.write() as connection:
                current = await select_chunked_upload(connection, scope, upload.id, lock=True)
                is_due = current is not None and current.status is ChunkedStatus.UPLOADING and not current.reaped_at
                if not is_due or not await keep_from_completing(connection, scope, upload.id):
                    continue
                keys = await delete_chunks(connection, scope, upload.id)
                await update_chunked_upload(connection, scope, upload.id, {"reaped_at": now})
            await leftovers.remove(self._store, keys)
            reaped += 1
        async with self._database.write() as connection:
            await delete_forgotten_uploads(connection, now - FORGET_AFTER)
        return reaped
