"""Batch uploads: many files in one request, each stored and committed by itself while the rest is still arriving."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import uuid4

import structlog

from calotype.db.engine import Database
from calotype.db.upload_session import insert_upload_session, update_reader_seen, update_received
from calotype.domain.errors import CalotypeError, InvalidInput, Refused, TooLarge
from calotype.domain.scope import Scope
from calotype.domain.upload_session import BatchResult, FileOutcome, NewSession
from calotype.domain.values import clean_filename
from calotype.services.batch_rows import Arrival, BatchRows
from calotype.services.ingest import IngestService, UploadOptions
from calotype.services.late_fields import LateFieldsService
from calotype.services.receive import WholeFile
from calotype.services.trash import TrashService
from calotype.services.upload_session import UploadSessionService

_SMALL = 1024 * 1024  # bytes; a file up to this size is stored beside the reading of those after it
_MOST_HELD = 4 * 1024 * 1024  # bytes of small files that wait in memory before no more is read
_GROUP = 8  # small files stored together, which saves flushing their folder for each
_STORING_AT_ONCE = 2  # groups
_HEARTBEATS = 4  # within the time after which a reader counts as dead
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """The most files and bytes of one batch."""

    max_files: int
    max_bytes: int


@dataclass(frozen=True, slots=True)
class BatchOptions:
    """What the client wants done with every file, and what it says of the batch; values are clean already."""

    upload: UploadOptions = field(default_factory=UploadOptions)
    intent: str | None = None
    verification_level: str | None = None


class BatchUploadService:
    """The way in for batches; single files go through the same rules as any upload."""

    def __init__(
        self,
        database: Database,
        ingest: IngestService,
        late_fields: LateFieldsService,
        trash: TrashService,
        sessions: UploadSessionService,
        limits: BatchLimits,
        *,
        stalled_after: float,
    ) -> None:
        self.database = database
        self.ingest = ingest
        self.late_fields = late_fields
        self.trash = trash
        self.sessions = sessions
        self.limits = limits
        self.heartbeat = stalled_after / _HEARTBEATS

    @asynccontextmanager
    async def reading(self, scope: Scope, refusals: tuple[type[Exception], ...] = ()) -> AsyncIterator[BatchUpload]:
        """One batch while its request is read.

        A refusal (CalotypeError, or one of `refusals`) that leaves the block takes everything back that was stored: the client is
        told that nothing was taken. Anything else, a lost connection above all, keeps what had arrived.
        """
        batch = BatchUpload(self, scope)
        try:
            yield batch
        except BaseException as error:
            if isinstance(error, (CalotypeError, *refusals)):
                reason = error.message if isinstance(error, CalotypeError) else "The request was refused"
                await asyncio.shield(batch.withdraw(reason))
            else:
                await asyncio.shield(batch.break_off())
            raise
        finally:
            batch.stop()


class BatchUpload:
    """One batch being read; `take` its files in the order sent, then `finish`."""

    def __init__(self, service: BatchUploadService, scope: Scope) -> None:
        self.session_id = uuid4()
        self._service = service
        self._scope = scope
        self._rows = BatchRows(service.database, service.ingest, scope, self.session_id)
        self._is_open = False
        self._sent = 0
        self._bytes = 0
        self._refusal: CalotypeError | None = None
        self._broken: BaseException | None = None
        self._waiting: list[tuple[Arrival, bytes]] = []
        self._held = 0
        self._stored = asyncio.Event()
        self._storing = 0
        self._receiving: set[asyncio.Task[None]] = set()
        self._beating: asyncio.Task[None] | None = None

    async def take(self, filename: str, chunks: AsyncIterator[bytes], options: BatchOptions) -> None:
        """Take the next file while it arrives; whatever is wrong with it becomes its outcome.

        What is wrong with the whole request is kept until `finish`, because most clients read no answer before they have sent
        everything. Raises what `chunks` raises.
        """
        index, self._sent = self._sent, self._sent + 1
        most = self._service.limits.max_files
        if self._sent > most:
            self._refusal = Refused(f"A batch may have at most {most} files", limit=most)
        chunks = self._watched(chunks)
        if self._refusal is not None:
            await _drain(chunks)
            return
        await self._open(options)
        file = Arrival(index, clean_filename(filename), uuid4(), datetime.now(UTC), options.upload)
        head = bytearray()
        async for chunk in chunks:
            head += chunk
            if len(head) > _SMALL:
                await self._receive(file, _joined(bytes(head), chunks))
                await _drain(chunks)  # of a file that was refused before its end
                return
        await self._hold(file, bytes(head))

    async def _hold(self, file: Arrival, data: bytes) -> None:
        """Let a small file be stored beside the reading of those after it, together with what waits by then."""
        while self._held >= _MOST_HELD:
            self._stored.clear()
            await self._stored.wait()
        self._held += len(data)
        self._waiting.append((file, data))
        if self._storing < _STORING_AT_ONCE:
            self._storing += 1
            task = asyncio.create_task(self._store_waiting())
            self._receiving.add(task)
            task.add_done_callback(self._receiving.discard)

    async def _store_waiting(self) -> None:
        try:
            while self._waiting:
                group, self._waiting = self._waiting[:_GROUP], self._waiting[_GROUP:]
                files = [WholeFile(file.asset_id, file.filename, data) for file, data in group]
                for (file, _), outcome in zip(
                    group, await self._service.ingest.receive_many(self._scope, files), strict=True
                ):
                    self._rows.put(file, outcome)
                self._held -= sum(len(data) for _, data in group)
                self._stored.set()
        except Exception as error:
            # A fault in our own code must end the request, not one file.
            self._broken = self._broken or error
            self._held = 0
            self._stored.set()
        finally:
            # In the same step in which nothing was found waiting, so that what comes next begins another one.
            self._storing -= 1

    async def _watched(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The chunks, counted; a fault of the request itself is told apart from a fault of the file."""
        limit = self._service.limits.max_bytes
        try:
            async for chunk in chunks:
                self._bytes += len(chunk)
                if self._bytes > limit:
                    raise TooLarge(f"A batch may have at most {limit} bytes", limit=limit)
                yield chunk
        except Exception as error:
            self._broken = error
            raise

    async def _open(self, options: BatchOptions) -> None:
        if self._is_open:
            return
        new = NewSession(
            self.session_id,
            self._scope.tenant_id,
            datetime.now(UTC),
            options.intent,
            options.verification_level,
        )
        async with self._service.database.write() as connection:
            await insert_upload_session(connection, self._scope, new)
        self._is_open = True
        self._beating = asyncio.create_task(self._beat())

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self._service.heartbeat)
            with contextlib.suppress(CalotypeError):
                async with self._service.database.mark() as connection:
                    await update_reader_seen(connection, self._scope, self.session_id)

    async def _receive(self, file: Arrival, chunks: AsyncIterator[bytes]) -> None:
        ingest = self._service.ingest
        try:
            self._rows.put(file, await ingest.receive(self._scope, file.filename, chunks, file_id=file.asset_id))
        except CalotypeError as error:
            if error is self._broken:
                raise
            self._rows.put(file, error)

    async def finish(self, options: BatchOptions) -> BatchResult:
        """End the batch once everything is stored; `options` are those of the whole request, late fields included.

        Raises InvalidInput when there was no file, Refused for too many.
        """
        if not self._sent:
            raise InvalidInput("Field required", field="files")
        await self._end_storing()
        if self._broken is not None:
            raise self._broken
        if self._refusal is not None:
            raise self._refusal
        rows = self._rows
        await rows.note_failures()
        for index, item in sorted(rows.items.items()):
            rows.items[index] = await self._service.late_fields.apply(
                self._scope, self.session_id, item, rows.options_of(index), options.upload
            )
        async with self._service.database.write() as connection:
            await update_received(
                connection,
                self._scope,
                self.session_id,
                {"intent": options.intent, "verification_level": options.verification_level},
            )
        items = tuple(rows.items[index] for index in sorted(rows.items))
        rejections = tuple(rows.rejections[index] for index in sorted(rows.rejections))
        return BatchResult(self.session_id, items, rejections)

    async def _end_storing(self) -> None:
        while self._receiving:
            await asyncio.wait(self._receiving)
        await self._rows.end()

    async def withdraw(self, reason: str) -> None:
        """Take back what was stored, but for what another upload was pointed to meanwhile."""
        await self._end_storing()
        # Those that failed too: they may have been stored although nobody was told.
        stored = [item.asset_id for item in self._rows.items.values() if item.outcome is not FileOutcome.SKIPPED]
        try:
            if self._is_open:
                await self._service.sessions.refuse(self._scope, self.session_id, reason)
            if stored:
                await self._service.trash.withdraw(self._scope, stored)
        except CalotypeError as error:
            _log.error("refused batch not taken back", session_id=str(self.session_id), reason=error.message)

    async def break_off(self) -> None:
        """Keep what has arrived whole of a request that will not go on."""
        with contextlib.suppress(Exception):  # it is the fault for which this is called, and is told there
            await self._end_storing()
        if not self._is_open:
            return
        try:
            async with self._service.database.write() as connection:
                await update_received(connection, self._scope, self.session_id)
        except CalotypeError as error:
            _log.error("broken batch not ended", session_id=str(self.session_id), reason=error.message)

    def stop(self) -> None:
        """Stop telling that this batch is being read."""
        if self._beating is not None:
            self._beating.cancel()


async def _joined(head: bytes, rest: AsyncIterator[bytes] | None = None) -> AsyncIterator[bytes]:
    if head:
        yield head
    if rest is not None:
        async for chunk in rest:
            yield chunk


async def _drain(chunks: AsyncIterator[bytes]) -> None:
    async for _ in chunks:
        pass
