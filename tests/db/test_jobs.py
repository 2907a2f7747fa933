"""Jobs live and die with the rows they belong to, once each, whatever happens to workers."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from calotype.db.asset import lock_asset
from calotype.db.engine import Database, pipelined
from calotype.domain.job import Job, Lane, Task, Urgency
from calotype.jobs.queue import JobQueue
from tests.db.rows import add, add_one, new_asset
from tests.running import new_migrated_database

STALLED = 30.0


def job_for(scope, asset_id=None, task: Task = Task.MAKE_VARIANTS) -> Job:
    """A job on some asset."""
    return Job(task, scope.tenant_id, asset_id or uuid4())


async def jobs_of(connection, job: Job) -> list[Any]:
    """The queue's rows of one job, oldest first."""
    rows = await connection.execute(
        text("SELECT * FROM procrastinate_jobs WHERE queueing_lock = :identity ORDER BY id"), {"identity": job.identity}
    )
    return list(rows)


async def start(connection, job: Job, *, heartbeat: str | None) -> None:
    """Let a worker with a heartbeat of some age take the waiting job; None for one that is gone without trace."""
    worker = None
    if heartbeat is not None:
        made = await connection.execute(
            text(
                "INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - CAST(:age AS interval)) RETURNING id"
            ),
            {"age": heartbeat},
        )
        worker = made.scalar_one()
    await connection.execute(
        text(
            "UPDATE procrastinate_jobs SET status = 'doing', worker_id = :worker "
            "WHERE queueing_lock = :identity AND status = 'todo'"
        ),
        {"worker": worker, "identity": job.identity},
    )


async def states(connection, job: Job) -> list[str]:
    """The states of a job's rows, oldest first."""
    return [row.status for row in await jobs_of(connection, job)]


async def test_a_job_waits_as_it_was_queued(database, scope, queue):
    """Task, arguments, lane and urgency are what workers will see."""
    job = job_for(scope, task=Task.READ_TEXT)
    async with database.write() as connection:
        await queue.enqueue(connection, job, Urgency.INTERACTIVE)
        (row,) = await jobs_of(connection, job)
    assert (row.task_name, row.queue_name, row.priority, row.status) == ("read_text", "texts", 20, "todo")
    assert row.args == {"tenant_id": str(job.tenant_id), "asset_id": str(job.subject_id)}


async def test_a_job_is_committed_with_its_row_or_not_at_all(database, scope, queue):
    """A transaction that fails leaves neither asset nor job."""
    new = new_asset(scope.tenant_id)
    job = job_for(scope, new.id)

    async def fail() -> None:
        async with database.write() as connection:
            await add(connection, new)
            await queue.enqueue(connection, job, Urgency.NEW)
            assert await states(connection, job) == ["todo"]
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    async with database.read() as connection:
        assert await jobs_of(connection, job) == []


async def test_queuing_again_is_a_no_op(database, scope, queue):
    """A job that waits is not queued twice, not even in the same pipeline."""
    job = job_for(scope)
    async with database.write() as connection:
        await queue.enqueue(connection, job, Urgency.NEW)
        await queue.enqueue(connection, job, Urgency.INTERACTIVE)
        async with pipelined(connection) as pipeline:
            await queue.enqueue(pipeline, job, Urgency.NEW)
            await queue.enqueue(pipeline, job, Urgency.NEW)
        assert len(await jobs_of(connection, job)) == 1


async def test_different_work_on_one_asset_waits_side_by_side(database, scope, queue):
    """Only the same task on the same asset is the same job."""
    asset_id = uuid4()
    async with database.write() as connection:
        for task in Task:
            await queue.enqueue(connection, job_for(scope, asset_id, task), Urgency.NEW)
        for task in Task:
            assert len(await jobs_of(connection, job_for(scope, asset_id, task))) == 1


async def test_a_job_that_runs_may_be_queued_once_more(database, scope, queue):
    """Work asked for while it is being done is done again afterwards."""
    job = job_for(scope)
    async with database.write() as connection:
        await queue.enqueue(connection, job, Urgency.NEW)
        await start(connection, job, heartbeat="0 seconds")
        await queue.enqueue(connection, job, Urgency.NEW)
        await queue.enqueue(connection, job, Urgency.NEW)
        assert await states(connection, job) == ["doing", "todo"]


async def test_many_connections_queue_a_job_once(database, scope, queue):
    """However many ask at once, holding the asset's row as they must, one job waits and nobody fails."""
    asset_id = await add_one(database, scope)
    job = job_for(scope, asset_id)

    async def ask() -> None:
        async with database.write() as connection:
            assert await lock_asset(connection, scope, asset_id)
            await queue.enqueue(connection, job, Urgency.INTERACTIVE)

    await asyncio.gather(*(ask() for _ in range(16)))
    async with database.read() as connection:
        assert await states(connection, job) == ["todo"]


async def test_dropping_takes_waiting_jobs_only(database, scope, queue):
    """A deleted asset's jobs disappear; a running one ends by itself, and others are left alone."""
    asset_id = uuid4()
    waiting, running = job_for(scope, asset_id, Task.DESCRIBE), job_for(scope, asset_id, Task.READ_TEXT)
    other = job_for(scope)
    async with database.write() as connection:
        for job in (waiting, running, other):
            await queue.enqueue(connection, job, Urgency.NEW)
        await start(connection, running, heartbeat="0 seconds")
        await queue.drop(connection, [asset_id])
        assert [await states(connection, job) for job in (waiting, running, other)] == [[], ["doing"], ["todo"]]


async def test_active_assets_are_those_with_jobs(database, scope, queue):
    """Waiting and running jobs count, of whatever task; failed ones do not."""
    waiting, running, failed, idle = (uuid4() for _ in range(4))
    async with database.write() as connection:
        await queue.enqueue(connection, job_for(scope, waiting, Task.DESCRIBE), Urgency.NEW)
        for asset_id in (running, failed):
            await queue.enqueue(connection, job_for(scope, asset_id), Urgency.NEW)
            await start(connection, job_for(scope, asset_id), heartbeat="0 seconds")
        await connection.execute(
            text("UPDATE procrastinate_jobs SET status = 'failed' WHERE queueing_lock = :identity"),
            {"identity": job_for(scope, failed).identity},
        )
        found = await queue.select_active(connection, [waiting, running, failed, idle])
        assert found == {waiting, running}


async def test_jobs_are_counted_by_task_and_state(database, scope, queue):
    """What metrics show is what is in the queue."""
    async with database.write() as connection:
        before = await queue.counts(connection)
        job = job_for(scope, task=Task.DESCRIBE)
        await queue.enqueue(connection, job, Urgency.NEW)
        await queue.enqueue(connection, job_for(scope, task=Task.DESCRIBE), Urgency.NEW)
        await start(connection, job, heartbeat="0 seconds")
        after = await queue.counts(connection)
    for state in ("todo", "doing"):
        assert after["describe", state] == before.get(("describe", state), 0) + 1


@pytest.mark.parametrize("heartbeat", ["1 hour", None])
async def test_jobs_of_dead_workers_are_given_back(database, scope, queue, heartbeat):
    """A job whose worker has stopped beating, or has no row any more, waits again and counts the attempt."""
    job = job_for(scope)
    async with database.write() as connection:
        await queue.enqueue(connection, job, Urgency.NEW)
        await start(connection, job, heartbeat=heartbeat)
        assert await queue.rescue(connection, STALLED) >= 1
        (row,) = await jobs_of(connection, job)
        assert (row.status, row.attempts, row.worker_id) == ("todo", 1, None)
        assert await queue.rescue(connection, STALLED) == 0


async def test_jobs_of_living_workers_are_left_alone(database, scope, queue):
    """A long job is no lost job while its worker lives."""
    job = job_for(scope)
    async with database.write() as connection:
        await queue.enqueue(connection, job, Urgency.NEW)
        await start(connection, job, heartbeat="5 seconds")
        await queue.rescue(connection, STALLED)
        assert await states(connection, job) == ["doing"]


async def test_a_lost_job_that_waits_again_already_is_forgotten(database, scope, queue):
    """Giving a job back never makes two of it, nor fails because one waits."""
    job = job_for(scope)
    async with database.write() as connection:
        await queue.enqueue(connection, job, Urgency.NEW)
        await start(connection, job, heartbeat="1 hour")
        await queue.enqueue(connection, job, Urgency.NEW)
        await queue.rescue(connection, STALLED)
        assert await states(connection, job) == ["todo"]


async def test_several_lost_runs_of_a_job_are_given_back_as_one(database, scope, queue):
    """Two dead workers that had the same job leave one job."""
    job = job_for(scope)
    async with database.write() as connection:
        for _ in range(3):
            await queue.enqueue(connection, job, Urgency.NEW)
            await start(connection, job, heartbeat="1 hour")
        assert await states(connection, job) == ["doing"] * 3
        await queue.rescue(connection, STALLED)
        assert await states(connection, job) == ["todo"]


@pytest.mark.parametrize("is_first_alive", [False, True])
async def test_a_lost_run_beside_a_living_one(database, scope, queue, is_first_alive):
    """Of a dead and a living run of the same job the living one goes on."""
    job = job_for(scope)
    beats = ["0 seconds", "1 hour"] if is_first_alive else ["1 hour", "0 seconds"]
    async with database.write() as connection:
        for heartbeat in beats:
            await queue.enqueue(connection, job, Urgency.NEW)
            await start(connection, job, heartbeat=heartbeat)
        await queue.rescue(connection, STALLED)
        found = await states(connection, job)
    assert found.count("doing") == 1
    assert found.count("todo") <= 1


async def test_many_workers_may_rescue_at_once(database, scope, queue):
    """Every lost job is given back once, however many look at the same time."""
    jobs = [job_for(scope) for _ in range(20)]
    async with database.write() as connection:
        for job in jobs:
            await queue.enqueue(connection, job, Urgency.NEW)
            await start(connection, job, heartbeat="1 hour")

    async def rescue() -> int:
        async with database.write() as connection:
            return await queue.rescue(connection, STALLED)

    assert sum(await asyncio.gather(*(rescue() for _ in range(6)))) == len(jobs)
    async with database.read() as connection:
        for job in jobs:
            (row,) = await jobs_of(connection, job)
            assert (row.status, row.attempts) == ("todo", 1)


async def test_workers_take_jobs_of_their_lane_by_urgency(database, scope, queue, database_url):
    """People waiting come first, re-runs last; the other lane is not touched."""
    async with database.write() as connection:
        await connection.execute(text("DELETE FROM procrastinate_jobs"))
        pictures = [job_for(scope) for _ in range(3)]
        for job, urgency in zip(pictures, (Urgency.BACKFILL, Urgency.INTERACTIVE, Urgency.NEW), strict=True):
            await queue.enqueue(connection, job, urgency)
        await queue.enqueue(connection, job_for(scope, task=Task.DESCRIBE), Urgency.INTERACTIVE)
    taken: list[str] = []
    app = JobQueue(database_url).app  # one of its own, so that tasks can be registered freely

    @app.task(name=Task.MAKE_VARIANTS.value)
    async def make_variants(tenant_id: str, asset_id: str) -> None:
        taken.append(asset_id)

    async with app.open_async():
        await app.run_worker_async(queues=["pictures"], wait=False, concurrency=1, install_signal_handlers=False)
    assert taken == [str(pictures[index].subject_id) for index in (1, 2, 0)]
    async with database.read() as connection:
        assert (await queue.counts(connection))["describe", "todo"] == 1


async def test_only_lanes_with_a_due_job_are_due(database_url):
    """One whose time has come counts; one whose time is to come, or that runs, does not."""
    url = new_migrated_database(database_url)
    queue, database, now = JobQueue(url), Database(url), datetime.now(UTC)
    times = {
        Task.DELIVER_EVENT: now - timedelta(seconds=1),
        Task.CRAWL: now + timedelta(hours=1),
        Task.ANALYZE: None,
        Task.MAKE_VARIANTS: None,
    }
    async with database.write() as connection:
        for task, at in times.items():
            await queue.enqueue(connection, Job(task, uuid4(), uuid4()), Urgency.NEW, at)
        await connection.execute(text("UPDATE procrastinate_jobs SET status = 'doing' WHERE queue_name = 'pictures'"))
    await database.aclose()
    async with queue.app.open_async():
        assert sorted(await queue.due_lanes()) == [Lane.ANALYSES, Lane.WEBHOOKS]
