"""An upload that was announced and never confirmed goes away by itself, and so does what it reserved."""

from __future__ import annotations

import pytest

from calotype.domain.errors import Conflict, Expired, NotFound, QuotaExceeded, Unavailable, Unsupported
from calotype.domain.upload import UploadOptions
from calotype.services import presigned_upload
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


def stored_keys(library, made):
    """Where the bytes of an upload lie according to its row."""
    return {row[0] for row in library.sql("SELECT received_key FROM presigned_upload WHERE id = %s", made.upload_id)}


async def test_an_hour_after_its_expiry_an_upload_is_reaped_with_its_bytes(library):
    """Confirm answers that it expired, at first and for a day after; then nobody remembers it."""
    data = photo()
    made = await announced(library, data)

    async def confirm():
        return await library.services.presigned.confirm(library.scope, made.upload_id, made.object_key, len(data))

    age(library, made.upload_id, 1)
    await library.services.presigned.reap()
    assert library.objects() == stored_keys(library, made)
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

    assert library.objects() == stored_keys(library, made)
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
    assert library.objects() == stored_keys(library, made)

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


# --------------------------------------------------------------- many attempts


async def test_a_put_takes_the_place_of_the_one_before_and_the_sweep_knows_only_that(library):
    """Of several puts the bytes of the last stay, before and after the confirm, under the key that was announced to clients."""
    first, second = photo(), photo(50, 30)
    made = await announced(library, first)
    (replaced,) = library.objects()
    await library.services.presigned.put(library.scope, made.upload_id, chunks(second))
    (kept,) = library.objects()
    store = library.services.presigned._store
    await store.put(replaced, b"of a put that died")

    await library.services.upkeep.sweep()
    assert library.objects() == {kept}
    await library.services.presigned.confirm(library.scope, made.upload_id, made.object_key, len(second))
    await library.services.upkeep.sweep()

    assert library.objects() == {kept}
    asset = await library.asset(made.upload_id)
    assert (asset.object_key, asset.public_key) == (kept, made.object_key)
    assert await store.get(asset.object_key) == second


async def test_bytes_put_before_the_upgrade_lie_under_the_announced_key(library):
    """They are confirmed, or replaced and removed, like others."""
    data = photo()
    old, replaced = [await announced(library, data) for _ in range(2)]
    store = library.services.presigned._store
    for made in (old, replaced):
        (key,) = stored_keys(library, made)
        await store.delete(key)
        await store.put(made.object_key, data)
        library.sql("UPDATE presigned_upload SET received_key = NULL WHERE id = %s", made.upload_id)
    await library.services.upkeep.sweep()
    assert library.objects() == {old.object_key, replaced.object_key}

    await library.services.presigned.confirm(library.scope, old.upload_id, old.object_key, len(data))
    await library.services.presigned.put(library.scope, replaced.upload_id, chunks(data))

    assert library.objects() == {old.object_key} | stored_keys(library, replaced)


async def test_a_put_that_comes_to_nothing_leaves_what_was_there(library, monkeypatch):
    """Where the row cannot be written the bytes before it are still those of the row."""
    data = photo()
    made = await announced(library, data)

    async def fail(*_):
        raise Conflict("the row is not to be had")

    with monkeypatch.context() as patched:
        patched.setattr(presigned_upload, "update_presigned_upload", fail)
        with pytest.raises(Conflict):
            await library.services.presigned.put(library.scope, made.upload_id, chunks(photo(50, 30)))

    assert library.objects() == stored_keys(library, made)
    await library.services.presigned.confirm(library.scope, made.upload_id, made.object_key, len(data))
    assert await library.services.presigned._store.get((await library.asset(made.upload_id)).object_key) == data


@pytest.mark.parametrize("then", ["put", "confirmed"])
async def test_a_refused_confirm_takes_nothing_that_came_after_it(library, monkeypatch, then):
    """Good bytes that come while bad ones are being refused stay, confirmed or not."""
    bad, good = b"no image at all" * 10, photo()
    made = await announced(library, bad)
    uploads = library.services.presigned
    forget = uploads._forget

    async def overtaken(*arguments):
        await uploads.put(library.scope, made.upload_id, chunks(good))
        if then == "confirmed":
            await uploads.confirm(library.scope, made.upload_id, made.object_key, len(good))
        await forget(*arguments)

    monkeypatch.setattr(uploads, "_forget", overtaken)
    with pytest.raises(Unsupported):
        await uploads.confirm(library.scope, made.upload_id, made.object_key, len(bad))

    await uploads.confirm(library.scope, made.upload_id, made.object_key, len(good))
    assert await uploads._store.get((await library.asset(made.upload_id)).object_key) == good


async def test_bytes_that_are_replaced_while_they_are_looked_at_are_not_confirmed(library, monkeypatch):
    """The client is told to look again; a put answered meanwhile is what counts."""
    data, other = photo(), photo()
    other = other[: len(data)].ljust(len(data), b"\0")
    made = await announced(library, data)
    uploads = library.services.presigned
    accept = library.services.ingest.accept_stored

    async def replaced_meanwhile(*arguments):
        media = await accept(*arguments)
        await uploads.put(library.scope, made.upload_id, chunks(other))
        return media

    with monkeypatch.context() as patched:
        patched.setattr(library.services.ingest, "accept_stored", replaced_meanwhile)
        with pytest.raises(Conflict):
            await uploads.confirm(library.scope, made.upload_id, made.object_key, len(data))

    await uploads.confirm(library.scope, made.upload_id, made.object_key, len(other))
    assert await uploads._store.get((await library.asset(made.upload_id)).object_key) == other


async def test_what_is_refused_is_refused_also_while_the_store_is_away(library, monkeypatch):
    """The client hears what is wrong with its bytes; they are swept later."""
    bad = b"no image at all" * 10
    made = await announced(library, bad)
    uploads = library.services.presigned

    async def away(*_):
        raise Unavailable("the object store is away")

    with monkeypatch.context() as patched:
        patched.setattr(uploads._store, "delete_many", away)
        with pytest.raises(Unsupported):
            await uploads.confirm(library.scope, made.upload_id, made.object_key, len(bad))
    await library.services.upkeep.sweep()

    assert library.objects() == set()


async def test_no_transaction_waits_for_the_store(library, monkeypatch):
    """While bytes appear in the store, and are read from it, the row of their upload can be locked by others."""
    data = photo()
    made = await announced(library, data)
    uploads = library.services.presigned
    locks = []

    def looking(found):
        async def look(*arguments, **named):
            locks.append(library.sql("SELECT id FROM presigned_upload WHERE id = %s FOR UPDATE NOWAIT", made.upload_id))
            return await found(*arguments, **named)

        return look

    monkeypatch.setattr(uploads._store, "read_at", looking(uploads._store.read_at))
    await uploads.confirm(library.scope, made.upload_id, made.object_key, len(data))

    assert locks
