"""Assets are read back as they were written, and only by their own tenant, the trash included."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid4

from calotype.db import asset, color, description, operation, picture, trash
from calotype.domain.asset import (
    Asset,
    State,
    UploadMethod,
)
from calotype.domain.picture import CaptureTime
from tests.db.rows import (
    LATER,
    NOW,
    add,
    add_one,
    count_assets,
    developed,
    new_asset,
    record,
    step_of,
)

NOON = CaptureTime(datetime.fromisoformat("2024-07-01T12:00:00"), "client", 120, "client")


async def test_a_new_asset_is_read_back_as_it_was_written(database, scope):
    """Every value of a new asset survives, and what nobody knows yet is empty."""
    new = new_asset(
        scope.tenant_id,
        title="Pier ‼ — 東京",
        tags=("b", "a", "it's"),
        upload_method=UploadMethod.PRESIGNED,
        size_bytes=2**40,
        auto_describe=False,
        description_status=State.SKIPPED,
        storage_target="custom",
        captured=NOON,
    )
    async with database.write() as connection:
        await add(connection, new)
    async with database.read() as connection:
        found = await asset.select_asset(connection, scope, new.id)
    expected = {name: getattr(new, name) for name in new.__slots__ if name != "captured"}
    assert found == Asset(**expected, created_at=NOW, updated_at=NOW, captured_at=NOON.moment)


async def test_assets_of_other_tenants_do_not_exist(database, scope, other_scope):
    """No way to a row leads past its tenant."""
    new = new_asset(scope.tenant_id, checksum="ab" * 32)
    async with database.write() as connection:
        await add(connection, new)
    async with database.write() as connection:
        theirs = other_scope.any()
        assert await asset.select_asset(connection, theirs, new.id) is None
        assert await asset.select_assets(connection, theirs, [new.id]) == {}
        assert await asset.select_assets_by_prefix(connection, theirs, str(new.id)[:8], 5) == []
        assert await asset.select_assets_by_checksum(connection, theirs, [new.checksum]) == {}
        assert await asset.update_asset(connection, theirs, new.id, {"title": "mine"}) is False
        step = (new.id, "variant_status", [State.PENDING], State.FAILED)
        assert await asset.update_status(connection, theirs, *step) is None
        assert await trash.update_deleted(connection, other_scope, [new.id], NOW) == set()
        assert await asset.delete_asset(connection, theirs, new.id) is False
        assert await count_assets(connection, theirs) == 0
        assert await asset.select_asset(connection, scope, new.id) is not None


async def test_assets_are_found_by_the_beginning_of_their_id(database, scope):
    """Eight hexadecimal digits are a range of ids, both ends included."""
    prefix = uuid4().hex[:8]
    ids = [UUID(prefix + rest * 24) for rest in "0f"]
    for identity in ids:
        await add_one(database, scope, id=identity)
    await add_one(database, scope)
    async with database.read() as connection:
        found = await asset.select_assets_by_prefix(connection, scope, prefix, 5)
        assert {one.id for one in found} == set(ids)
        assert len(await asset.select_assets_by_prefix(connection, scope, prefix, 1)) == 1


async def test_the_oldest_live_asset_of_a_content_is_the_one(database, scope):
    """Of several with the same content the first counts; trashed ones do not."""
    content = uuid4().hex * 2
    second = await add_one(database, scope, LATER, checksum=content)
    first = await add_one(database, scope, NOW, checksum=content)
    async with database.write() as connection:
        found = await asset.select_assets_by_checksum(connection, scope, [content])
        assert found[content].id == first
        await trash.update_deleted(connection, scope, [first], NOW)
        found = await asset.select_assets_by_checksum(connection, scope, [content])
        assert found[content].id == second


async def test_a_state_moves_on_only_from_the_states_named(database, scope):
    """A step that another process took already is not taken twice."""
    identity = await add_one(database, scope)
    async with database.write() as connection:
        step = (scope, identity, "variant_status", [State.PENDING], State.PROCESSING)
        moved = await asset.update_status(connection, *step)
        assert moved
        assert moved.variant_status is State.PROCESSING
        assert await asset.update_status(connection, *step) is None


async def test_what_hangs_on_an_asset_goes_with_it(database, scope):
    """Deleting the row leaves nothing behind."""
    identity = await add_one(database, scope)
    async with database.write() as connection:
        await operation.insert_operations(connection, scope, [step_of(identity)])
        await description.insert_description(connection, scope, identity, record())
        await picture.update_developed(connection, scope, identity, developed(), {})
        assert await asset.delete_asset(connection, scope, identity)
        assert await operation.select_operations(connection, scope, identity) == []
        assert await description.select_descriptions(connection, scope, identity) == []
        assert await color.select_colors(connection, scope, identity) == ()
        assert await picture.select_facts(connection, scope, identity) is None


async def test_the_trash_keeps_and_gives_back(database, scope, other_scope):
    """A trashed asset is seen by the trash only, is due when its time has come, and can be restored once."""
    identity = await add_one(database, scope)
    async with database.write() as connection:
        assert await trash.update_deleted(connection, scope, [identity, uuid4()], NOW) == {identity}
        assert await trash.update_deleted(connection, scope, [identity], LATER) == set()
        assert await asset.select_asset(connection, scope, identity) is None
        trashed = await asset.select_asset(connection, scope.trashed(), identity)
        assert trashed
        assert trashed.deleted_at == NOW
        assert (scope.tenant_id, identity) not in await trash.select_due_for_purge(connection, NOW, 1000)
        assert (scope.tenant_id, identity) in await trash.select_due_for_purge(connection, LATER, 1000)
        assert await trash.update_restored(connection, other_scope, identity, LATER) is False
        assert await trash.update_restored(connection, scope, identity, LATER) is True
        assert await trash.update_restored(connection, scope, identity, LATER) is False
        restored = await asset.select_asset(connection, scope, identity)
        assert restored
        assert (restored.deleted_at, restored.updated_at) == (None, LATER)
