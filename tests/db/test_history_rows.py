"""Descriptions, history and announced uploads are read back in their order, and only by their own tenant."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from calotype.db import description, operation, presigned_upload
from calotype.domain.asset import (
    OperationType,
    State,
)
from tests.db.rows import (
    LATER,
    NOW,
    add_one,
    announced,
    record,
    step_of,
)


async def test_descriptions_come_newest_first_and_to_their_tenant_only(database, scope, other_scope):
    """The newest description is the one that counts."""
    identity = await add_one(database, scope)
    old, new = record(NOW, "old"), record(LATER, "new")
    async with database.write() as connection:
        for one in (old, new):
            await description.insert_description(connection, scope, identity, one)
        assert await description.select_descriptions(connection, scope, identity) == [new, old]
        assert await description.select_descriptions(connection, other_scope, identity) == []


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


async def test_an_announced_upload_lives_from_initiate_to_confirm(database, scope, other_scope):
    """It is read back, changed and forgotten, by its own tenant only, and not once it is confirmed or has got other bytes."""
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
        forget = presigned_upload.delete_refused
        assert not await forget(connection, scope, upload.id, upload.object_key)
        await presigned_upload.update_presigned_upload(connection, scope, upload.id, {"confirmed_at": None})
        assert not await forget(connection, other_scope, upload.id, upload.object_key)
        assert not await forget(connection, scope, upload.id, "uploads/other-bytes")
        assert await presigned_upload.select_presigned_upload(connection, scope, upload.id) is not None
        assert await forget(connection, scope, upload.id, upload.object_key)
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
