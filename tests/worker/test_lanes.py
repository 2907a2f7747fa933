"""A worker outlives what ends the library's worker of one lane."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from procrastinate.exceptions import ConnectorException
from procrastinate.manager import JobManager

from calotype.bootstrap import Application
from calotype.domain.errors import Unavailable
from calotype.domain.job import Job, Lane, Task, Urgency
from calotype.worker import lanes, run
from tests.running import PATIENCE


@pytest.mark.parametrize("step", ["prune_stalled_workers", "register_worker", "fetch_job"])
async def test_a_lane_that_the_database_lets_down_begins_anew(library, monkeypatch, step):
    """Each step that asks the database fails once, as by a deadlock or for want of a connection; every lane then works on."""
    monkeypatch.setattr(run, "register", lambda *_: None)
    monkeypatch.setattr(lanes, "_AGAIN", 0.01)
    monkeypatch.setattr(Application, "warm", lambda _: asyncio.sleep(0))
    right = getattr(JobManager, step)
    calls = 0
    worked = asyncio.Event()

    async def wrong_at_first(*arguments, **named):
        nonlocal calls
        calls += 1
        if calls <= 9:
            raise ConnectorException
        if calls >= 18:
            worked.set()
        return await right(*arguments, **named)

    monkeypatch.setattr(JobManager, step, wrong_at_first)
    stop = asyncio.Event()
    running = asyncio.create_task(run.run_worker(library.services, stop))
    waiting = asyncio.create_task(worked.wait())
    try:
        await asyncio.wait([running, waiting], timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
        assert worked.is_set(), running
        assert not running.done()
    finally:
        stop.set()
        waiting.cancel()
        await running


@pytest.fixture
async def worked_once(library, monkeypatch):
    """A picture whose work was begun once by a running worker, and does what `work` says."""
    monkeypatch.setattr(lanes, "_AGAIN", 0.01)
    monkeypatch.setattr(Application, "warm", lambda _: asyncio.sleep(0))
    asset_id = await library.take_in()
    stop, ran = asyncio.Event(), asyncio.Event()
    tasks = []

    async def begin(work):
        async def make_variants(scope, wanted, attempt):
            ran.set()
            await work(scope, wanted)

        monkeypatch.setattr(library.services.pictures, "make_variants", make_variants)
        tasks.append(asyncio.create_task(run.run_worker(library.services, stop)))
        await asyncio.wait_for(ran.wait(), PATIENCE)
        return asset_id

    yield begin
    stop.set()
    await asyncio.gather(*tasks)


async def until_none_is_running(library, asset_id):
    """Wait until no job of an asset is marked as running."""
    async with asyncio.timeout(PATIENCE):
        while library.jobs(asset_id, "doing"):  # noqa: ASYNC110 - the database sets no event here
            await asyncio.sleep(0.02)


async def test_a_job_to_be_begun_again_gives_way_to_the_same_one_that_waits(library, worked_once):
    """Else it would be marked as running as long as its worker lives, and nobody would find out that its work was lost."""

    async def fail_beside_another(scope, asset_id):
        job, later = Job(Task.MAKE_VARIANTS, scope.tenant_id, asset_id), datetime.now(UTC) + timedelta(hours=1)
        async with library.services.upkeep._database.write() as connection:
            await library.services.queue.enqueue(connection, job, Urgency.NEW, later)
        raise Unavailable("the store is away")

    asset_id = await worked_once(fail_beside_another)
    await until_none_is_running(library, asset_id)
    assert library.jobs(asset_id) == ["make_variants"]


async def test_the_end_of_a_job_is_noted_once_the_database_is_back(library, worked_once, monkeypatch):
    """However often it cannot be; nobody else looks after the jobs of a worker that lives."""
    right, faults = JobManager.finish_job, [ConnectorException() for _ in range(3)]

    async def wrong_at_first(*arguments, **named):
        if faults:
            raise faults.pop()
        return await right(*arguments, **named)

    monkeypatch.setattr(JobManager, "finish_job", wrong_at_first)
    asset_id = await worked_once(lambda *_: asyncio.sleep(0))
    await until_none_is_running(library, asset_id)
    assert library.jobs(asset_id) == []
    assert not faults


async def test_a_job_that_others_have_ended_holds_nothing(library, worked_once):
    """While its worker stood still it was given away and done: the lane goes on, however often that happens."""
    further = [await library.take_in() for _ in range(8)]
    worked = set()

    async def be_overtaken(_, asset_id):
        library.sql("DELETE FROM procrastinate_jobs WHERE args->>'asset_id' = %s", str(asset_id))
        worked.add(asset_id)

    first = await worked_once(be_overtaken)
    async with asyncio.timeout(PATIENCE):
        while worked < {first, *further}:  # noqa: ASYNC110 - polled until all are there
            await asyncio.sleep(0.02)


async def test_a_lane_that_falls_does_not_wait_for_ends_that_cannot_be_noted(library, worked_once, monkeypatch):
    """Another takes its place, and what could not be noted is given to it."""
    fetch = JobManager.fetch_job
    worked, fallen = [], asyncio.Event()

    async def fall_once(manager, queues, worker_id):
        if worked and list(queues) == [Lane.PICTURES.value] and not fallen.is_set():
            fallen.set()
            raise ConnectorException
        return await fetch(manager, queues, worker_id)

    async def never(*_, **__):
        raise ConnectorException

    async def note(_, asset_id):
        worked.append(asset_id)

    monkeypatch.setattr(JobManager, "fetch_job", fall_once)
    monkeypatch.setattr(JobManager, "finish_job", never)
    await worked_once(note)
    async with asyncio.timeout(PATIENCE):
        await fallen.wait()
        second = await library.take_in()
        while second not in worked:  # noqa: ASYNC110 - polled until it is there
            await asyncio.sleep(0.02)
