"""A worker outlives what ends the library's worker of one lane."""

from __future__ import annotations

import asyncio

import pytest
from procrastinate.exceptions import ConnectorException
from procrastinate.manager import JobManager

from calotype.bootstrap import Application
from calotype.worker import lanes, run
from tests.running import PATIENCE
from tests.services.library import library as open_library


@pytest.fixture
async def library(own_database, tmp_path):
    """A library with little to prepare."""
    async with open_library(own_database, tmp_path, worker_processes=1) as made:
        yield made


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
