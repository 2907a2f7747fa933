"""The chunks of a video on their way: put one by one to signed targets, confirmed, and asked for again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from calotype.db.chunked_upload import (
    keep_from_completing,
    select_chunk,
    select_chunked_upload,
    select_tally,
    update_chunk,
    update_chunked_upload,
    upsert_chunk,
    upsert_retry,
)
from calotype.db.engine import Connection, Database
from calotype.domain.chunked_upload import (
    ChunkedUpload,
    ChunkTally,
    UploadChunk,
    clean_etag,
    matching,
    require_number,
    require_open,
)
from calotype.domain.errors import CalotypeError, Conflict, NotFound, TooLarge, Unavailable
from calotype.domain.object_keys import chunk_key
from calotype.domain.scope import Scope
from calotype.services import leftovers
from calotype.services.delivery import DeliveryService
from calotype.storage.store import ObjectStore


@dataclass(frozen=True, slots=True)
class ChunkTerms:
    """How videos are to be sent: bytes of a video, of what is said of one, and of a chunk; and what clients are told.

    `at_once` is a recommendation; beyond `retries` a chunk gets no new target.
    """

    max_video_bytes: int
    max_metadata_bytes: int
    chunk_bytes: int
    lifetime: timedelta
    retries: int
    at_once: int


@dataclass(frozen=True, slots=True)
class ChunkRetry:
    """A target for a chunk that went wrong, and which attempt it is, from 1."""

    upload: ChunkedUpload
    path: str
    attempt: int


class UploadChunkService:
    """Takes chunks until their upload has ended or is being put together."""

    def __init__(self, database: Database, store: ObjectStore, delivery: DeliveryService, terms: ChunkTerms) -> None:
        self._database = database
        self._store = store
        self._delivery = delivery
        self.terms = terms
        """How videos are to be sent."""

    async def put(self, scope: Scope, media_id: UUID, number: int, pieces: AsyncIterator[bytes]) -> str:
        """Store the bytes of a chunk, in place of any before them; returns their etag, which is the same for the same bytes.

        Raises NotFound, Conflict once the upload has ended or is being put together, Expired, TooLarge; nothing is kept then.
        """
        async with self._database.read() as connection:
            upload = await select_chunked_upload(connection, scope, media_id)
        if upload is None or number > upload.total_chunks:
            raise NotFound("This upload target is not valid")
        require_open(upload, datetime.now(UTC))
        limit = upload.plan.size_of(number)
        key = chunk_key(scope.tenant_id, media_id, number)
        async with self._store.writer(key, limit) as writer:
            async for piece in pieces:
                if writer.size + len(piece) > limit:
                    raise TooLarge(f"Chunk {number} has {limit} bytes", limit=limit)
                await writer.write(piece)
            stored = await writer.commit()
        chunk = UploadChunk(number, 0, key, stored.size, stored.checksum, None)
        try:
            replaced = await self._enter(scope, media_id, chunk)
        except Unavailable:
            raise  # the row may have been written before the connection was lost: the sweep decides
        except CalotypeError:
            await leftovers.remove(self._store, [key])
            raise
        await leftovers.remove(self._store, replaced)
        return stored.checksum or ""

    async def _enter(self, scope: Scope, media_id: UUID, chunk: UploadChunk) -> list[str]:
        """Let a stored chunk be that of its number; returns the keys of the objects it takes the place of."""
        now = datetime.now(UTC)
        async with self._database.write() as connection:
            upload = await select_chunked_upload(connection, scope, media_id, lock=True)
            # Bytes that were begun in time are taken until they are reaped.
            await self._require_writable(connection, scope, upload, None)
            before = await select_chunk(connection, scope, media_id, chunk.number)
            await upsert_chunk(connection, scope, media_id, chunk, now)
            await update_chunked_upload(connection, scope, media_id, {"updated_at": now})
        return [before.object_key] if before is not None and before.object_key is not None else []

    async def _require_writable(
        self, connection: Connection, scope: Scope, upload: ChunkedUpload | None, now: datetime | None
    ) -> ChunkedUpload:
        if upload is None:
            raise NotFound("Upload not found")
        require_open(upload, now)
        if not await keep_from_completing(connection, scope, upload.id):
            raise Conflict("The upload is being completed")
        return upload

    async def confirm(
        self, scope: Scope, media_id: UUID, upload_id: str, number: int, etag: str, size_bytes: int
    ) -> tuple[ChunkedUpload, ChunkTally]:
        """Note that a chunk has come as it was sent; returns its upload and what of it has come. A repeat gets the same answer.

        Raises NotFound, Expired, InvalidInput for a number there is none of, and Conflict where bytes, etag or size differ.
        """
        now = datetime.now(UTC)
        async with self._database.write() as connection:
            upload = matching(await select_chunked_upload(connection, scope, media_id, lock=True), upload_id)
            await self._require_writable(connection, scope, upload, now)
            require_number(upload, number)
            chunk = await select_chunk(connection, scope, media_id, number)
            if chunk is None or chunk.object_key is None:
                raise Conflict(f"No bytes of chunk {number} have been uploaded yet")
            expected = upload.plan.size_of(number)
            if not chunk.size_bytes == size_bytes == expected:
                raise Conflict(f"Chunk {number} has another size", expected=expected, actual=chunk.size_bytes)
            if clean_etag(etag) != chunk.etag:
                raise Conflict(f"Chunk {number} has another etag", expected=chunk.etag)
            if chunk.confirmed_at is None:
                await update_chunk(connection, scope, media_id, number, {"confirmed_at": now})
                await update_chunked_upload(connection, scope, media_id, {"updated_at": now})
            return upload, await select_tally(connection, scope, media_id)

    async def retry(self, scope: Scope, media_id: UUID, upload_id: str, number: int) -> ChunkRetry:
        """Hand out the target of a chunk that went wrong once more.

        Raises NotFound, Expired, InvalidInput for a number there is none of, and Conflict beyond the most retries.
        """
        now = datetime.now(UTC)
        async with self._database.write() as connection:
            upload = matching(await select_chunked_upload(connection, scope, media_id, lock=True), upload_id)
            await self._require_writable(connection, scope, upload, now)
            require_number(upload, number)
            attempt = await upsert_retry(connection, scope, media_id, number)
            if attempt > self.terms.retries:
                raise Conflict(f"Chunk {number} was retried {self.terms.retries} times", max_retries=self.terms.retries)
            await update_chunked_upload(connection, scope, media_id, {"updated_at": now})
        return ChunkRetry(upload, self._path(upload, number), attempt)

    def _path(self, upload: ChunkedUpload, number: int) -> str:
        return self._delivery.chunk_path(upload.tenant_id, upload.id, number, int(upload.expires_at.timestamp()))
