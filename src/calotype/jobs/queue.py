"""Queuing, dropping, counting and rescuing jobs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from procrastinate import App, PsycopgConnector
from psycopg import AsyncConnection as AsyncDriverConnection
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from calotype.db.engine import Pipeline
from calotype.domain.job import Job, Task, Urgency


class JobQueue:
    """The queue as services see it; every call takes the connection of the caller's transaction."""

    def __init__(self, url: str) -> None:
        # Opened only by workers: everybody else lends the connection of their own transaction.
        # Losing the mark that a job was fetched or finished costs one harmless repetition, so it need not wait for the disk.
        relaxed = {"options": "-c synchronous_commit=off -c jit=off"}
        self.app = App(
            connector=PsycopgConnector(conninfo=url, kwargs=relaxed, configure=_autocommit, min_size=1, max_size=6)
        )

    async def enqueue(self, connection: AsyncConnection | Pipeline, job: Job, urgency: Urgency) -> None:
        """Queue a job unless the same one waits already.

        The caller's transaction must hold the lock of the asset's row, which keeps two of them from both finding nothing.
        """
        await connection.execute(
            _ENQUEUE,
            {
                "queue": job.task.lane.value,
                "task": job.task.value,
                "priority": int(urgency),
                "identity": job.identity,
                "arguments": json.dumps({"tenant_id": str(job.tenant_id), "asset_id": str(job.asset_id)}),
            },
        )

    async def drop(self, connection: AsyncConnection, asset_ids: Iterable[UUID]) -> set[UUID]:
        """Take the waiting jobs of some assets out of the queue; returns those that had one.

        Running jobs find out by themselves that their asset is gone, or its work ended.
        """
        owners = {f"{task.value}:{asset_id}": asset_id for asset_id in asset_ids for task in Task}
        rows = await connection.execute(
            text(
                "DELETE FROM procrastinate_jobs WHERE status = 'todo' AND queueing_lock = ANY(:identities) "
                "RETURNING queueing_lock"
            ),
            {"identities": list(owners)},
        )
        return {owners[identity] for identity in rows.scalars()}

    async def select_active_assets(self, connection: AsyncConnection, asset_ids: Sequence[UUID]) -> set[UUID]:
        """Those of the given assets that have any job waiting or running."""
        owners = {f"{task.value}:{asset_id}": asset_id for asset_id in asset_ids for task in Task}
        rows = await connection.execute(
            text(
                "SELECT queueing_lock FROM procrastinate_jobs "
                "WHERE status IN ('todo', 'doing') AND queueing_lock = ANY(:identities)"
            ),
            {"identities": list(owners)},
        )
        return {owners[str(identity)] for identity in rows.scalars()}

    async def select_attempts(self, connection: AsyncConnection, asset_ids: Sequence[UUID]) -> dict[UUID, int]:
        """How often the waiting or running job of each of the given assets had to be begun again, where there is one."""
        owners = {f"{task.value}:{asset_id}": asset_id for asset_id in asset_ids for task in Task}
        rows = await connection.execute(
            text(
                "SELECT queueing_lock, attempts FROM procrastinate_jobs "
                "WHERE status IN ('todo', 'doing') AND queueing_lock = ANY(:identities)"
            ),
            {"identities": list(owners)},
        )
        attempts: dict[UUID, int] = {}
        for identity, count in rows:
            attempts[owners[identity]] = max(count, attempts.get(owners[identity], 0))
        return attempts

    async def counts(self, connection: AsyncConnection) -> dict[tuple[str, str], int]:
        """How many jobs there are by (task, state) among those that wait, run or have failed."""
        rows = await connection.execute(
            text(
                "SELECT task_name, status::text, count(*) FROM procrastinate_jobs "
                "WHERE status IN ('todo', 'doing', 'failed') GROUP BY 1, 2"
            )
        )
        return {(row[0], row[1]): int(row[2]) for row in rows}

    async def rescue(self, connection: AsyncConnection, stalled_after: float) -> int:
        """Give the jobs of workers that stopped living back to the queue; returns how many.

        A worker that died with its database connection open left its jobs marked as running. The same work may have been
        queued again meanwhile; then the old mark is simply removed.
        """
        await connection.execute(
            text(
                "DELETE FROM procrastinate_jobs AS stalled USING procrastinate_jobs AS waiting "
                f"WHERE {_STALLED} AND waiting.status = 'todo' AND waiting.queueing_lock = stalled.queueing_lock"
            ),
            {"seconds": stalled_after},
        )
        await connection.execute(
            text(
                "DELETE FROM procrastinate_jobs AS stalled USING procrastinate_jobs AS earlier "
                f"WHERE {_STALLED} AND earlier.status = 'doing' AND earlier.id < stalled.id "
                "AND earlier.queueing_lock = stalled.queueing_lock"
            ),
            {"seconds": stalled_after},
        )
        rescued = await connection.execute(
            text(
                "UPDATE procrastinate_jobs AS stalled SET status = 'todo', attempts = attempts + 1, worker_id = NULL, "
                f"scheduled_at = NULL WHERE {_STALLED}"
            ),
            {"seconds": stalled_after},
        )
        return rescued.rowcount


# The library's own SQL interface, so that queuing is one statement among others.
_ENQUEUE = text(
    "SELECT procrastinate_defer_jobs_v1(ARRAY[ROW(CAST(:queue AS varchar), CAST(:task AS varchar), CAST(:priority AS integer), "
    "NULL, CAST(:identity AS text), CAST(:arguments AS jsonb), NULL)::procrastinate_job_to_defer_v1]) "
    "WHERE NOT EXISTS (SELECT 1 FROM procrastinate_jobs WHERE queueing_lock = CAST(:identity AS text) AND status = 'todo')"
)


async def _autocommit(connection: AsyncDriverConnection[Any]) -> None:
    """Each of the library's statements stands alone; a transaction around it would triple the round trips."""
    await connection.set_autocommit(True)


_STALLED = (
    "stalled.status = 'doing' AND NOT EXISTS (SELECT 1 FROM procrastinate_workers AS w WHERE w.id = stalled.worker_id "
    "AND w.last_heartbeat >= now() - make_interval(secs => :seconds))"
)
