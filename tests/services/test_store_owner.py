"""A process with the wrong database takes nobody's library for leftovers."""

from __future__ import annotations

import pytest

from calotype.domain.object_keys import OWNER_KEY
from calotype.services.store_owner import OWNER_REMEDY
from tests.running import new_migrated_database
from tests.services.library import library as open_library
from tests.services.library import photo


@pytest.fixture
async def stranger(library, database_url):
    """The services of a process over the same object store that was given an empty database."""
    async with open_library(new_migrated_database(database_url), library._data_dir) as made:
        yield made.services


async def findings(services):
    """What the doctor says of the store's owner: whether it is a fault, and what to do."""
    checks = await services.doctor.examine(services.reindexing)
    return [(check.is_fault, check.remedy) for check in checks if check.name == "storage owner"]


async def test_what_belongs_to_another_installation_is_not_swept(library, stranger):
    """However old it is, and although the empty database knows none of it; the doctor says so, to the stranger alone."""
    await library.finished(photo())
    await library.services.upkeep.sweep()
    before = library.objects()
    assert len(before) > 1

    assert await stranger.upkeep.sweep() == 0
    assert library.objects() == before
    assert await findings(stranger) == [(True, OWNER_REMEDY)]
    assert await findings(library.services) == []


async def test_what_is_older_than_the_database_is_not_swept(library, database_url):
    """Of a store that nobody has marked as well: it can be no leftover of a database that was not there yet."""
    await library.finished(photo())
    store = library.services.upkeep._store
    await store.delete(OWNER_KEY)
    before = library.objects()
    try:
        async with open_library(new_migrated_database(database_url), library._data_dir) as made:
            left = f"uploads/{made.scope.tenant_id}/{made.scope.tenant_id}/left.jpg"
            await store.put(left, b"left behind")
            assert await made.services.upkeep.sweep() == 1
            assert left not in made.objects()
            assert library.objects() == before
    finally:
        await store.delete(OWNER_KEY)


async def test_the_mark_goes_with_the_database(library, twin):
    """Every process over it finds the store to be its own, and the mark is no leftover to any of them."""
    assert await library.services.upkeep.claim_store()
    assert await twin.upkeep.claim_store()
    await library.take_in(photo())
    assert await twin.upkeep.sweep() == 0
    assert await twin.upkeep.claim_store()
