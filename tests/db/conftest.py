"""A database with tenants of one's own for tests of `db/` and `jobs/`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from calotype.db.engine import Database
from calotype.db.tenant import insert_tenant
from calotype.domain.scope import Scope
from calotype.jobs.queue import JobQueue


@pytest.fixture(scope="session")
async def database(database_url: str) -> AsyncIterator[Database]:
    """The product's own pool over the test database."""
    opened = Database(database_url, pool_size=20)
    yield opened
    await opened.aclose()


@pytest.fixture
async def scope(database: Database) -> Scope:
    """The live assets of a new tenant."""
    return Scope(await new_tenant(database))


@pytest.fixture
async def other_scope(database: Database) -> Scope:
    """The live assets of a second new tenant."""
    return Scope(await new_tenant(database))


@pytest.fixture(scope="session")
def queue(database_url: str) -> JobQueue:
    """The queue of the test database."""
    return JobQueue(database_url)


async def new_tenant(database: Database) -> UUID:
    """Make a tenant that nobody else uses."""
    async with database.write() as connection:
        return await insert_tenant(connection, f"tenant {uuid4()}", datetime.now(UTC))
