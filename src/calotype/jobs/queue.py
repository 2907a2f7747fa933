"""Queuing, dropping, counting and rescuing jobs."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from psycopg import AsyncConnection as AsyncDriverConnection
from psycopg.errors import RaiseException
from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from calotype.db.engine import Pipeline
from calotype.db.notifications import WaitingConnection
from calotype.domain.job import ASSET_TASKS, Job, Lane, Task, Urgency

if TYPE_CHECKING:
    from procrastinate import App


class JobQueue:
    """The queue as services see it; every call takes the connection of the caller's transaction."""

    def __init__(self, url: str) -> None:
        self._url = url

    @functools.cached_property
    def app(self) -> App:
        """The library's queue, which only workers open: everybody else lends the connection of their own transaction."""
        from procrastinate import App, PsycopgConnector

        # Losing the mark that a job was fetched or finished costs one harmless repetition, so it need not wait for the disk.
        relaxed = {"options": "-c synchronous_commit=off -c jit=off"}
        return App(
            connector=PsycopgConnector(
                conninfo=self._url,
                kwargs=relaxed,
                connection_class=WaitingConnection,  # each lane listens on one
                configure=_autocommit,
                min_size=1,
                max_size=6,
            )
        )

    async def enqueue(
        self, connection: AsyncConnection | Pipeline, job: Job, urgency: Urgency, at: datetime | None = None
    ) -> None:
        """Queue a job unless the same one waits already; it is not begun before `at`.

        The caller's transaction must hold the lock of its subject's row, which keeps two of them from both finding nothing.
        """
        await connection.execute(
            _ENQUEUE,
            {
                "queue": job.task.lane.value,
                "task": job.task.value,
                "priority": int(urgency),
                "identity": job.identity,
                "arguments": json.dumps({"tenant_id": str(job.tenant_id), job.task.subject: str(job.subject_id)}),
                "at": at,
            },
        )

    async def enqueue_lost(self, connection: AsyncConnection, job: Job, urgency: Urgency) -> None:
        """Queue a job whose work is under way, in case it was lost: nothing happens where the same one waits or runs."""
        if not await self.select_active(connection, [job.subject_id], [job.task]):
            await self.enqueue(connection, job, urgency)

    async def hasten(self, connection: AsyncConnection, jobs: Sequence[Job], urgency: Urgency) -> None:
        """Make waiting jobs as urgent as that, where they are less."""
        await connection.execute(
            text(
                "UPDATE procrastinate_jobs SET priority = :priority "
                "WHERE status = 'todo' AND queueing_lock = ANY(:identities) AND priority < :priority"
            ),
            {"priority": int(urgency), "identities": [job.identity for job in jobs]},
        )

    async def enqueue_written(
        self,
        connection: AsyncConnection | Pipeline,
        writing: str,
        values: Mapping[str, Any],
        task: Task,
        urgency: Urgency,
    ) -> None:
        """Write rows and queue a job for each of them, as one statement.

        `writing` is a constant of `db/` with `values` for its parameters: common table expressions, of which `written` returns
        the `tenant_id` and `id` of new rows, which nobody can have queued a job for.
        """
        await connection.execute(
            _enqueue_written(writing, task),
            {**values, "queue": task.lane.value, "task": task.value, "priority": int(urgency)},
        )

    async def listen(self, told: Callable[[Lane], None]) -> None:
        """Tell the lane of each job as it is queued, until the connection is lost. The worker's own queue must be open.

        Raises the library's ConnectorException where no new connection can be had.
        """

        async def note(*, channel: str, **_: object) -> None:
            told(Lane(channel.rpartition("#")[2]))

        await self.app.job_manager.listen_for_jobs(on_notification=note, queues=[lane.value for lane in Lane])

    async def due_lanes(self) -> list[Lane]:
        """The lanes in which a job could begin now; the worker's own queue must be open.

        Nobody is told of jobs whose time has come or that were given back. One question for all lanes costs a worker that has
        nothing to do a fraction of what it costs when each lane asks for itself.
        """
        rows = await self.app.connector.execute_query_all_async(_DUE_LANES, lanes=[lane.value for lane in Lane])
        return [Lane(row["lane"]) for row in rows]

    def was_refused(self, error: Exception) -> bool:
        """Whether the database told the library that there is no such job to be ended: others have it, or it has ended."""
        return isinstance(error.__cause__, RaiseException)

    async def drop(
        self, connection: AsyncConnection, subject_ids: Iterable[UUID], tasks: Sequence[Task] = ASSET_TASKS
    ) -> set[UUID]:
        """Take the waiting jobs of some assets (or of what other `tasks` run on) out of the queue; returns those that had one.

        Running jobs find out by themselves that their asset is gone, or its work ended.
        """
        owners = _owners(subject_ids, tasks)
        rows = await connection.execute(
            text(
                "DELETE FROM procrastinate_jobs WHERE status = 'todo' AND queueing_lock = ANY(:identities) "
                "RETURNING queueing_lock"
            ),
            {"identities": list(owners)},
        )
        return {owners[identity] for identity in rows.scalars()}

    async def count_ahead(self, connection: AsyncConnection, job: Job) -> int:
        """How many waiting jobs of its lane are begun before a job that waits; 0 when it is running."""
        ahead = await connection.scalar(
            text(
                "SELECT count(*) FROM procrastinate_jobs AS mine JOIN procrastinate_jobs AS other "
                "ON other.queue_name = mine.queue_name AND other.status = 'todo' "
                "AND (-other.priority, other.id) < (-mine.priority, mine.id) "
                "WHERE mine.status = 'todo' AND mine.queueing_lock = :identity"
            ),
            {"identity": job.identity},
        )
        return int(ahead or 0)

    async def select_active(
        self, connection: AsyncConnection, subject_ids: Sequence[UUID], tasks: Sequence[Task] = ASSET_TASKS
    ) -> set[UUID]:
        """Those of the given assets (or of what other `tasks` run on) that have any job waiting or running."""
        return set(await self.select_attempts(connection, subject_ids, tasks))

    async def select_attempts(
        self, connection: AsyncConnection, subject_ids: Sequence[UUID], tasks: Sequence[Task] = ASSET_TASKS
    ) -> dict[UUID, int]:
        """How often the waiting or running job of each of the given assets had to be begun again, where there is one."""
        owners = _owners(subject_ids, tasks)
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


def _owners(subject_ids: Iterable[UUID], tasks: Sequence[Task]) -> dict[str, UUID]:
    return {task.identity(subject_id): subject_id for subject_id in subject_ids for task in tasks}


# The library's own SQL interface, so that queuing is one statement among others.
def _deferred(identity: str, arguments: str, at: str) -> str:
    return (
        "ROW(CAST(:queue AS varchar), CAST(:task AS varchar), CAST(:priority AS integer), "
        f"NULL, {identity}, {arguments}, {at})::procrastinate_job_to_defer_v1"
    )


_ENQUEUE = text(
    "SELECT procrastinate_defer_jobs_v1(ARRAY["
    + _deferred("CAST(:identity AS text)", "CAST(:arguments AS jsonb)", "CAST(:at AS timestamptz)")
    + "]) WHERE NOT EXISTS (SELECT 1 FROM procrastinate_jobs WHERE queueing_lock = CAST(:identity AS text) AND status = 'todo')"
)


_DUE_LANES = (
    "SELECT lane FROM unnest(%(lanes)s::varchar[]) AS lane WHERE EXISTS (SELECT 1 FROM procrastinate_jobs "
    "WHERE queue_name = lane AND status = 'todo' AND (scheduled_at IS NULL OR scheduled_at <= now()))"
)


@functools.cache
def _enqueue_written(writing: str, task: Task) -> TextClause:
    arguments = f"jsonb_build_object('tenant_id', tenant_id, '{task.subject}', id)"
    row = _deferred("CAST(:task AS text) || ':' || id", arguments, "NULL")
    return text(f"{writing} SELECT procrastinate_defer_jobs_v1(array_agg({row})) FROM written HAVING count(*) > 0")


async def _autocommit(connection: AsyncDriverConnection[Any]) -> None:
    """Each of the library's statements stands alone; a transaction around it would triple the round trips."""
    await connection.set_autocommit(True)


_STALLED = (
    "stalled.status = 'doing' AND NOT EXISTS (SELECT 1 FROM procrastinate_workers AS w WHERE w.id = stalled.worker_id "
    "AND w.last_heartbeat >= now() - make_interval(secs => :seconds))"
)
