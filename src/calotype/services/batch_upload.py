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
from calotype.domain.errors import CalotypeError, InvalidInput, Refused
from calotype.domain.scope import Scope
from calotype.domain.upload import UploadOptions
from calotype.domain.upload_session import BatchResult, FileOutcome, NewSession
from calotype.domain.values import clean_filename
from calotype.services.batch_rows import Arrival, BatchRows
from calotype.services.ingest import IngestService
from calotype.services.intake import ByteLimit, HeldBytes, Intake, drain
from calotype.services.late_fields import LateFieldsService
from calotype.services.trash import TrashService
from calotype.services.upload_session import UploadSessionService

_SMALL = 1024 * 1024  # bytes; a file up to this size is stored beside the reading of those after it
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
        self.held = HeldBytes()

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
        self._bytes = ByteLimit(service.limits.max_bytes, "A batch")
        self._refusal: CalotypeError | None = None
        self._intake: Intake[Arrival] = Intake(
            service.ingest, scope, self._rows.put, largest_held=_SMALL, held=service.held
        )
        self._beating: asyncio.Task[None] | None = None

    async def take(
        self, filename: str, chunks: AsyncIterator[bytes], options: BatchOptions, *, declared: str | None = None
    ) -> None:
        """Take the next file while it arrives; whatever is wrong with it becomes its outcome.

        What is wrong with the whole request is kept until `finish`, because most clients read no answer before they have sent
        everything. Raises what `chunks` raises.
        """
        index, self._sent = self._sent, self._sent + 1
        most = self._service.limits.max_files
        if self._sent > most:
            self._refusal = Refused(f"A batch may have at most {most} files", limit=most)
        chunks = self._bytes.counted(chunks)
        if self._refusal is not None:
            await drain(chunks)
            return
        await self._open(options)
        file = Arrival(index, clean_filename(filename), uuid4(), datetime.now(UTC), options.upload, declared)
        await self._intake.take(file, chunks)

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

    async def finish(self, options: BatchOptions) -> BatchResult:
        """End the batch once everything is stored; `options` are those of the whole request, late fields included.

        Raises InvalidInput when there was no file, Refused for too many.
        """
        if not self._sent:
            raise InvalidInput("Field required", field="files")
        await self._end_storing()
        if self._intake.broken is not None:
            raise self._intake.broken
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
        await self._intake.end()
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
