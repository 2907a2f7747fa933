"""Asking for a video to be indexed: a run with its job, written in the caller's transaction."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID, uuid4

from calotype.db.engine import Connection, Pipeline
from calotype.db.indexing import insert_run, select_newest_runs, update_run
from calotype.db.operation import insert_operations, update_open_operations
from calotype.db.video import update_video
from calotype.domain.asset import Operation, OperationType, State
from calotype.domain.job import Job, Task, Urgency
from calotype.domain.scope import Scope
from calotype.domain.video import IndexingRun, IndexingStatus
from calotype.jobs.queue import JobQueue

FULL = "full_vlm"
"""The kind of run that does everything this server can; all kinds do."""


async def queue_run(
    connection: Connection | Pipeline,
    queue: JobQueue,
    scope: Scope,
    asset_id: UUID,
    now: datetime,
    *,
    kind: str = FULL,
    urgency: Urgency = Urgency.NEW,
    is_here: bool = True,
    before: IndexingRun | None = None,
) -> IndexingRun:
    """Write a new run of a video, whose asset's row is locked or new; its job waits for the bytes unless they are here.

    `before` is the newest run there is: the new one is newer, however the clock was set meanwhile.
    """
    if before is not None:
        now = max(now, before.created_at + timedelta(microseconds=1))
    run = IndexingRun(uuid4(), asset_id, kind, IndexingStatus.PENDING, 0, None, 0, None, None, now, None, None)
    await insert_run(connection, scope, run)
    await _begin(connection, queue, scope, asset_id, now, urgency if is_here else None)
    return run


async def begin_again(connection: Connection, queue: JobQueue, scope: Scope, run: IndexingRun, now: datetime) -> None:
    """Have a run that ended be done once more, as one retry; the row of its video's asset is locked, and its bytes are here."""
    values = {
        "status": IndexingStatus.PENDING.value,
        "progress": 0,
        "retries": run.retries + 1,
        "error": None,
        "error_code": None,
        "started_at": None,
        "completed_at": None,
    }
    await update_run(connection, scope, run.id, values)
    await _begin(connection, queue, scope, run.asset_id, now, Urgency.INTERACTIVE)


async def _begin(
    connection: Connection | Pipeline,
    queue: JobQueue,
    scope: Scope,
    asset_id: UUID,
    now: datetime,
    urgency: Urgency | None,
) -> None:
    """What a run that begins writes of its video; without an urgency there is no job yet."""
    await update_video(connection, scope, asset_id, {"indexing_status": IndexingStatus.PENDING.value})
    step = Operation(uuid4(), asset_id, OperationType.ANALYZE_VIDEO, State.PENDING, now, None, None)
    await insert_operations(connection, scope, [step])
    if urgency is not None:
        await queue.enqueue(connection, Job(Task.INDEX_VIDEO, scope.tenant_id, asset_id), urgency)


async def end_run(
    connection: Connection,
    scope: Scope,
    asset_id: UUID,
    status: IndexingStatus,
    now: datetime,
    error: str | None = None,
    error_code: str | None = None,
) -> None:
    """End the newest run of a video, whose asset is locked, other than well."""
    run = (await select_newest_runs(connection, scope, [asset_id])).get(asset_id)
    if run is not None:
        values = {"status": status.value, "completed_at": now, "error": error, "error_code": error_code, "step": None}
        await update_run(connection, scope, run.id, values)
    await update_video(connection, scope, asset_id, {"indexing_status": status.value})
    await update_open_operations(
        connection,
        scope,
        asset_id,
        (OperationType.ANALYZE_VIDEO,),
        status=State.FAILED,
        completed_at=now,
        error_message=error,
    )
