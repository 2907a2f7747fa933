"""An upload that was announced and never confirmed goes away by itself, and so does what it reserved."""

from __future__ import annotations

import pytest

from calotype.domain.errors import Expired, NotFound, QuotaExceeded, Unavailable
from calotype.services.ingest import UploadOptions
from tests.services.library import chunks, photo


async def announced(library, data):
    """An upload whose bytes were put, but which nobody confirmed."""
    made = await library.services.presigned.initiate(library.scope, "a.jpg", len(data), UploadOptions())
    await library.services.presigned.put(library.scope, made.upload_id, chunks(data))
    return made


def age(library, upload_id, hours):
    """Let time pass for an announcement."""
    library.sql(
        "UPDATE presigned_upload SET expires_at = expires_at - make_interval(hours => %s), "
        "reaped_at = reaped_at - make_interval(hours => %s) WHERE id = %s",
        hours,
        hours,
        upload_id,
    )


async def test_an_hour_after_its_expiry_an_upload_is_reaped_with_its_bytes(library):
    """Confirm answers that it expired, at first and for a day after; then nobody remembers it."""
    data = photo()
    made = await announced(library, data)

    async def confirm():
        return await library.services.presigned.confirm(library.scope, made.upload_id, made.object_key, len(data))

    age(library, made.upload_id, 1)
    await library.services.presigned.reap()
    assert library.objects() == {made.object_key}
    with pytest.raises(Expired):
        await confirm()

    age(library, made.upload_id, 1)
    await library.services.presigned.reap()
    assert library.objects() == set()
    with pytest.raises(Expired):
        await confirm()
    with pytest.raises(Expired):
        await library.services.presigned.put(library.scope, made.upload_id, chunks(data))

    age(library, made.upload_id, 26)
    await library.services.presigned.reap()
    with pytest.raises(NotFound):
        await confirm()


async def test_reaping_gives_the_reserved_quota_back(library):
    """What was reserved for bytes that never came can be used by others."""
    library.sql("UPDATE tenant SET storage_quota_bytes = 50000 WHERE id = %s", library.scope.tenant_id)
    made = await library.services.presigned.initiate(library.scope, "a.jpg", 50_000, UploadOptions())
    with pytest.raises(QuotaExceeded):
        await library.take_in()

    age(library, made.upload_id, 2)
    await library.services.presigned.reap()

    await library.take_in()


async def test_a_confirmed_upload_is_never_reaped(library):
    """A file that somebody has stays, however old its announcement is."""
    data = photo()
    made = await announced(library, data)
    first = await library.services.presigned.confirm(library.scope, made.upload_id, made.object_key, len(data))

    age(library, made.upload_id, 100)
    await library.services.presigned.reap()

    assert library.objects() == {made.object_key}
    repeated = await library.services.presigned.confirm(library.scope, made.upload_id, made.object_key, len(data))
    assert repeated == first
    assert library.jobs(made.upload_id) == ["make_variants"]


async def test_bytes_that_a_crash_left_behind_after_reaping_are_swept(library, monkeypatch):
    """The mark comes first; should the server die before the bytes are gone, the sweep removes them."""
    made = await announced(library, photo())
    age(library, made.upload_id, 2)

    async def crash(key):
        raise ConnectionError(key)

    with monkeypatch.context() as patched:
        patched.setattr(library.services.presigned._store, "delete_many", crash)
        with pytest.raises(ConnectionError):
            await library.services.presigned.reap()
    assert library.objects() == {made.object_key}

    await library.services.upkeep.sweep()

    assert library.objects() == set()


async def test_bytes_beyond_those_announced_are_held_against_the_quota(library):
    """Announcing one byte does not make room for more than there is, and what was refused is not kept."""
    data = photo()
    library.sql("UPDATE tenant SET storage_quota_bytes = %s WHERE id = %s", len(data) - 1, library.scope.tenant_id)
    made = await library.services.presigned.initiate(library.scope, "a.jpg", 1, UploadOptions())

    with pytest.raises(QuotaExceeded):
        await library.services.presigned.put(library.scope, made.upload_id, chunks(data))

    assert library.objects() == set()


async def test_many_small_announcements_make_no_room_for_more_than_there_is(library):
    """What was put beyond its announcement stays counted until it is confirmed, once however often it is put, and after that."""
    pictures = [photo(quality=60) for _ in range(3)]
    room = len(pictures[0]) + len(pictures[1])
    library.sql("UPDATE tenant SET storage_quota_bytes = %s WHERE id = %s", room + 1, library.scope.tenant_id)
    uploads = library.services.presigned
    made = [await uploads.initiate(library.scope, "a.jpg", 1, UploadOptions()) for _ in pictures]

    for one, data in [*zip(made, pictures, strict=True)][:2]:
        await uploads.put(library.scope, one.upload_id, chunks(data))
        await uploads.put(library.scope, one.upload_id, chunks(data))
    with pytest.raises(QuotaExceeded):
        await uploads.put(library.scope, made[2].upload_id, chunks(pictures[2]))
    for one, data in [*zip(made, pictures, strict=True)][:2]:
        await uploads.confirm(library.scope, one.upload_id, one.object_key, len(data))
    with pytest.raises(QuotaExceeded):
        await uploads.put(library.scope, made[2].upload_id, chunks(pictures[2]))

    assert library.sql("SELECT sum(size_bytes) FROM asset WHERE tenant_id = %s", library.scope.tenant_id) == [(room,)]


async def test_what_a_purge_left_of_a_confirmed_upload_is_swept(library, monkeypatch):
    """The announcement, which is remembered for repetitions, keeps nothing once its asset is gone."""
    data = photo()
    made = await announced(library, data)
    await library.services.presigned.confirm(library.scope, made.upload_id, made.object_key, len(data))
    await library.services.trash.delete(library.scope, made.upload_id)

    async def away(*_):
        raise Unavailable("the object store is away")

    with monkeypatch.context() as patched:
        patched.setattr(library.services.trash._store, "delete_many", away)
        await library.services.trash.purge_due()
    assert library.objects()

    await library.services.upkeep.sweep()

    assert library.objects() == set()
