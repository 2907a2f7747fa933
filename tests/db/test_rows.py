"""What is written to the tables is read back the same, and only by its own tenant."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import psycopg
import pytest

from calotype.db import api_key, asset, description, operation, picture, presigned_upload, tenant, trash, upkeep
from calotype.db.engine import pipelined
from calotype.db.health import select_clock, select_extension_versions
from calotype.db.installation import select_signing_secret
from calotype.domain.asset import (
    Asset,
    DescriptionRecord,
    Operation,
    OperationType,
    PictureFacts,
    State,
    StoredVariant,
    UploadMethod,
)
from calotype.domain.picture import (
    CaptureTime,
    DevelopedPicture,
    DominantColor,
    GpsPosition,
    PictureMetadata,
    VariantName,
)
from calotype.domain.scope import Scope
from tests.db.rows import NOW, add, add_one, new_asset

LATER = NOW + timedelta(days=1)


# ------------------------------------------------------------------ assets


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
    )
    async with database.write() as connection:
        await add(connection, new)
    async with database.read() as connection:
        found = await asset.select_asset(connection, scope, new.id)
    expected = {name: getattr(new, name) for name in new.__slots__}
    assert found == Asset(**expected, created_at=NOW, updated_at=NOW)


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
        assert await asset.select_asset_by_checksum(connection, theirs, new.checksum) is None
        assert await asset.update_asset(connection, theirs, new.id, {"title": "mine"}) is False
        step = (new.id, "variant_status", [State.PENDING], State.FAILED)
        assert await asset.update_status(connection, theirs, *step) is None
        assert await trash.update_deleted(connection, other_scope, [new.id], NOW) == set()
        assert await asset.delete_asset(connection, theirs, new.id) is False
        assert await asset.select_asset_count(connection, theirs) == 0
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
        found = await asset.select_asset_by_checksum(connection, scope, content)
        assert found
        assert found.id == first
        await trash.update_deleted(connection, scope, [first], NOW)
        found = await asset.select_asset_by_checksum(connection, scope, content)
        assert found
        assert found.id == second


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
        assert await picture.select_colors(connection, scope, identity) == ()
        assert await picture.select_facts(connection, scope, identity) is None


# ------------------------------------------------------------------- trash


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


# ---------------------------------------------------------------- pictures

METADATA = PictureMetadata(
    captured=CaptureTime(datetime(2020, 2, 29, 23, 30, 1, 500), "DateTimeOriginal", -330, "exif"),  # noqa: DTZ001 - wall time
    gps=GpsPosition(-33.5, 151.25, None),
    camera_make="Canon",
    exposure_time=1 / 3,
    keywords=("a", "ü"),
    orientation=6,
)


def developed(**values):
    """A picture as development makes it."""
    plain = DevelopedPicture(
        width=3000,
        height=4000,
        frames=1,
        bits=8,
        has_alpha=False,
        kind="photo",
        blur_hash="LKO2?U%2Tw=w]~RBVZRi};RPxuwH",
        phash=2**63 + 1,
        colors=(
            DominantColor(1, 60.5, (255, 0, 1), (53.1, 80.25, 67.0)),
            DominantColor(2, 39.5, (0, 0, 0), (0.0, 0.0, 0.0)),
        ),
        variants=(),
        metadata=METADATA,
    )
    return replace(plain, **values)


VARIANTS = {
    VariantName.TINY_64: StoredVariant("variants/t/a/tiny_64.jpg", "image/jpeg", 48, 64, 1000),
    VariantName.LARGE_1024: StoredVariant("variants/t/a/large_1024.jpg", "image/jpeg", 768, 1024, 200_000),
}


@pytest.mark.parametrize("metadata", [METADATA, PictureMetadata()])
async def test_a_developed_picture_is_read_back_as_it_was(database, scope, metadata):
    """Colours, facts, variants and the moment of capture survive."""
    identity = await add_one(database, scope)
    made = developed(metadata=metadata)
    async with database.write() as connection:
        assert await picture.select_facts(connection, scope, identity) is None
        await picture.update_developed(connection, scope, identity, made, VARIANTS)
        found = await asset.select_asset(connection, scope, identity)
        assert found
        assert found.variants == VARIANTS
        assert found.variant_status is State.COMPLETED
        assert (found.width, found.height, found.blur_hash) == (3000, 4000, made.blur_hash)
        utc = datetime(2020, 3, 1, 5, 0, 1, 500, UTC) if metadata.captured else None
        assert found.captured_at == utc
        assert await picture.select_colors(connection, scope, identity) == made.colors
        assert await picture.select_facts(connection, scope, identity) == PictureFacts(
            3000, 4000, 1, 8, False, "photo", metadata
        )


async def test_developing_again_replaces_the_colours(database, scope):
    """A second development leaves nothing of the first."""
    identity = await add_one(database, scope)
    one = DominantColor(1, 100.0, (1, 2, 3), (0.5, 0.0, -0.25))
    async with database.write() as connection:
        await picture.update_developed(connection, scope, identity, developed(), {})
        await picture.update_developed(connection, scope, identity, developed(colors=(one,)), {})
        assert await picture.select_colors(connection, scope, identity) == (one,)


async def test_a_pipeline_writes_what_a_connection_writes(database, scope):
    """Statements sent together have the same effect, values and types included."""
    new = new_asset(scope.tenant_id, title="it's 東京", tags=("a", "b"))
    made, step = developed(), step_of(new.id)
    async with database.write() as connection, pipelined(connection) as pipeline:
        await asset.insert_asset(pipeline, new, "'word':1A", NOW)
        await operation.insert_operations(pipeline, scope, [step])
        await picture.update_developed(pipeline, scope, new.id, made, VARIANTS)
    async with database.read() as connection:
        found = await asset.select_asset(connection, scope, new.id)
        assert found
        assert (found.title, found.tags, found.variants) == (new.title, new.tags, VARIANTS)
        assert found.checksum == new.checksum
        assert await operation.select_operations(connection, scope, new.id) == [step]
        assert await picture.select_colors(connection, scope, new.id) == made.colors


async def test_a_pipeline_that_fails_undoes_the_transaction(database, scope):
    """One bad statement leaves nothing of the others."""
    new = new_asset(scope.tenant_id)

    async def write_twice() -> None:
        async with database.write() as connection, pipelined(connection) as pipeline:
            await asset.insert_asset(pipeline, new, "", NOW)
            await asset.insert_asset(pipeline, new, "", NOW)

    with pytest.raises(psycopg.errors.UniqueViolation):
        await write_twice()
    async with database.read() as connection:
        assert await asset.select_asset_count(connection, scope) == 0


async def test_a_picture_of_another_tenant_is_not_developed(database, scope, other_scope):
    """A result for an asset that is gone from the scope is dropped."""
    identity = await add_one(database, scope)
    async with database.write() as connection:
        await picture.update_developed(connection, other_scope, identity, developed(), {})
        assert await picture.select_facts(connection, scope, identity) is None
        assert await picture.select_colors(connection, other_scope, identity) == ()


# ---------------------------------------------------- descriptions, history


def record(created_at: datetime = NOW, text: str = "A pier.") -> DescriptionRecord:
    """One description."""
    return DescriptionRecord(uuid4(), text, "NO ENTRY", 0.75, ("measured", "reader"), "standard", 12, created_at)


async def test_descriptions_come_newest_first_and_to_their_tenant_only(database, scope, other_scope):
    """The newest description is the one that counts."""
    identity = await add_one(database, scope)
    old, new = record(NOW, "old"), record(LATER, "new")
    async with database.write() as connection:
        for one in (old, new):
            await description.insert_description(connection, scope, identity, one)
        assert await description.select_descriptions(connection, scope, identity) == [new, old]
        assert await description.select_descriptions(connection, other_scope, identity) == []


def step_of(
    asset_id: UUID,
    kind: OperationType = OperationType.VARIANTS,
    status: State = State.PENDING,
    created_at: datetime = NOW,
) -> Operation:
    """One step of an asset's history."""
    return Operation(uuid4(), asset_id, kind, status, created_at, None, None)


async def test_the_history_is_read_back_oldest_first(database, scope, other_scope):
    """Several steps are written at once and come in the order they happened."""
    identity = await add_one(database, scope)
    steps = [
        step_of(identity, OperationType.DESCRIBE, created_at=LATER),
        replace(step_of(identity, OperationType.UPLOAD, State.FAILED), completed_at=LATER, error_message="why 'not'?"),
    ]
    async with database.write() as connection:
        await operation.insert_operations(connection, scope, steps)
        assert await operation.select_operations(connection, scope, identity) == steps[::-1]
        assert await operation.select_operations(connection, other_scope, identity) == []


async def test_open_steps_are_moved_on_and_closed_ones_stay(database, scope, other_scope):
    """Only what waits or runs, and only of the kinds named, is changed."""
    identity = await add_one(database, scope)
    done = step_of(identity, status=State.COMPLETED)
    old, waiting = step_of(identity), step_of(identity, created_at=LATER)
    other = step_of(identity, OperationType.DESCRIBE)
    async with database.write() as connection:
        await operation.insert_operations(connection, scope, [done, old, waiting, other])
        kind = OperationType.VARIANTS
        assert await operation.select_open_operation(connection, scope, identity, kind) == waiting
        assert await operation.select_open_operation(connection, other_scope, identity, kind) is None
        change = {"status": State.FAILED, "completed_at": LATER, "error_message": "broken"}
        await operation.update_open_operations(connection, other_scope, identity, [kind], **change)
        assert await operation.select_open_operation(connection, scope, identity, kind) == waiting
        await operation.update_open_operations(connection, scope, identity, [kind], **change)
        assert await operation.select_open_operation(connection, scope, identity, kind) is None
        found = {step.id: step for step in await operation.select_operations(connection, scope, identity)}
        assert found[done.id] == done
        assert found[other.id] == other
        assert found[waiting.id] == replace(waiting, **change)


# ------------------------------------------------------- presigned uploads


def announced(scope: Scope, **values) -> presigned_upload.PresignedUpload:
    """An upload as `initiate` announces it."""
    identity = uuid4()
    plain = presigned_upload.PresignedUpload(
        identity, scope.tenant_id, f"uploads/{identity}", "photo.jpg", 500, "Title", ("a", "b"), True, NOW, LATER
    )
    return replace(plain, **values)


async def test_an_announced_upload_lives_from_initiate_to_confirm(database, scope, other_scope):
    """It is read back, changed and forgotten, by its own tenant only."""
    upload = announced(scope)
    async with database.write() as connection:
        await presigned_upload.insert_presigned_upload(connection, scope, upload)
        assert await presigned_upload.select_presigned_upload(connection, scope, upload.id) == upload
        assert await presigned_upload.select_presigned_upload(connection, other_scope, upload.id) is None
        received = {"received_size": 7, "received_checksum": bytes(32)}
        await presigned_upload.update_presigned_upload(connection, other_scope, upload.id, {"received_size": 1})
        await presigned_upload.update_presigned_upload(connection, scope, upload.id, received)
        confirmed = {"confirmed_at": LATER, "confirmed_status": State.PENDING.value}
        await presigned_upload.update_presigned_upload(connection, scope, upload.id, confirmed)
        found = await presigned_upload.select_presigned_upload(connection, scope, upload.id, lock=True)
        assert found == replace(
            upload,
            received_size=7,
            received_checksum="00" * 32,
            confirmed_at=LATER,
            confirmed_status=State.PENDING,
        )
        await presigned_upload.delete_presigned_upload(connection, other_scope, upload.id)
        assert await presigned_upload.select_presigned_upload(connection, scope, upload.id) == found
        await presigned_upload.delete_presigned_upload(connection, scope, upload.id)
        assert await presigned_upload.select_presigned_upload(connection, scope, upload.id) is None


async def test_only_expired_unconfirmed_uploads_are_reaped(database, scope):
    """Confirmed ones stay, reaped ones are not reaped again and are forgotten in the end."""
    expired, confirmed, fresh, reaped = announced(scope), announced(scope), announced(scope), announced(scope)
    fresh = replace(fresh, expires_at=LATER + timedelta(seconds=1))
    async with database.write() as connection:
        for upload in (expired, confirmed, fresh, reaped):
            await presigned_upload.insert_presigned_upload(connection, scope, upload)
        await presigned_upload.update_presigned_upload(connection, scope, confirmed.id, {"confirmed_at": NOW})
        await presigned_upload.update_presigned_upload(connection, scope, reaped.id, {"reaped_at": NOW})
        due = await presigned_upload.select_due_for_reaping(connection, LATER + timedelta(microseconds=1), 1000)
        assert [upload.id for upload in due if upload.tenant_id == scope.tenant_id] == [expired.id]
        assert await presigned_upload.delete_reaped(connection, LATER) >= 1
        assert await presigned_upload.select_presigned_upload(connection, scope, reaped.id) is None
        assert await presigned_upload.select_presigned_upload(connection, scope, expired.id) == expired


# ------------------------------------------------- tenants, keys, the rest


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
        found = await upkeep.select_unfinished(connection, before, None, 2)
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
        assert [found.id for found, _ in await upkeep.select_unfinished(one, before, None, 10)] == [identity]
        assert await upkeep.select_unfinished(other, before, None, 10) == []


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
        assert await asset.select_asset_count(connection, scope) == 0
        await add_one(database, scope)
        assert await asset.select_asset_count(connection, scope) == 0
    async with database.read() as connection:
        assert await asset.select_asset_count(connection, scope) == 1


async def test_a_failed_transaction_leaves_nothing(database, scope):
    """A block that raises undoes all it has written."""

    async def fail() -> None:
        async with database.write() as connection:
            await add(connection, new_asset(scope.tenant_id))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    async with database.read() as connection:
        assert await asset.select_asset_count(connection, scope) == 0
