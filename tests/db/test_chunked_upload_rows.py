"""Rows of uploads in chunks, and the lock of whoever puts one together."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from calotype.db import chunked_upload, tenant, upkeep
from calotype.domain.chunked_upload import ChunkedStatus, ChunkedUpload, ChunkTally, Priority, UploadChunk
from tests.db.rows import LATER, NOW


def upload(scope, **values):
    """An upload of three chunks."""
    known = ChunkedUpload(
        id=uuid4(),
        tenant_id=scope.tenant_id,
        upload_id="secret",
        batch_id=uuid4(),
        object_key="uploads/x",
        original_filename="x.mp4",
        content_type="video/mp4",
        size_bytes=1 << 40,
        chunk_bytes=1 << 30,
        total_chunks=1 << 10,
        title=None,
        tags=("b", "a"),
        custom_metadata="{}",
        priority=Priority.HIGH,
        status=ChunkedStatus.UPLOADING,
        created_at=NOW,
        updated_at=NOW,
        expires_at=LATER,
    )
    return replace(known, **values)


def chunk(number, etag="etag", size=1 << 30):
    """A chunk as it is stored."""
    return UploadChunk(number, 0, f"chunks/{uuid4()}", size, etag, None)


@pytest.fixture
async def stored(database, scope):
    """An upload that has a row."""
    made = upload(scope)
    async with database.write() as connection:
        await chunked_upload.insert_chunked_upload(connection, scope, made)
    return made


async def test_an_upload_is_read_as_it_was_written_and_by_its_tenant_only(database, scope, other_scope, stored):
    """Sizes beyond 4 GiB are kept; another tenant sees and changes nothing."""
    async with database.write() as connection:
        assert await chunked_upload.select_chunked_upload(connection, scope, stored.id, lock=True) == stored
        assert await chunked_upload.select_chunked_upload(connection, other_scope, stored.id) is None
        await chunked_upload.upsert_chunk(connection, scope, stored.id, chunk(1), NOW)
        await chunked_upload.update_chunked_upload(connection, other_scope, stored.id, {"title": "mine"})
        await chunked_upload.update_chunk(connection, other_scope, stored.id, 1, {"confirmed_at": NOW})
        assert await chunked_upload.delete_chunks(connection, other_scope, stored.id) == []
        assert await chunked_upload.select_chunks(connection, other_scope, stored.id) == []
        assert await chunked_upload.select_chunk(connection, other_scope, stored.id, 1) is None
        assert await chunked_upload.select_tally(connection, other_scope, stored.id) == ChunkTally()
        assert await chunked_upload.select_chunked_upload(connection, scope, stored.id) == stored
        (found,) = await chunked_upload.select_chunks(connection, scope, stored.id)
    assert found.confirmed_at is None


async def test_a_tally_counts_what_is_stored_and_what_is_confirmed(database, scope, stored):
    """A chunk that was only asked for again has no bytes."""
    async with database.write() as connection:
        for number in (1, 2):
            await chunked_upload.upsert_chunk(connection, scope, stored.id, chunk(number), NOW)
        assert [await chunked_upload.upsert_retry(connection, scope, stored.id, 3) for _ in range(2)] == [1, 2]
        await chunked_upload.update_chunk(connection, scope, stored.id, 2, {"confirmed_at": LATER})
        tally = await chunked_upload.select_tally(connection, scope, stored.id)
    assert tally == ChunkTally(2, 2 << 30, 1, 1 << 30, LATER, 2)


@pytest.mark.parametrize(("etag", "size", "stays"), [("etag", 5, True), ("other", 5, False), ("etag", 6, False)])
async def test_a_chunk_that_comes_again_stays_confirmed_if_it_is_the_same(database, scope, stored, etag, size, stays):
    """Its retries are kept in any case."""
    async with database.write() as connection:
        await chunked_upload.upsert_retry(connection, scope, stored.id, 1)
        await chunked_upload.upsert_chunk(connection, scope, stored.id, chunk(1, size=5), NOW)
        await chunked_upload.update_chunk(connection, scope, stored.id, 1, {"confirmed_at": NOW})
        again = chunk(1, etag, size)
        await chunked_upload.upsert_chunk(connection, scope, stored.id, again, LATER)
        found = await chunked_upload.select_chunk(connection, scope, stored.id, 1)
    assert found == replace(again, retries=1, confirmed_at=NOW if stays else None)


async def test_open_uploads_count_towards_what_a_tenant_holds(database, scope, other_scope, stored):
    """Those that ended or were reaped do not, and nobody else's."""
    async with database.write() as connection:

        async def held(of):
            return await tenant.select_stored_bytes(connection, of), await tenant.select_upload_count(
                connection, of, NOW
            )

        assert await held(scope) == (stored.size_bytes, 1)
        assert await held(other_scope) == (0, 0)
        await chunked_upload.update_chunked_upload(connection, scope, stored.id, {"reaped_at": NOW})
        assert await held(scope) == (0, 0)
        await chunked_upload.update_chunked_upload(connection, scope, stored.id, {"reaped_at": None})
        await chunked_upload.update_ended(connection, scope, stored.id, ChunkedStatus.ABORTED, NOW, "why")
        assert await held(scope) == (0, 0)
        found = await chunked_upload.select_chunked_upload(connection, scope, stored.id)
    assert (found.error, found.completion, found.status) == ("why", None, ChunkedStatus.ABORTED)


async def test_only_expired_open_uploads_are_due(database, scope, stored):
    """The time decides, and each is due once."""

    async def due(connection, before):
        found = await chunked_upload.select_expired_uploads(connection, before, 10_000)
        return stored.id in {one.id for one in found}

    async with database.write() as connection:
        assert not await due(connection, stored.expires_at)
        assert await due(connection, stored.expires_at + timedelta(seconds=1))
        await chunked_upload.update_chunked_upload(connection, scope, stored.id, {"reaped_at": NOW})
        assert not await due(connection, stored.expires_at + timedelta(seconds=1))
        await chunked_upload.delete_forgotten_uploads(connection, NOW)
        assert await chunked_upload.select_chunked_upload(connection, scope, stored.id) is not None
        await chunked_upload.delete_forgotten_uploads(connection, NOW + timedelta(seconds=1))
        assert await chunked_upload.select_chunked_upload(connection, scope, stored.id) is None


async def test_the_sweep_knows_chunks_by_their_keys_and_originals_by_their_uploads(database, scope, stored):
    """A key beside that of a chunk is not known, although the id in it is."""
    folder = f"{scope.tenant_id}/{stored.id}"
    mine, other, original = f"chunks/{folder}/1_a", f"chunks/{folder}/1_b", f"uploads/{folder}/x.mp4"
    async with database.write() as connection:
        await chunked_upload.upsert_chunk(connection, scope, stored.id, replace(chunk(1), object_key=mine), NOW)
        assert await upkeep.select_known_keys(connection, [mine, other, original]) == {mine, original}
        assert await chunked_upload.delete_chunks(connection, scope, stored.id) == [mine]
        await chunked_upload.update_chunked_upload(connection, scope, stored.id, {"reaped_at": NOW})
        assert await upkeep.select_known_keys(connection, [mine, other, original]) == set()


async def test_one_at_a_time_puts_an_upload_together(database, scope, stored):
    """Others see it, and wait; whoever writes to the upload keeps it from beginning."""

    async def is_free():
        async with database.read() as connection:
            return await chunked_upload.keep_from_completing(connection, scope, stored.id)

    order = []

    async def second():
        async with chunked_upload.completing(database.url, stored.id):
            order.append("second")

    async with chunked_upload.completing(database.url, stored.id) as lost:
        assert not lost.is_set()
        assert not await is_free()
        waiting = asyncio.ensure_future(second())
        async with chunked_upload.completing(database.url, uuid4()):
            order.append("another upload")
        order.append("first")
    await waiting
    assert order == ["another upload", "first", "second"]
    assert await is_free()
    async with database.write() as connection:
        assert await chunked_upload.keep_from_completing(connection, scope, stored.id)
        async with database.write() as beside:
            assert await chunked_upload.keep_from_completing(beside, scope, stored.id)
        waiting = asyncio.ensure_future(second())
        await asyncio.wait([waiting], timeout=0.1)
        assert not waiting.done()
    await waiting
