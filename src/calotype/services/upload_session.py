"""Upload sessions: how far the files of a batch are, their results, and stopping what has not begun."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from calotype.db.asset import select_assets, update_asset
from calotype.db.engine import Connection, Database
from calotype.db.operation import update_open_operations
from calotype.db.upkeep import select_idle_sessions, select_unsettled
from calotype.db.upload_session import (
    count_session_files,
    delete_old_sessions,
    select_ended_indexes,
    select_session_files,
    select_session_summaries,
    select_session_summary,
    settle_session_files,
    update_closed,
    update_dead_readers,
    update_pending_files,
)
from calotype.domain.asset import Asset, OperationType, State
from calotype.domain.errors import NotFound, Refused
from calotype.domain.scope import Scope
from calotype.domain.upload_session import (
    CANCELLED,
    DELETED,
    EXPIRED,
    FileOutcome,
    SessionPage,
    SessionProgress,
    SessionResults,
    SessionStatus,
    SessionSummary,
)
from calotype.jobs.queue import JobQueue

RECENT = 10
EXPIRES_AFTER = timedelta(hours=24)
_ENDED = frozenset(FileOutcome) - {FileOutcome.PENDING}


@dataclass(frozen=True, slots=True)
class SessionState:
    """A session's progress with the outcome of each ended file by its place, as one snapshot."""

    progress: SessionProgress
    ended: dict[int, FileOutcome]


class UploadSessionService:
    """Sessions are made by batch uploads; here they are watched and ended."""

    def __init__(self, database: Database, queue: JobQueue, *, stalled_after: float, keep: timedelta) -> None:
        self._database = database
        self._queue = queue
        self._stalled_after = stalled_after
        self._keep = keep

    async def progress(self, scope: Scope, session_id: UUID) -> SessionProgress:
        """Where one session stands. Raises NotFound."""
        async with self._database.snapshot() as connection:
            return await _progress(connection, scope, session_id)

    async def state(self, scope: Scope, session_id: UUID) -> SessionState:
        """Where one session stands, file by file. Raises NotFound."""
        async with self._database.snapshot() as connection:
            progress = await _progress(connection, scope, session_id)
            return SessionState(progress, await select_ended_indexes(connection, scope, session_id))

    async def results(
        self, scope: Scope, session_id: UUID, *, include_failed: bool, offset: int, limit: int
    ) -> SessionResults:
        """A window of the files that have ended, in the order sent. Raises NotFound."""
        outcomes = _ENDED if include_failed else _ENDED - {FileOutcome.FAILED}
        async with self._database.snapshot() as connection:
            summary = _found(await select_session_summary(connection, scope, session_id))
            total = await count_session_files(connection, scope, session_id, outcomes)
            files = await select_session_files(connection, scope, session_id, outcomes, offset=offset, limit=limit)
            assets = await select_assets(connection, scope, [file.asset_id for file in files]) if files else {}
        return SessionResults(summary, tuple(files), assets, total)

    async def page(self, scope: Scope, status: SessionStatus | None, offset: int, limit: int) -> SessionPage:
        """A window of the tenant's sessions, newest first."""
        async with self._database.read() as connection:
            sessions, total = await select_session_summaries(connection, scope, status, offset, limit)
        return SessionPage(tuple(sessions), total)

    async def cancel(self, scope: Scope, session_id: UUID) -> SessionProgress:
        """Drop what has not ended; stored files stay. Raises NotFound, Refused when the session is over already."""
        async with self._database.write() as connection:
            summary = _found(await select_session_summary(connection, scope, session_id))
            # Closed first: from here on no file is added, and of two who cancel one finds nothing to close.
            is_open = not summary.status.is_terminal and await update_closed(
                connection, scope, session_id, SessionStatus.CANCELLED
            )
            dropped = await self._drop(connection, scope, session_id, CANCELLED) if is_open else 0
            # Its last file may have ended while we waited for the locks; then it was over, and stays what it was.
            if not dropped and not (is_open and summary.status is SessionStatus.UPLOADING):
                raise Refused("This session is over already")
            return await _progress(connection, scope, session_id)

    async def refuse(self, scope: Scope, session_id: UUID, reason: str) -> None:
        """Close a session whose request was refused as a whole; its files are the caller's matter."""
        async with self._database.write() as connection:
            if await update_closed(connection, scope, session_id, SessionStatus.CANCELLED):
                await self._drop(connection, scope, session_id, reason)

    async def _drop(self, connection: Connection, scope: Scope, session_id: UUID, reason: str) -> int:
        """Take the work of a session's waiting files out of the queue and end them; returns how many."""
        waiting = await select_session_files(connection, scope, session_id, {FileOutcome.PENDING})
        ids = sorted({file.asset_id for file in waiting})
        if not ids:
            return 0
        assets = await select_assets(connection, scope, ids, lock=True)
        await self._queue.drop(connection, ids)
        now = datetime.now(UTC)
        for asset in assets.values():
            values, steps = _dropped(asset)
            if values:
                await update_asset(connection, scope, asset.id, values)
                await update_open_operations(
                    connection,
                    scope,
                    asset.id,
                    steps,
                    status=State.FAILED,
                    completed_at=now,
                    error_message=CANCELLED,
                )
        return await update_pending_files(connection, scope, ids, reason)

    # ----------------------------------------------------------------- upkeep

    async def end_abandoned(self) -> int:
        """End the reading of sessions whose reader has died; returns how many."""
        async with self._database.write() as connection:
            return await update_dead_readers(connection, self._stalled_after)

    async def settle_missed(self) -> int:
        """Give files their outcome whose work has ended without anybody noting it; returns how many."""
        async with self._database.read() as connection:
            missed = await select_unsettled(connection)
        for tenant_id, asset_id, is_live in missed:
            async with self._database.write() as connection:
                if is_live:
                    await settle_session_files(connection, Scope(tenant_id), asset_id)
                else:
                    await update_pending_files(connection, Scope(tenant_id), [asset_id], DELETED)
        return len(missed)

    async def expire(self) -> int:
        """Close sessions in which nothing has happened for a day, and forget old ones; returns how many expired."""
        now = datetime.now(UTC)
        async with self._database.read() as connection:
            idle = await select_idle_sessions(connection, now - EXPIRES_AFTER)
        for tenant_id, session_id in idle:
            scope = Scope(tenant_id)
            async with self._database.write() as connection:
                if await update_closed(connection, scope, session_id, SessionStatus.EXPIRED):
                    waiting = await select_session_files(connection, scope, session_id, {FileOutcome.PENDING})
                    ids = sorted(file.asset_id for file in waiting)
                    # Their jobs may still run, which is as well; the session does not change any more.
                    await update_pending_files(connection, scope, ids, EXPIRED, FileOutcome.FAILED)
        async with self._database.write() as connection:
            await delete_old_sessions(connection, now - self._keep)
        return len(idle)


async def _progress(connection: Connection, scope: Scope, session_id: UUID) -> SessionProgress:
    summary: SessionSummary = _found(await select_session_summary(connection, scope, session_id))
    recent = await select_session_files(connection, scope, session_id, _ENDED, newest=True, limit=RECENT)
    failed = {FileOutcome.FAILED}
    errors = await select_session_files(connection, scope, session_id, failed, newest=True, limit=RECENT)
    return SessionProgress(summary, tuple(recent), tuple(errors))


def _dropped(asset: Asset) -> tuple[dict[str, object], list[OperationType]]:
    """What becomes of an asset's states when the work it waits for is dropped, and the steps that end with it."""
    values: dict[str, object] = {}
    steps: list[OperationType] = []
    if asset.variant_status is State.PENDING:
        values |= {"variant_status": State.FAILED.value, "variant_error": CANCELLED}
        steps += [OperationType.VARIANTS, OperationType.EXTRACT_COLORS]
    if asset.description_status is State.PENDING:
        # Failed with the variants, because making those again then brings the description back too.
        failed = asset.variant_status is State.PENDING
        state = State.FAILED if failed else State.SKIPPED
        values |= {"description_status": state.value, "description_error": CANCELLED if failed else None}
        steps.append(OperationType.DESCRIBE)
    return values, steps


def _found(summary: SessionSummary | None) -> SessionSummary:
    if summary is None:
        raise NotFound("Upload session not found")
    return summary
