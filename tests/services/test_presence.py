"""A process is seen for as long as it lives, and seen again soon when its connection was lost."""

from __future__ import annotations

import asyncio

import psycopg
import pytest

from calotype.db import held_lock
from calotype.db import presence as rows
from calotype.db.engine import Database
from calotype.domain.errors import Unavailable
from calotype.services import presence as service
from calotype.services.presence import Presence
from tests.services.batches import until


@pytest.fixture
async def database(own_database):
    """A pool of its own."""
    opened = Database(own_database)
    yield opened
    await opened.aclose()


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    """A lost connection is soon made again, and nobody looks by himself whether it is lost."""
    monkeypatch.setattr(service, "_AGAIN", 0.01)
    monkeypatch.setattr(held_lock, "_LOOK", 600.0)


async def present(database):
    """The keys that are seen."""
    async with database.read() as connection:
        return await rows.select_present(connection)


_HOLDERS = (
    "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = %s AND granted "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


def holders(database, key):
    """The connections that show a process."""
    with psycopg.connect(database.url, autocommit=True) as connection:
        return {row[0] for row in connection.execute(_HOLDERS, [key])}


async def until_present(database, key, *, is_present=True):
    """Wait until a process is seen, or no longer."""
    await until(lambda: bool(holders(database, key)) == is_present)
    assert (key in await present(database)) == is_present


def kill(database, key):
    """End the connection that shows a process; returns which it was."""
    (pid,) = holders(database, key)
    with psycopg.connect(database.url, autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    return pid


async def test_a_process_is_seen_while_it_runs(database):
    """From the beginning of the block to its end, and beside others."""
    first, second = Presence(database.url), Presence(database.url)
    async with first.running():
        assert first.key in await present(database)
        async with second.running():
            assert {first.key, second.key} <= await present(database)
        await until_present(database, second.key, is_present=False)
        assert first.key in await present(database)
    await until_present(database, first.key, is_present=False)


async def test_the_smallest_and_the_largest_key_are_seen(database, monkeypatch):
    """All 31 bits come through unchanged."""
    for key in (0, 1, 2**15, 2**31 - 1):
        process = Presence(database.url)
        process.key = key
        async with process.running():
            assert key in await present(database)


async def test_a_lost_connection_is_noticed_at_once_and_made_again(database):
    """However often; meanwhile the process works on under the same key."""
    process = Presence(database.url)
    async with process.running():
        pids = set()
        for _ in range(3):
            pids.add(kill(database, process.key))
            await until_present(database, process.key)
        assert len(pids) == 3


async def test_a_database_that_stays_away_is_tried_until_it_is_back(database, monkeypatch):
    """A process that once was seen does not give up."""
    process = Presence(database.url)
    attempts = []
    is_back = asyncio.Event()
    connect = held_lock.WaitingConnection.connect

    async def refusing(*arguments, **values):
        attempts.append(1)
        if not is_back.is_set():
            raise OSError("no route")
        return await connect(*arguments, **values)

    async with process.running():
        monkeypatch.setattr(held_lock.WaitingConnection, "connect", refusing)
        kill(database, process.key)
        await until(lambda: len(attempts) >= 3)
        assert not holders(database, process.key)
        is_back.set()
        await until_present(database, process.key)


async def test_a_process_that_cannot_be_seen_does_not_begin(tmp_path):
    """It says so instead of working unseen."""
    process = Presence(f"postgresql://nobody@/none?host={tmp_path}")
    with pytest.raises(Unavailable):
        async with process.running():
            pass


async def test_both_ends_notice_a_machine_that_vanished(database, monkeypatch):
    """The server, which holds the lock, asks as well as the client: else a dead machine would be seen for hours."""
    asked = {}
    connect = held_lock.WaitingConnection.connect

    async def noted(url, **values):
        asked.update(values)
        return await connect(url, **values)

    monkeypatch.setattr(held_lock.WaitingConnection, "connect", noted)
    async with Presence(database.url).running():
        assert asked["keepalives_idle"] == 5
        assert asked["tcp_user_timeout"] < 60_000
        assert "tcp_keepalives_idle=5" in asked["options"]


async def test_a_process_that_ends_leaves_no_task_and_no_connection(database):
    """Whenever it is cancelled."""
    before = asyncio.all_tasks()
    for turn in range(20):
        process = Presence(database.url)

        async def live(process=process):
            async with process.running():
                await asyncio.sleep(600)

        living = asyncio.create_task(live())
        await asyncio.sleep(turn * 0.0005)  # not waited for: only so that each turn meets another moment
        living.cancel()
        await asyncio.wait([living], timeout=30)
        assert living.done()
        await until_present(database, process.key, is_present=False)
    assert asyncio.all_tasks() == before
