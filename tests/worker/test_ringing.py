"""Jobs that nobody is told of: those that wait for their time."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from procrastinate.exceptions import ConnectorException

from calotype.bootstrap import Application
from calotype.db.engine import Database
from calotype.domain.job import Job, Task, Urgency
from calotype.worker import lanes, run
from tests.running import PATIENCE


async def test_a_job_is_begun_when_its_time_has_come(library, monkeypatch):
    """Though its lane, which was told of it too early, would not ask again by itself, and the database was away for a moment."""
    monkeypatch.setattr(Application, "warm", lambda _: asyncio.sleep(0))
    monkeypatch.setattr(lanes, "_POLLING_INTERVAL", 10 * PATIENCE)
    services, stop = library.services, asyncio.Event()
    right, faults = services.queue.due_lanes, [ConnectorException(), ConnectorException()]

    async def wrong_at_first():
        if faults:
            raise faults.pop()
        return await right()

    monkeypatch.setattr(services.queue, "due_lanes", wrong_at_first)
    running = asyncio.create_task(run.run_worker(services, stop))
    async with asyncio.timeout(PATIENCE):
        await _seen(library, "SELECT count(*) = 9 FROM procrastinate_workers")
        job, at = Job(Task.DELIVER_EVENT, uuid4(), uuid4()), datetime.now(UTC) + timedelta(seconds=2)
        async with contextlib.aclosing(Database(library._database_url)) as database, database.write() as connection:
            await services.queue.enqueue(connection, job, Urgency.NEW, at)
        await _seen(library, "SELECT count(*) = 0 FROM procrastinate_jobs")
    stop.set()
    await running


async def _seen(library, question):
    """Come back once the answer is yes."""
    while not library.sql(question)[0][0]:  # noqa: ASYNC110 - another process sets no event here
        await asyncio.sleep(0.02)
