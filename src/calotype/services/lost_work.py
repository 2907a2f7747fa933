"""Work that rows say is missing and the queue knows nothing of: it is queued again, whatever lost it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from calotype.db.engine import Connection, Database
from calotype.db.link import select_unfinished_links
from calotype.db.upkeep import (
    select_stale_embeddings,
    select_unfinished,
    select_unfinished_colors,
    select_unfinished_videos,
)
from calotype.domain.job import ASSET_TASKS, LIBRARY_TASKS, VIDEO_TASKS, Job, Task, Urgency
from calotype.jobs.queue import JobQueue
from calotype.services.missing_jobs import missing_jobs, missing_video_jobs

BATCH = 500
"""How many rows are looked at in one transaction."""

_LOOK_BACK = timedelta(minutes=2)  # younger uploads have their job for certain
_BEGINNING = (datetime.min.replace(tzinfo=UTC), UUID(int=0))

Place = tuple[datetime, UUID]
"""Where a row stands among those that wait: since when, and its id."""

Found = Sequence[tuple[Sequence[Job], Place]]
"""Rows that wait, oldest first, with the jobs each lacks; locked."""

Select = Callable[[Connection, Place], Awaitable[Found]]


async def requeue_lost(
    database: Database, queue: JobQueue, select: Select, tasks: Sequence[Task], urgency: Urgency
) -> int:
    """Queue what rows lack, but for those that have a job of `tasks`, waiting or running; returns how many jobs.

    `select` finds at most `BATCH` rows after a place.
    """
    after, queued = _BEGINNING, 0
    while True:
        async with database.write() as connection:
            found = await select(connection, after)
            jobs = [job for of_one, _ in found for job in of_one]
            active = await queue.select_active(connection, [job.subject_id for job in jobs], tasks)
            lost = [job for job in jobs if job.subject_id not in active]
            for job in lost:
                await queue.enqueue(connection, job, urgency)
        queued += len(lost)
        if len(found) < BATCH:
            return queued
        after = found[-1][1]


class LostWork:
    """What assets of all tenants lack; may run on several workers at once."""

    def __init__(self, database: Database, queue: JobQueue, *, embedding_model: str) -> None:
        self._database = database
        self._queue = queue
        self._embedding_model = embedding_model

    async def requeue(self) -> int:
        """Queue all that is lacking; returns how many jobs."""
        before = datetime.now(UTC) - _LOOK_BACK
        queued = await self._requeue(_of_assets(before), LIBRARY_TASKS)
        queued += await self._requeue(_of_colors(before), ASSET_TASKS)
        queued += await self._requeue(_of_embeddings(before, self._embedding_model), ASSET_TASKS)
        # Each piece of work on a video stands by itself, since one may take hours.
        for task in VIDEO_TASKS:
            queued += await self._requeue(_of_videos(before, task), (task,))
        return queued + await self._requeue(_of_links(before), ASSET_TASKS)

    async def _requeue(self, select: Select, tasks: Sequence[Task]) -> int:
        return await requeue_lost(self._database, self._queue, select, tasks, Urgency.BACKFILL)


def _of_assets(before: datetime) -> Select:
    async def select(connection: Connection, after: Place) -> Found:
        return [
            (
                missing_jobs(one.tenant_id, one.id, one.variant_status, one.description_status, one.text_status),
                (created_at, one.id),
            )
            for one, created_at in await select_unfinished(connection, before, after, BATCH)
        ]

    return select


def _of_videos(before: datetime, task: Task) -> Select:
    async def select(connection: Connection, after: Place) -> Found:
        return [
            ([job for job in missing_video_jobs(tenant_id, video) if job.task is task], (created_at, video.asset_id))
            for tenant_id, video, created_at in await select_unfinished_videos(connection, before, after, BATCH)
        ]

    return select


def _of_colors(before: datetime) -> Select:
    async def select(connection: Connection, after: Place) -> Found:
        return jobs_of(Task.EXTRACT_COLORS, await select_unfinished_colors(connection, before, after, BATCH))

    return select


def _of_embeddings(before: datetime, model: str) -> Select:
    async def select(connection: Connection, after: Place) -> Found:
        return jobs_of(Task.EMBED, await select_stale_embeddings(connection, model, before, after, BATCH))

    return select


def _of_links(before: datetime) -> Select:
    async def select(connection: Connection, after: Place) -> Found:
        return jobs_of(Task.CRAWL, await select_unfinished_links(connection, before, after, BATCH))

    return select


def jobs_of(task: Task, rows: Sequence[tuple[UUID, UUID, datetime]]) -> Found:
    """One job of a task for each row: tenant id, subject, and since when it waits."""
    return [([Job(task, tenant_id, subject_id)], (since, subject_id)) for tenant_id, subject_id, since in rows]
