"""Batch uploads: many files in one request, each stored and committed by itself while the rest is still arriving."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

import structlog

from calotype.db.asset import select_asset
from calotype.db.engine import Connection, Database
from calotype.db.upload_session import (
    insert_session_file,
    insert_upload_session,
    update_reader_seen,
    update_received,
)
from calotype.domain.errors import (
    CalotypeError,
    Conflict,
    InvalidInput,
    QuotaExceeded,
    Refused,
    TooLarge,
    Unavailable,
    UndecodablePicture,
    Unsupported,
    UsageLimitExceeded,
)
from calotype.domain.scope import Scope
from calotype.domain.upload_session import BatchItem, BatchResult, FileOutcome, NewSession, Rejection, SessionFile
from calotype.domain.values import clean_filename
from calotype.services.ingest import IngestResult, IngestService, Note, ReceivedFile, UploadOptions, object_key
from calotype.services.late_fields import LateFieldsService
from calotype.services.trash import TrashService
from calotype.services.upload_session import UploadSessionService

_SMALL = 1024 * 1024  # bytes; a file up to this size is stored beside the reading of those after it
_AT_ONCE = 4  # small files held in memory, and stored, at the same time
_HEARTBEATS = 4  # within the time after which a reader counts as dead
_REFUSALS = (InvalidInput, Unsupported, UndecodablePicture, TooLarge)
_LIMITS = (QuotaExceeded, UsageLimitExceeded)
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
        self._is_open = False
        self._sent = 0
        self._bytes = 0
        self._refusal: CalotypeError | None = None
        self._broken: BaseException | None = None
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._storing: set[asyncio.Task[None]] = set()
        self._turn = _done()
        self._files: dict[int, _Arrival] = {}
        self._items: dict[int, BatchItem] = {}
        self._rejections: dict[int, Rejection] = {}
        self._beating: asyncio.Task[None] | None = None

    # ------------------------------------------------------------------ files

    async def take(self, filename: str, chunks: AsyncIterator[bytes], options: BatchOptions) -> None:
        """Take the next file while it arrives; whatever is wrong with it becomes its outcome.

        What is wrong with the whole request is kept until `finish`, because most clients read no answer before they have sent
        everything. Raises what `chunks` raises.
        """
        index, self._sent = self._sent, self._sent + 1
        if self._sent > self._service.limits.max_files:
            self._refusal = Refused(
                f"A batch may have at most {self._service.limits.max_files} files",
                limit=self._service.limits.max_files,
            )
        chunks = self._watched(chunks)
        if self._refusal is not None:
            await _drain(chunks)
            return
        await self._open(options)
        file = _Arrival(index, clean_filename(filename), uuid4(), datetime.now(UTC), options.upload)
        self._files[index] = file
        head = bytearray()
        async for chunk in chunks:
            head += chunk
            if len(head) > _SMALL:
                turn, self._turn = self._turn, asyncio.Event()
                await self._store(file, _joined(bytes(head), chunks), turn, self._turn)
                await _drain(chunks)  # of a file that was refused before its end
                return
        await self._slots.acquire()
        turn, self._turn = self._turn, asyncio.Event()
        task = asyncio.create_task(self._store_beside(file, bytes(head), turn, self._turn))
        self._storing.add(task)
        task.add_done_callback(self._storing.discard)

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

    async def _store_beside(self, file: _Arrival, data: bytes, turn: asyncio.Event, next_turn: asyncio.Event) -> None:
        try:
            await self._store(file, _joined(data), turn, next_turn)
        except Exception as error:
            # A fault in our own code must end the request, not one file.
            self._broken = self._broken or error
        finally:
            self._slots.release()

    async def _store(
        self, file: _Arrival, chunks: AsyncIterator[bytes], turn: asyncio.Event, next_turn: asyncio.Event
    ) -> None:
        """Store one file; bytes of several are written at once, rows are made strictly in the order sent."""
        started = time.perf_counter()
        service = self._service
        received: ReceivedFile | None = None
        result: IngestResult | None = None
        error: CalotypeError | None = None
        try:
            try:
                received = await service.ingest.receive(self._scope, file.filename, chunks, file_id=file.asset_id)
            finally:
                await turn.wait()
            result = await service.ingest.accept(received, file.options, note=self._note(file))
        except CalotypeError as fault:
            if self._broken is not None:
                raise
            error = fault
        finally:
            next_turn.set()
        took = round((time.perf_counter() - started) * 1000, 1)
        if isinstance(error, (*_REFUSALS, *_LIMITS, Conflict)):
            retryable = not isinstance(error, _REFUSALS)
            self._rejections[file.index] = Rejection(file.index, file.filename, error.message, retryable)
            return
        if error is not None:
            _log.error("file of a batch not stored", session_id=str(self.session_id), reason=error.message)
        self._items[file.index] = _item(file, result, error, took, self._scope)

    def _note(self, file: _Arrival) -> Note:
        async def note(connection: Connection, result: IngestResult) -> None:
            row = SessionFile(
                file.index,
                result.asset_id,
                file.filename,
                result.object_key,
                FileOutcome.SKIPPED if result.is_duplicate else FileOutcome.PENDING,
                file.arrived_at,
                ended_at=datetime.now(UTC) if result.is_duplicate else None,
                description=result.description,
            )
            if not await insert_session_file(connection, self._scope, self.session_id, row):
                raise Conflict("The upload session was cancelled")

        return note

    # -------------------------------------------------------------------- end

    async def finish(self, options: BatchOptions) -> BatchResult:
        """End the batch once everything is stored; `options` are those of the whole request, late fields included.

        Raises InvalidInput when there was no file, Refused for too many.
        """
        if not self._sent:
            raise InvalidInput("Field required", field="files")
        await self._settle_storing()
        if self._refusal is not None:
            raise self._refusal
        await self._open(options)
        await self._note_failures()
        for index, item in sorted(self._items.items()):
            had = self._files[index].options
            late = self._service.late_fields
            self._items[index] = await late.apply(self._scope, self.session_id, item, had, options.upload)
        async with self._service.database.write() as connection:
            await update_received(connection, self._scope, self.session_id)
        items = tuple(self._items[index] for index in sorted(self._items))
        rejections = tuple(self._rejections[index] for index in sorted(self._rejections))
        return BatchResult(self.session_id, items, rejections)

    async def _settle_storing(self) -> None:
        while self._storing:
            await asyncio.wait(self._storing)
        if self._broken is not None:
            raise self._broken

    async def _note_failures(self) -> None:
        """Add files that could not be stored to the session, unless it turns out that they were."""
        now = datetime.now(UTC)
        failed = [item for item in self._items.values() if item.outcome is FileOutcome.FAILED]
        for item in failed:
            row = SessionFile(
                item.index,
                item.asset_id,
                item.filename,
                item.object_key,
                FileOutcome.FAILED,
                self._files[item.index].arrived_at,
                ended_at=now,
                error=item.error,
                retryable=True,
            )
            async with self._service.database.write() as connection:
                await insert_session_file(connection, self._scope, self.session_id, row)
                asset = await select_asset(connection, self._scope, item.asset_id)
            if asset is not None:
                # The connection was lost after the commit, not before it.
                self._items[item.index] = replace(item, outcome=FileOutcome.COMPLETED, error=None)

    async def withdraw(self, reason: str) -> None:
        """Take back what was stored: into the trash, because somebody may have been pointed to it meanwhile."""
        await self._abandon_storing()
        stored = [item.asset_id for item in self._items.values() if item.outcome is FileOutcome.COMPLETED]
        try:
            if self._is_open:
                await self._service.sessions.refuse(self._scope, self.session_id, reason)
            if stored:
                await self._service.trash.withdraw(self._scope, stored)
        except CalotypeError as error:
            _log.error("refused batch not taken back", session_id=str(self.session_id), reason=error.message)

    async def break_off(self) -> None:
        """Keep what has arrived whole of a request that will not go on."""
        await self._abandon_storing()
        if not self._is_open:
            return
        try:
            async with self._service.database.write() as connection:
                await update_received(connection, self._scope, self.session_id)
        except CalotypeError as error:
            _log.error("broken batch not ended", session_id=str(self.session_id), reason=error.message)

    async def _abandon_storing(self) -> None:
        while self._storing:
            await asyncio.wait(self._storing)

    def stop(self) -> None:
        """Stop telling that this batch is being read."""
        if self._beating is not None:
            self._beating.cancel()


@dataclass(frozen=True, slots=True)
class _Arrival:
    """One file of the request as it arrives."""

    index: int
    filename: str
    asset_id: UUID
    arrived_at: datetime
    options: UploadOptions


def _item(
    file: _Arrival, result: IngestResult | None, error: CalotypeError | None, took: float, scope: Scope
) -> BatchItem:
    if result is not None:
        return BatchItem(
            file.index,
            result.asset_id,
            file.filename,
            result.object_key,
            FileOutcome.SKIPPED if result.is_duplicate else FileOutcome.COMPLETED,
            took,
            result.storage_target,
            result.media,
        )
    message = "The file could not be stored"
    return BatchItem(
        file.index,
        file.asset_id,
        file.filename,
        object_key(scope.tenant_id, file.asset_id, file.filename),
        FileOutcome.FAILED,
        took,
        file.options.storage_target,
        error=error.message if error and not isinstance(error, Unavailable) else message,
    )


def _done() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event


async def _joined(head: bytes, rest: AsyncIterator[bytes] | None = None) -> AsyncIterator[bytes]:
    if head:
        yield head
    if rest is not None:
        async for chunk in rest:
            yield chunk


async def _drain(chunks: AsyncIterator[bytes]) -> None:
    async for _ in chunks:
        pass
