"""Tenants, keys, and what is asked over all of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from calotype.db import api_key, asset, presigned_upload, tenant, trash, upkeep
from calotype.db.health import select_clock, select_extension_versions
from calotype.db.installation import select_signing_secret
from calotype.domain.asset import (
    State,
)
from tests.db.rows import (
    LATER,
    NOW,
    START,
    add,
    add_one,
    announced,
    count_assets,
    new_asset,
)


async def test_a_tenant_is_made_once(database):
    """The same name is the same tenant."""
    name = f"tenant {uuid4()}"
    async with database.write() as connection:
        first = await tenant.insert_tenant(connection, name, NOW)
        assert await tenant.insert_tenant(connection, name, LATER) == first
        found = await tenant.select_tenant(connection, first, lock=True)
        assert found
        assert (found.name, found.storage_quota_bytes, found.monthly_upload_limit) == (name, None, None)
        assert found in await tenant.select_tenants(connection)
        assert await tenant.select_tenant(connection, uuid4()) is None


async def test_stored_bytes_count_the_trash_and_what_may_still_come(database, scope, other_scope):
    """A quota counts what takes space, until it is purged, reaped or refused."""
    trashed = await add_one(database, scope, size_bytes=1000)
    await add_one(database, scope, size_bytes=20)
    await add_one(database, other_scope, size_bytes=5)
    open_one, confirmed = announced(scope, declared_size=300), announced(scope, declared_size=7)
    async with database.write() as connection:
        await trash.update_deleted(connection, scope, [trashed], NOW)
        for upload in (open_one, confirmed):
            await presigned_upload.insert_presigned_upload(connection, scope, upload)
        await presigned_upload.update_presigned_upload(connection, scope, confirmed.id, {"confirmed_at": NOW})
        assert await tenant.select_stored_bytes(connection, scope) == 1320
        await presigned_upload.update_presigned_upload(connection, scope, open_one.id, {"reaped_at": NOW})
        await asset.delete_asset(connection, scope.any(), trashed)
        assert await tenant.select_stored_bytes(connection, scope) == 20
        assert await tenant.select_stored_bytes(connection, other_scope) == 5


async def test_uploads_of_a_month_are_counted_from_its_first_moment(database, scope):
    """Deleting does not give an upload back."""
    kept = await add_one(database, scope, NOW)
    await add_one(database, scope, NOW - timedelta(microseconds=1))
    async with database.write() as connection:
        await trash.update_deleted(connection, scope, [kept], NOW)
        assert await tenant.select_upload_count(connection, scope, NOW) == 1


async def test_a_key_works_until_it_is_revoked(database, scope):
    """Keys are found by hash only, revoked once, and remember their last use."""
    secret = uuid4().bytes * 2
    async with database.write() as connection:
        before = await api_key.select_api_key_count(connection)
        key_id = await api_key.insert_api_key(
            connection, scope.tenant_id, "name", hint="calo_ab", secret_hash=secret, now=NOW, expires_at=LATER
        )
        assert await api_key.select_api_key_count(connection) == before + 1
        found = await api_key.select_api_key_by_hash(connection, secret)
        assert found == api_key.StoredKey(key_id, scope.tenant_id, LATER, None)
        assert await api_key.select_api_key_by_hash(connection, secret[::-1] + b"x") is None
        await api_key.update_api_keys_used(connection, {key_id: LATER, uuid4(): NOW})
        assert await api_key.update_api_key_revoked(connection, key_id, NOW) is True
        assert await api_key.update_api_key_revoked(connection, key_id, LATER) is False
        (listed,) = [key for key in await api_key.select_api_keys(connection) if key.id == key_id]
        assert (listed.name, listed.hint, listed.revoked_at, listed.last_used_at) == ("name", "calo_ab", NOW, LATER)


async def test_unfinished_work_is_found_oldest_first(database, scope):
    """Assets with open work come in order, page by page; finished and trashed ones do not."""
    early = datetime(1999, 1, 1, tzinfo=UTC)
    moments = [early + timedelta(minutes=minute) for minute in (1, 0, 0)]
    ids = [await add_one(database, scope, moment) for moment in moments]
    await add_one(database, scope, early, variant_status=State.COMPLETED, description_status=State.SKIPPED)
    gone = await add_one(database, scope, early)
    async with database.write() as connection:
        await trash.update_deleted(connection, scope, [gone], NOW)
        before = early + timedelta(hours=1)
        found = await upkeep.select_unfinished(connection, before, START, 2)
        assert [one.id for one, _ in found] == sorted(ids[1:])
        rest = await upkeep.select_unfinished(connection, before, (found[-1][1], found[-1][0].id), 2)
        assert [one.id for one, _ in rest] == ids[:1]
        assert rest[0][0].variant_status is State.PENDING


async def test_rows_another_worker_looks_at_are_left_to_it(database, scope):
    """Two workers that look for lost work at once never queue the same asset."""
    moment = datetime(1998, 1, 1, tzinfo=UTC)
    identity = await add_one(database, scope, moment)
    async with database.write() as one, database.write() as other:
        before = moment + timedelta(minutes=1)
        assert [found.id for found, _ in await upkeep.select_unfinished(one, before, START, 10)] == [identity]
        assert await upkeep.select_unfinished(other, before, START, 10) == []


async def test_known_keys_are_those_of_rows(database, scope):
    """Objects of assets, trashed ones too, and of open announcements have rows; anything else has none."""
    identity = await add_one(database, scope)
    open_one, reaped = announced(scope), announced(scope)
    keys = [f"uploads/{scope.tenant_id}/{one}/x.jpg" for one in (identity, open_one.id, reaped.id, uuid4())]
    async with database.write() as connection:
        await trash.update_deleted(connection, scope, [identity], NOW)
        for upload in (open_one, reaped):
            await presigned_upload.insert_presigned_upload(connection, scope, upload)
        await presigned_upload.update_presigned_upload(connection, scope, reaped.id, {"reaped_at": NOW})
        assert await upkeep.select_known_keys(connection, [*keys, "loose"]) == set(keys[:2])


async def test_all_originals_are_walked_by_id(database, scope):
    """Every row comes once, whatever the size of the steps."""
    mine = {await add_one(database, scope) for _ in range(3)}
    seen: list[UUID] = []
    async with database.read() as connection:
        while found := await upkeep.select_next_originals(connection, seen[-1] if seen else None, 1000):
            seen += [identity for identity, _ in found]
    assert mine <= set(seen)
    assert len(set(seen)) == len(seen)


async def test_the_signing_secret_is_made_once(database):
    """All nodes sign with the same secret."""
    async with database.write() as connection:
        first = await select_signing_secret(connection, NOW)
    async with database.write() as connection:
        assert await select_signing_secret(connection, LATER) == first
    assert len(first) >= 32


async def test_the_server_tells_its_time_and_versions(database):
    """What doctor asks for is there."""
    async with database.read() as connection:
        assert (await select_clock(connection)).tzinfo is not None
        version, extensions = await select_extension_versions(connection)
    assert int(version.split(".")[0]) >= 15
    assert "vector" in extensions


async def test_a_snapshot_sees_one_moment(database, scope):
    """Rows that come while a listing is put together do not change it."""
    async with database.snapshot() as connection:
        assert await count_assets(connection, scope) == 0
        await add_one(database, scope)
        assert await count_assets(connection, scope) == 0
    async with database.read() as connection:
        assert await count_assets(connection, scope) == 1


async def test_a_failed_transaction_leaves_nothing(database, scope):
    """A block that raises undoes all it has written."""

    async def fail() -> None:
        async with database.write() as connection:
            await add(connection, new_asset(scope.tenant_id))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    async with database.read() as connection:
        assert await count_assets(connection, scope) == 0
