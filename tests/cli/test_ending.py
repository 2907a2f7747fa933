"""A worker that has stopped ends, whatever the libraries beneath it have left running."""

from __future__ import annotations

import asyncio
import threading

import pytest

from calotype.cli import serving
from tests.running import PATIENCE


@pytest.mark.parametrize("lost", [1, 3, None])
def test_what_loses_its_cancellation_does_not_keep_a_worker_from_ending(monkeypatch, lost):
    """Once, several times, or for ever: what was to be done is done, and then the run is over."""
    monkeypatch.setattr(serving, "_PARTING", 1.0)
    told = []

    async def deaf():
        left = lost
        while left is None or left > 0:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                left = None if left is None else left - 1
        await asyncio.sleep(3600)

    async def main():
        task = asyncio.create_task(deaf())
        await asyncio.sleep(0)
        told.append(task)

    running = threading.Thread(target=serving._uvloop_run, args=[main()], daemon=True)
    running.start()
    running.join(PATIENCE)
    assert not running.is_alive()
    assert told[0].cancelled() or lost is None


def test_what_fails_is_told(monkeypatch):
    """The end of the rest hides no error."""

    async def main():
        raise RuntimeError("lost")

    with pytest.raises(RuntimeError, match="lost"):
        serving._uvloop_run(main())
