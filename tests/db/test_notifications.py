"""What waits for the database sleeps until it is told something."""

from __future__ import annotations

import asyncio
import contextlib
import os

import psycopg
import pytest

from calotype.db.held_lock import holding
from calotype.db.notifications import listening


@pytest.fixture
async def looks(monkeypatch):
    """Grows each time a socket is waited for."""
    loop, found = asyncio.get_running_loop(), []
    add_reader = loop.add_reader
    monkeypatch.setattr(loop, "add_reader", lambda *what: [found.append(what), add_reader(*what)])
    return found


async def test_who_listens_is_woken_by_a_notification_only(database_url, looks):
    """Nothing is looked at while nothing is told, and what is told arrives."""
    async with listening(database_url, "quiet") as payloads, contextlib.aclosing(payloads):
        looks.clear()
        waiting = asyncio.ensure_future(anext(payloads))
        await asyncio.sleep(0.5)
        found = len(looks)
        with psycopg.connect(database_url, autocommit=True) as other:
            other.execute("NOTIFY quiet, 'something'")
        assert await waiting == "something"
    assert found == 1


async def test_who_holds_a_lock_sleeps(database_url, looks):
    """Until the connection is lost, of which it hears at once."""
    number = int.from_bytes(os.urandom(7))
    async with holding(database_url, number) as lost:
        await asyncio.sleep(0)
        looks.clear()
        await asyncio.sleep(0.5)
        found = len(looks)
        with psycopg.connect(database_url, autocommit=True) as other:
            other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' "
                "AND (classid::bigint << 32) + objid::bigint = %s",
                [number],
            )
        await lost.wait()
    assert found <= 1
