"""Putting the chunks of a video together: its bytes once more through the way in of every file, then its rows."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID
from weakref import WeakValueDictionary

from calotype.db.asset import select_asset
from calotype.db.chunked_upload import (
    completing,
    delete_chunks,
    select_chunked_upload,
    select_chunks,
    update_chunk,
    update_ended,
)
from calotype.db.engine import Connection, Database
from calotype.domain.asset import UploadMethod
from calotype.domain.chunked_upload import (
    ChunkedStatus,
    ChunkedUpload,
    CompletedUpload,
    Priority,
    UploadChunk,
    matching,
    missing_chunks,
    require_open,
)
from calotype.domain.custom_metadata import custom_metadata
from calotype.domain.errors import (
    CalotypeError,
    Conflict,
    EmptyFile,
    NotFound,
    TooLarge,
    Unavailable,
    UndecodablePicture,
    UndecodableVideo,
    Unsupported,
)
from calotype.domain.job import Urgency
from calotype.domain.object_keys import attempt_key
from calotype.domain.scope import Scope
from calotype.domain.upload import UploadOptions
from calotype.domain.video import NewVideo
from calotype.services import leftovers
from calotype.services.delivery import DeliveryService
from calotype.services.ingest import IngestService
from calotype.services.receive import ReceivedFile, ReceiveService
from calotype.storage.store import ObjectStore

_AT_ONCE = 4  # uploads of one process; they wait for the disk, not for each other
_PIECE = 1024 * 1024
_URGENCY = {Priority.LOW: Urgency.BACKFILL, Priority.NORMAL: Urgency.NEW, Priority.HIGH: Urgency.INTERACTIVE}


@dataclass(frozen=True, slots=True)
class CompletionRequest:
    """What is wanted of a completed video: whether it is to be indexed, and the client's word for how."""

    analyze: bool
    kind: str


class ChunkedCompletionService:
    """Only one at a time puts an upload together, in all processes; whoever dies of it leaves it to the next."""

    def __init__(
        self,
        database: Database,
        store: ObjectStore,
        ingest: IngestService,
        receiver: ReceiveService,
        delivery: DeliveryService,
        *,
        link_lifetime: timedelta,
    ) -> None:
        self._database = database
        self._store = store
        self._ingest = ingest
        self._receiver = receiver
        self._delivery = delivery
        self._link_lifetime = link_lifetime
        self._turns: WeakValueDictionary[UUID, asyncio.Lock] = WeakValueDictionary()
        self._places = asyncio.Semaphore(_AT_ONCE)

    async def complete(
        self, scope: Scope, media_id: UUID, upload_id: str, request: CompletionRequest
    ) -> CompletedUpload:
        """Make an asset of an upload whose chunks are all confirmed; a repeat gets the first answer and starts nothing.

        Raises NotFound; Conflict for missing chunks, and for an upload that was aborted or failed; Expired; Unsupported, after
        which the upload has failed and its bytes are gone; Unavailable, after which it can be tried again.
        """
        if (done := await self._ended(scope, media_id, upload_id)) is not None:
            return done
        turn = self._turns.setdefault(media_id, asyncio.Lock())
        async with turn, self._places, completing(self._database.url, media_id) as lost:
            if (done := await self._ended(scope, media_id, upload_id)) is not None:
                return done
            working = asyncio.ensure_future(self._complete(scope, media_id, request))
            losing = asyncio.ensure_future(lost.wait())
            try:
                await asyncio.wait([working, losing], return_when=asyncio.FIRST_COMPLETED)
                if not working.done():
                    raise Unavailable("the connection to the database was lost")
                return working.result()
            finally:
                for task in (working, losing):
                    task.cancel()
                await asyncio.wait([working, losing])

    async def _ended(self, scope: Scope, media_id: UUID, upload_id: str) -> CompletedUpload | None:
        """The answer of an upload that is completed; None of one that may be now. Raises NotFound, Conflict, Expired."""
        now = datetime.now(UTC)
        async with self._database.read() as connection:
            upload = matching(await select_chunked_upload(connection, scope, media_id), upload_id)
            if upload.completion is not None and await select_asset(connection, scope, media_id) is None:
                raise NotFound("Upload not found")
        if upload.completion is None:
            require_open(upload, now)
            return None
        if upload.completion.linked_until > now:
            return upload.completion
        path, until = self._link(scope, media_id)
        return replace(upload.completion, video_path=path, linked_until=until)

    async def _complete(self, scope: Scope, media_id: UUID, request: CompletionRequest) -> CompletedUpload:
        async with self._database.snapshot() as connection:
            upload = await select_chunked_upload(connection, scope, media_id)
            chunks = await select_chunks(connection, scope, media_id)
        assert upload is not None
        _require_whole(upload, chunks)
        received = await self._receive(scope, upload, chunks)
        try:
            completed, keys = await self._accept(scope, received, request)
        except Unavailable:
            raise  # the rows may have been written before the connection was lost: a repeat finds out
        except CalotypeError:
            await asyncio.shield(self._receiver.discard(received))
            raise  # whatever else comes may come after the rows were written, so that it leaves the bytes to the sweep
        await leftovers.remove(self._store, keys)
        return completed

    async def _receive(self, scope: Scope, upload: ChunkedUpload, chunks: Sequence[UploadChunk]) -> ReceivedFile:
        """The whole file, stored and checked. What can never become a video ends its upload."""
        pieces = _Pieces(self._store, chunks)
        # Where the connection that holds the turn was cut, another process may be at it already.
        key = attempt_key(upload.object_key)
        try:
            received = await self._receiver.receive(
                scope, upload.original_filename, pieces.read(), file_id=upload.id, key=key
            )
            if received.size_bytes != upload.size_bytes:
                await self._receiver.discard(received)
                raise Conflict("The chunks have another size together", expected=upload.size_bytes)
        except NotFound as error:
            raise await self._lost(scope, upload, pieces.current) from error
        except (Unsupported, UndecodableVideo, UndecodablePicture, EmptyFile) as error:
            await self._fail(scope, upload, error)
            raise Unsupported(error.message) from error
        except TooLarge as error:
            await self._fail(scope, upload, error)
            raise
        return received

    async def _lost(self, scope: Scope, upload: ChunkedUpload, chunk: UploadChunk | None) -> CalotypeError:
        """Why the bytes of a chunk are gone: the upload was aborted; or else it must be sent again."""
        async with self._database.write() as connection:
            current = await select_chunked_upload(connection, scope, upload.id, lock=True)
            if current is None or current.status is not ChunkedStatus.UPLOADING or chunk is None:
                return Conflict("This upload was aborted")
            gone = {"object_key": None, "size_bytes": None, "etag": None, "received_at": None, "confirmed_at": None}
            await update_chunk(connection, scope, upload.id, chunk.number, gone)
        return Conflict(f"The bytes of chunk {chunk.number} are gone; upload it again", chunk_number=chunk.number)

    async def _fail(self, scope: Scope, upload: ChunkedUpload, error: CalotypeError) -> None:
        now = datetime.now(UTC)
        async with self._database.write() as connection:
            current = await select_chunked_upload(connection, scope, upload.id, lock=True)
            if current is None or current.status is not ChunkedStatus.UPLOADING:
                return
            keys = await delete_chunks(connection, scope, upload.id)
            await update_ended(connection, scope, upload.id, ChunkedStatus.FAILED, now, error.message)
        await leftovers.remove(self._store, keys)

    async def _accept(
        self, scope: Scope, received: ReceivedFile, request: CompletionRequest
    ) -> tuple[CompletedUpload, list[str]]:
        """Give a received video its rows and jobs, unless its upload has ended meanwhile; and the keys nobody needs now."""
        async with self._database.write() as connection:
            upload = await select_chunked_upload(connection, scope, received.id, lock=True)
            if upload is None:
                raise NotFound("Upload not found")
            require_open(upload)
            completed = await self._insert(connection, upload, received, request)
            keys = await delete_chunks(connection, scope, upload.id)
            now = datetime.now(UTC)
            await update_ended(connection, scope, upload.id, ChunkedStatus.COMPLETED, now, completed)
        return completed, keys

    async def _insert(
        self, connection: Connection, upload: ChunkedUpload, received: ReceivedFile, request: CompletionRequest
    ) -> CompletedUpload:
        custom = custom_metadata(json.loads(upload.custom_metadata)) if upload.custom_metadata else None
        options = UploadOptions(
            title=upload.title,
            tags=upload.tags,
            auto_describe=request.analyze,
            custom=custom,
            urgency=_URGENCY[upload.priority],
            video=NewVideo(upload.original_filename, received.probe, index=request.analyze, index_kind=request.kind),
        )
        inserted = await self._ingest.insert(connection, received, options, UploadMethod.CHUNKED)
        assert received.probe is not None
        path, until = self._link(Scope(upload.tenant_id), upload.id)
        return CompletedUpload(
            upload.id,
            replace(received.probe, recorded=None),
            received.size_bytes,
            inserted.run_id,
            inserted.created_at,
            path,
            until,
        )

    def _link(self, scope: Scope, media_id: UUID) -> tuple[str, datetime]:
        return self._delivery.playback_path(scope.tenant_id, media_id), datetime.now(UTC) + self._link_lifetime


class _Pieces:
    """The bytes of all chunks, one after the other; `current` is the chunk being read."""

    def __init__(self, store: ObjectStore, chunks: Sequence[UploadChunk]) -> None:
        self.current: UploadChunk | None = None
        self._store = store
        self._chunks = chunks

    async def read(self) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            self.current = chunk
            assert chunk.object_key is not None
            async for piece in self._store.stream(chunk.object_key, chunk=_PIECE):
                yield piece
        self.current = None


def _require_whole(upload: ChunkedUpload, chunks: Sequence[UploadChunk]) -> None:
    """Refuse an upload chunks of which are missing, or not confirmed. Raises Conflict."""
    missing = missing_chunks(upload, chunks)
    if missing:
        raise Conflict(
            f"{len(missing)} of {upload.total_chunks} chunks are not confirmed; the first is {missing[0]}",
            missing=len(missing),
            first=missing[0],
        )
    total = sum(chunk.size_bytes or 0 for chunk in chunks)
    if total != upload.size_bytes:
        raise Conflict("The chunks have another size together", expected=upload.size_bytes, actual=total)
