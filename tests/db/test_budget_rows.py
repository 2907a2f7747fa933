"""Rows of budget uses are counted by key and kind, and forgotten when their time is over."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import text

from calotype.db.budget import insert_budget_use, lock_budget, select_budget_use
from calotype.domain.budget import Budget
from calotype.services.api_key import ApiKeyService
from tests.db.rows import NOW

UPLOADS, SEARCHES = Budget.IMAGE_UPLOADS, Budget.IMAGE_SEARCHES
MICROSECOND = timedelta(microseconds=1)


@pytest.fixture
async def keys(database, scope):
    """Two keys of one tenant."""
    async with database.read() as connection:
        name = (
            await connection.execute(text("SELECT name FROM tenant WHERE id = :id"), {"id": scope.tenant_id})
        ).scalar_one()
    for _ in range(2):
        await ApiKeyService(database).create("test", tenant=name)
    async with database.read() as connection:
        return (
            (await connection.execute(text("SELECT id FROM api_key WHERE tenant_id = :id"), {"id": scope.tenant_id}))
            .scalars()
            .all()
        )


async def use(database, key, budget, *times):
    """Count calls."""
    async with database.write() as connection:
        for moment in times:
            await insert_budget_use(connection, key, budget, moment)


async def used(database, key, budget, since):
    """What is counted of a key since a moment."""
    async with database.write() as connection:
        return await select_budget_use(connection, key, budget, since)


async def rows(database, key):
    """How many rows a key has."""
    async with database.read() as connection:
        counted = await connection.execute(
            text("SELECT count(*) FROM budget_use WHERE api_key_id = :key"), {"key": key}
        )
        return counted.scalar_one()


async def test_calls_up_to_a_moment_are_forgotten(database, keys):
    """The moment itself is over; what came a microsecond later counts, and the oldest of it is told."""
    await use(database, keys[0], UPLOADS, NOW - MICROSECOND, NOW, NOW + MICROSECOND, NOW + 2 * MICROSECOND)
    assert await used(database, keys[0], UPLOADS, NOW) == (2, NOW + MICROSECOND)
    assert await rows(database, keys[0]) == 2
    assert await used(database, keys[0], UPLOADS, NOW + timedelta(days=1)) == (0, None)
    assert await rows(database, keys[0]) == 0


async def test_keys_and_kinds_are_apart(database, keys):
    """Counting or forgetting the calls of one touches no other."""
    await use(database, keys[0], UPLOADS, NOW, NOW)
    await use(database, keys[0], SEARCHES, NOW)
    await use(database, keys[1], UPLOADS, NOW + MICROSECOND)
    assert await used(database, keys[0], UPLOADS, NOW - MICROSECOND) == (2, NOW)
    assert await used(database, keys[0], UPLOADS, NOW) == (0, None)
    assert await used(database, keys[0], SEARCHES, NOW - MICROSECOND) == (1, NOW)
    assert await used(database, keys[1], UPLOADS, NOW) == (1, NOW + MICROSECOND)
    assert await used(database, keys[1], SEARCHES, NOW - MICROSECOND) == (0, None)


async def test_one_transaction_at_a_time_counts_a_key(database, keys):
    """A second one waits for the first to end; other keys and kinds do not."""
    waited = []

    async def count(key, budget):
        async with database.write() as connection:
            await lock_budget(connection, key, budget)
            waited.append((key, budget))

    async with database.write() as connection:
        await lock_budget(connection, keys[0], UPLOADS)
        same = asyncio.create_task(count(keys[0], UPLOADS))
        await count(keys[1], UPLOADS)
        await count(keys[0], SEARCHES)
        assert not same.done()
    await same
    assert waited == [(keys[1], UPLOADS), (keys[0], SEARCHES), (keys[0], UPLOADS)]


async def test_calls_are_counted_within_their_index(database, keys):
    """However many other keys have calls."""
    await use(database, keys[0], UPLOADS, NOW)
    async with database.read() as connection:
        query = text(
            "EXPLAIN SELECT count(*), min(used_at) FROM budget_use WHERE api_key_id = :key AND budget = :budget"
        )
        plan = "\n".join((await connection.execute(query, {"key": keys[0], "budget": UPLOADS.value})).scalars())
    assert "budget_use_by_key" in plan
    assert "Seq Scan" not in plan
