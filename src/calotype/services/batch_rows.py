"""The rows of a batch upload: received files become assets in the order sent, as many in one transaction as are waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID

import structlog

from calotype.db.engine import Connection, Database
from calotype.db.session_file import insert_session_files, select_session_files
from calotype.db.upload_session import lock_open_session
from calotype.domain.errors import (
    CalotypeError,
    Conflict,
    InvalidInput,
    QuotaExceeded,
    TooLarge,
    UndecodableDocument,
    UndecodablePicture,
    UndecodableVideo,
    Unsupported,
    UsageLimitExceeded,
)
from calotype.domain.object_keys import original_key
from calotype.domain.picture import MediaType
from calotype.domain.scope import Scope
from calotype.domain.upload import IngestResult, UploadOptions
from calotype.domain.upload_session import BatchItem, FileOutcome, Rejection, SessionFile
from calotype.services.ingest import IngestService
from calotype.services.receive import ReceivedFile

_GROUP = 16  # rows written at once; a commit costs more than all of them
_REFUSED = (InvalidInput, Unsupported, UndecodableDocument, UndecodablePicture, UndecodableVideo, TooLarge)
_REFUSED_FOR_NOW = (QuotaExceeded, UsageLimitExceeded, Conflict)
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Arrival:
    """One file of a batch as it arrives; `index` is the place at which it was sent, from 0, `declared` the type it was given."""

    index: int
    filename: str
    asset_id: UUID
    arrived_at: datetime
    options: UploadOptions
    declared: str | None = None


class BatchRows:
    """What became of each file of one batch; nobody else writes its rows."""

    def __init__(self, database: Database, ingest: IngestService, scope: Scope, session_id: UUID) -> None:
        self.items: dict[int, BatchItem] = {}
        self.rejections: dict[int, Rejection] = {}
        self._database = database
        self._ingest = ingest
        self._scope = scope
        self._session_id = session_id
        self._arrivals: dict[int, Arrival] = {}
        self._waiting: dict[int, tuple[Arrival, ReceivedFile | CalotypeError]] = {}
        self._next = 0
        self._is_ending = False
        self._woken = asyncio.Event()
        self._writing: asyncio.Task[None] | None = None

    def put(self, file: Arrival, received: ReceivedFile | CalotypeError) -> None:
        """Hand over a file that was received, or why it could not be; files may come in any order."""
        self._arrivals[file.index] = file
        self._waiting[file.index] = (file, received)
        self._woken.set()
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())

    async def end(self) -> None:
        """Wait until every file handed over has been dealt with; no other may follow."""
        self._is_ending = True
        self._woken.set()
        if self._writing is not None:
            await self._writing

    def options_of(self, index: int) -> UploadOptions:
        """What a file was stored with."""
        return self._arrivals[index].options

    async def _write(self) -> None:
        while True:
            group = self._take_group()
            if group:
                await self._accept(group)
            elif self._next in self._waiting:
                continue  # only refused ones stood in front
            elif self._is_ending:
                return
            else:
                self._woken.clear()
                await self._woken.wait()

    def _take_group(self) -> list[tuple[Arrival, ReceivedFile]]:
        """The received files that are next in order; those that were refused are dealt with on the way."""
        group: list[tuple[Arrival, ReceivedFile]] = []
        while len(group) < _GROUP and self._next in self._waiting:
            file, received = self._waiting.pop(self._next)
            self._next += 1
            if isinstance(received, CalotypeError):
                self._refuse(file, received)
            else:
                group.append((file, received))
        return group

    async def _accept(self, group: Sequence[tuple[Arrival, ReceivedFile]]) -> None:
        async def note(connection: Connection, outcomes: Sequence[IngestResult | CalotypeError]) -> None:
            rows = [
                _row(file, outcome)
                for (file, _), outcome in zip(group, outcomes, strict=True)
                if isinstance(outcome, IngestResult)
            ]
            await insert_session_files(connection, self._scope, self._session_id, rows)

        files = [(received, file.options) for file, received in group]
        try:
            outcomes = await self._ingest.accept_all(files, session_id=self._session_id, note=note)
        except CalotypeError as error:
            for file, received in group:
                self._refuse(file, error, received.media)
            return
        for (file, _), outcome in zip(group, outcomes, strict=True):
            if isinstance(outcome, CalotypeError):
                self._refuse(file, outcome)
            else:
                self.items[file.index] = BatchItem(
                    file.index,
                    outcome.asset_id,
                    file.filename,
                    outcome.object_key,
                    FileOutcome.SKIPPED if outcome.is_duplicate else FileOutcome.COMPLETED,
                    _milliseconds_since(file.arrived_at),
                    outcome.storage_target,
                    outcome.media,
                    text_status=outcome.text_status,
                )

    def _refuse(self, file: Arrival, error: CalotypeError, media: MediaType | None = None) -> None:
        """Sort a file out: what is wrong with it or with the tenant's limits is a rejection, everything else a failure."""
        if isinstance(error, _REFUSED + _REFUSED_FOR_NOW):
            retryable = isinstance(error, _REFUSED_FOR_NOW)
            self.rejections[file.index] = Rejection(file.index, file.filename, error.message, retryable)
            return
        _log.error("file of a batch not stored", session_id=str(self._session_id), reason=error.message)
        self.items[file.index] = BatchItem(
            file.index,
            file.asset_id,
            file.filename,
            original_key(self._scope.tenant_id, file.asset_id, file.filename),
            FileOutcome.FAILED,
            _milliseconds_since(file.arrived_at),
            file.options.storage_target,
            media,
            error="The file could not be stored",
        )

    async def note_failures(self) -> None:
        """Add files that could not be stored to the session, unless it turns out that they were. Raises Unavailable."""
        now = datetime.now(UTC)
        rows = [
            SessionFile(
                item.index,
                item.asset_id,
                item.filename,
                item.object_key,
                FileOutcome.FAILED,
                self._arrivals[item.index].arrived_at,
                ended_at=now,
                error=item.error,
                retryable=True,
            )
            for item in self.items.values()
            if item.outcome is FileOutcome.FAILED
        ]
        if not rows:
            return
        async with self._database.write() as connection:
            if await lock_open_session(connection, self._scope, self._session_id):
                # Waits for a commit whose answer was lost, should it still be going on.
                await insert_session_files(connection, self._scope, self._session_id, rows)
            known = await select_session_files(connection, self._scope, self._session_id, frozenset(FileOutcome))
        for row in known:
            item = self.items.get(row.index)
            if item is not None and item.outcome is FileOutcome.FAILED and not row.retryable:
                # The connection was lost after the commit, not before it.
                is_copy = row.asset_id != item.asset_id
                outcome = FileOutcome.SKIPPED if is_copy else FileOutcome.COMPLETED
                self.items[row.index] = replace(
                    item, outcome=outcome, asset_id=row.asset_id, object_key=row.object_key, error=None
                )


def _row(file: Arrival, outcome: IngestResult) -> SessionFile:
    return SessionFile(
        file.index,
        outcome.asset_id,
        file.filename,
        outcome.object_key,
        FileOutcome.SKIPPED if outcome.is_duplicate else FileOutcome.PENDING,
        file.arrived_at,
        ended_at=datetime.now(UTC) if outcome.is_duplicate else None,
        description=outcome.description,
    )


def _milliseconds_since(moment: datetime) -> float:
    return max(0.0, round((datetime.now(UTC) - moment).total_seconds() * 1000, 1))
