"""Upload sessions: how far the files of a batch are, their results, and stopping what has not begun."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from calotype.db.asset import select_assets, update_asset
from calotype.db.engine import Connection, Database
from calotype.db.operation import update_open_operations
from calotype.db.session_file import (
    count_session_files,
    select_ended_indexes,
    select_session_files,
    settle_session_files,
    update_pending_files,
)
from calotype.db.upkeep import select_idle_sessions, select_unsettled
from calotype.db.upload_session import (
    delete_old_sessions,
    select_session_summaries,
    select_session_summary,
    update_closed,
    update_dead_readers,
)
from calotype.domain.asset import Asset, OperationType, State
from calotype.domain.errors import NotFound, Refused
from calotype.domain.job import UPLOAD_TASKS, Task
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
from calotype.services.event import EventService
from calotype.services.processing import end_of

RECENT = 10
EXPIRES_AFTER = timedelta(hours=24)
_OVER = "The upload session is over already"
_ENDED = frozenset(FileOutcome) - {FileOutcome.PENDING}


@dataclass(frozen=True, slots=True)
class SessionState:
    """A session's progress with the outcome of each ended file by its place, as one snapshot."""

    progress: SessionProgress
    ended: dict[int, FileOutcome]


class UploadSessionService:
    """Sessions are made by batch uploads; here they are watched and ended."""

    def __init__(
        self, database: Database, queue: JobQueue, events: EventService, *, stalled_after: float, keep: timedelta
    ) -> None:
        self._database = database
        self._queue = queue
        self._events = events
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
            if summary.status.is_terminal:
                raise Refused(_OVER)
            # Closed first: from here on no file is added, and of two who cancel one finds nothing to close.
            closed = await update_closed(connection, scope, session_id, SessionStatus.CANCELLED)
            if closed is None:
                raise Refused(_OVER)
            # Its last file may have ended while we waited for the locks; then it was over, and stays what it was.
            if not await self._drop(connection, scope, session_id, CANCELLED, tell=True) and not closed.was_being_read:
                raise Refused(_OVER)
            return await _progress(connection, scope, session_id)

    async def refuse(self, scope: Scope, session_id: UUID, reason: str) -> None:
        """Close a session whose request was refused as a whole; its files are the caller's matter."""
        # Unless its reader was taken for dead and its end has been told.
        with contextlib.suppress(Refused):
            async with self._database.write() as connection:
                closed = await update_closed(connection, scope, session_id, SessionStatus.CANCELLED)
                dropped = await self._drop(connection, scope, session_id, reason, tell=False) if closed else 0
                if closed and not closed.was_being_read and not dropped:
                    raise Refused(_OVER)

    async def _drop(self, connection: Connection, scope: Scope, session_id: UUID, reason: str, *, tell: bool) -> int:
        """Take the work of a session's waiting files out of the queue and end them; returns how many.

        Webhooks are told of those whose work is over with that, unless the files are about to be taken back.
        """
        waiting = await select_session_files(connection, scope, session_id, {FileOutcome.PENDING})
        ids = sorted({file.asset_id for file in waiting})
        if not ids:
            return 0
        assets = await select_assets(connection, scope, ids, lock=True)
        dropped = {task: await self._queue.drop(connection, ids, (task,)) for task in UPLOAD_TASKS}
        now = datetime.now(UTC)
        ended = []
        for asset in assets.values():
            values, steps = _dropped(asset, {task for task, ids in dropped.items() if asset.id in ids})
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
                after = _after(asset, values)
                if not after.is_unfinished:
                    ended.append(end_of(after))
        if tell:
            await self._events.emit(connection, scope, *ended)
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
        expired = 0
        for tenant_id, session_id in idle:
            with contextlib.suppress(Refused):  # something happened after all
                await self._expire(Scope(tenant_id), session_id)
                expired += 1
        async with self._database.write() as connection:
            await delete_old_sessions(connection, now - self._keep)
        return expired

    async def _expire(self, scope: Scope, session_id: UUID) -> None:
        async with self._database.write() as connection:
            if await update_closed(connection, scope, session_id, SessionStatus.EXPIRED) is None:
                raise Refused(_OVER)
            waiting = await select_session_files(connection, scope, session_id, {FileOutcome.PENDING})
            ids = sorted(file.asset_id for file in waiting)
            if ids:
                await select_assets(connection, scope.any(), ids, lock=True)
            # Their jobs may still run, which is as well; the session does not change any more.
            if not ids or not await update_pending_files(connection, scope, ids, EXPIRED, FileOutcome.FAILED):
                raise Refused(_OVER)


async def _progress(connection: Connection, scope: Scope, session_id: UUID) -> SessionProgress:
    summary: SessionSummary = _found(await select_session_summary(connection, scope, session_id))
    recent = await select_session_files(connection, scope, session_id, _ENDED, newest=True, limit=RECENT)
    failed = {FileOutcome.FAILED}
    errors = await select_session_files(connection, scope, session_id, failed, newest=True, limit=RECENT)
    return SessionProgress(summary, tuple(recent), tuple(errors))


def _dropped(asset: Asset, tasks: set[Task]) -> tuple[dict[str, Any], list[OperationType]]:
    """What becomes of an asset's states when the work it waits for is dropped, and the steps that end with it.

    Work that was begun ends only where its job was among the dropped `tasks`: then it waited to be begun again.
    """

    def ends(state: State | None, *own: Task) -> bool:
        return state is State.PENDING or (state is State.PROCESSING and not tasks.isdisjoint(own))

    values: dict[str, Any] = {}
    steps: list[OperationType] = []
    no_variants = ends(asset.variant_status, Task.MAKE_VARIANTS)
    if no_variants:
        values |= {"variant_status": State.FAILED.value, "variant_error": CANCELLED}
        steps += [OperationType.VARIANTS, OperationType.EXTRACT_COLORS]
    if ends(asset.description_status, Task.READ_TEXT, Task.DESCRIBE):
        # Failed with the variants, because making those again then brings the description back too.
        state = State.FAILED if no_variants else State.SKIPPED
        values |= {"description_status": state.value, "description_error": CANCELLED if no_variants else None}
        steps.append(OperationType.DESCRIBE)
    if ends(asset.text_status, Task.EXTRACT_TEXT):
        values |= {"text_status": State.FAILED.value, "text_error": CANCELLED}
        steps.append(OperationType.EXTRACT_TEXT)
    return values, steps


def _after(asset: Asset, values: Mapping[str, Any]) -> Asset:
    states: Any = {name: State(value) if name.endswith("_status") else value for name, value in values.items()}
    return replace(asset, **states)


def _found(summary: SessionSummary | None) -> SessionSummary:
    if summary is None:
        raise NotFound("Upload session not found")
    return summary
