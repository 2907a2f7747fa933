"""What a worker does from time to time: none of it keeps the rest from being done."""

from __future__ import annotations

import asyncio

import pytest

from calotype.bootstrap import Application
from calotype.worker import run
from tests.running import PATIENCE
from tests.services.library import library as open_library


@pytest.fixture
async def library(own_database, tmp_path):
    """A library with little to prepare, whose worker looks often."""
    async with open_library(own_database, tmp_path, worker_processes=1, upkeep_interval=1) as made:
        yield made


@pytest.mark.parametrize("chore", ["empty_trash", "sweep", "requeue_missing"])
async def test_jobs_of_the_dead_are_rescued_while_a_chore_takes_for_ever(library, monkeypatch, chore):
    """As the sweep through millions of objects, or the trash while the store is away."""
    monkeypatch.setattr(run, "register", lambda *_: None)
    monkeypatch.setattr(run, "_SWEEP_INTERVAL", 0.0)
    monkeypatch.setattr(Application, "warm", lambda _: asyncio.sleep(0))
    upkeep = library.services.upkeep
    begun, rescued, rescue = asyncio.Event(), asyncio.Event(), upkeep.rescue

    async def take_for_ever():
        begun.set()
        await asyncio.Event().wait()

    async def rescue_and_tell():
        if begun.is_set():
            rescued.set()
        return await rescue()

    monkeypatch.setattr(upkeep, chore, take_for_ever)
    monkeypatch.setattr(upkeep, "rescue", rescue_and_tell)
    stop = asyncio.Event()
    running = asyncio.create_task(run.run_worker(library.services, stop))
    try:
        await asyncio.wait_for(rescued.wait(), PATIENCE)
    finally:
        stop.set()
        await running
