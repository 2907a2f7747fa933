"""A database of their own for these tests, so that nobody else's jobs are in the queue."""

from __future__ import annotations

import pytest

from calotype.db.schema import migrate
from tests.running import new_database
from tests.services.library import library as open_library


@pytest.fixture(scope="module")
def own_database(database_url):
    """A migrated database that only this module uses."""
    url = new_database(database_url)
    migrate(url)
    return url


@pytest.fixture(scope="module")
async def shared(own_database, tmp_path_factory):
    """The services of this module."""
    async with open_library(own_database, tmp_path_factory.mktemp("library")) as made:
        yield made


@pytest.fixture
async def library(shared):
    """The library of a new tenant."""
    return await shared.neighbour()
