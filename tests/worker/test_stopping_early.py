"""A worker can be asked to stop at any moment, its first ones included."""

from __future__ import annotations

import asyncio

from calotype.bootstrap import Application
from calotype.worker import run
from tests.running import PATIENCE


async def test_a_worker_that_is_asked_to_stop_while_it_starts_stops(library, monkeypatch):
    """Wherever in its first queries the wish meets it, it ends; a lane that missed it would work on for ever."""
    monkeypatch.setattr(run, "register", lambda *_: None)  # the queue is empty, and tasks are made known once
    monkeypatch.setattr(Application, "warm", lambda _: asyncio.sleep(0))
    for turn in range(50):
        stop = asyncio.Event()
        running = asyncio.create_task(run.run_worker(library.services, stop))
        await asyncio.sleep(turn * 0.0006)  # not waited for: only so that each turn meets another moment
        stop.set()
        done, _ = await asyncio.wait([running], timeout=PATIENCE)
        assert done, f"a worker asked to stop {turn * 0.6:.1f} ms after its start goes on"
        await running
