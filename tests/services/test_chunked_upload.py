"""Uploads in chunks below the web: what expires is reaped, what nobody knows is swept, and announcements are counted."""

from __future__ import annotations

import time

import pytest

from calotype.domain.chunked_upload import ChunkedStatus, NewChunkedUpload, Priority
from calotype.domain.errors import Conflict, Expired, NotFound, QuotaExceeded, Unavailable
from calotype.services.chunked_completion import CompletionRequest
from tests.services.chunked import PLAIN, Sender
from tests.small_film import small_film

FILM = NewChunkedUpload("film.mp4", "video/mp4", 10_000)


@pytest.fixture
async def sender(library, film, monkeypatch):
    """An announced film of several chunks."""
    return await Sender.begin(library, film, monkeypatch)


@pytest.fixture(scope="module")
def film():
    """A small film."""
    return small_film()


async def test_an_hour_after_its_expiry_an_upload_is_reaped_with_its_bytes(library, sender):
    """Everything answers that it expired, at first and for a day after; then nobody remembers it."""
    await sender.send()
    sender.age(24)
    await library.services.chunked_uploads.reap()
    assert len(library.objects()) == len(sender.numbers)
    with pytest.raises(Expired):
        await sender.complete()

    sender.age(2)
    await library.services.chunked_uploads.reap()
    assert library.objects() == set()
    for question in (sender.complete, sender.abort, sender.put, sender.progress):
        with pytest.raises(Expired):
            await question()

    sender.age(26)
    await library.services.chunked_uploads.reap()
    for question in (sender.complete, sender.abort, sender.put, sender.progress):
        with pytest.raises(NotFound):
            await question()


async def test_reaping_gives_the_reserved_quota_back(library, film, monkeypatch):
    """What was reserved for bytes that never came can be used by others."""
    quota = len(film) + 100
    library.sql("UPDATE tenant SET storage_quota_bytes = %s WHERE id = %s", quota, library.scope.tenant_id)
    sender = await Sender.begin(library, film, monkeypatch)
    with pytest.raises(QuotaExceeded):
        await library.services.chunked_uploads.initiate(library.scope, [FILM])
    sender.age(26)
    await library.services.chunked_uploads.reap()
    await library.services.chunked_uploads.initiate(library.scope, [FILM])


async def test_a_batch_that_exceeds_the_quota_announces_nothing(library):
    """The first fits and the second does not: neither is there."""
    library.sql("UPDATE tenant SET storage_quota_bytes = 15000 WHERE id = %s", library.scope.tenant_id)
    with pytest.raises(QuotaExceeded):
        await library.services.chunked_uploads.initiate(library.scope, [FILM, FILM])
    found = library.sql("SELECT id FROM chunked_upload WHERE tenant_id = %s", library.scope.tenant_id)
    assert found == []


async def test_a_completed_upload_is_remembered_for_as_long_as_its_file(library, sender):
    """The answer to complete is given again after any time, and forgotten with the file."""
    await sender.send()
    done = await sender.complete()
    sender.age(1000)
    await library.services.chunked_uploads.reap()
    assert await sender.complete() == done
    library.sql("DELETE FROM asset WHERE id = %s", sender.id)
    await library.services.chunked_uploads.reap()
    assert library.sql("SELECT id FROM chunked_upload WHERE id = %s", sender.id) == []


async def test_a_repeated_answer_has_a_link_that_works(library, sender):
    """The same link while it is good, another one afterwards."""
    await sender.send()
    done = await sender.complete()
    library.sql(
        "UPDATE chunked_upload SET completion = jsonb_set(completion::jsonb, '{linked_until}', to_jsonb(%s::text)) "
        "WHERE id = %s",
        "2020-01-01T00:00:00+00:00",
        sender.id,
    )
    library.sql(
        "UPDATE chunked_upload SET completion = jsonb_set(completion::jsonb, '{video_path}', '\"/old\"') WHERE id = %s",
        sender.id,
    )
    again = await sender.complete()
    assert again.video_path not in {"/old", ""}
    assert str(sender.id) in again.video_path
    assert (again.run_id, again.created_at, again.probe) == (done.run_id, done.created_at, done.probe)


async def test_chunks_nobody_knows_are_swept_and_no_others(library, sender):
    """What a crash left of a chunk goes, also beside a finished video; those that are waited for stay."""
    await sender.send()
    store = library.services.chunked_uploads._store
    folder = f"chunks/{library.scope.tenant_id}/{sender.id}"
    await store.put(f"{folder}/1_0123456789abcdef", b"left behind")
    known = library.objects() - {f"{folder}/1_0123456789abcdef"}

    await library.services.upkeep.sweep()
    assert library.objects() == known

    await sender.complete()
    await store.put(f"{folder}/1_0123456789abcdef", b"left behind")
    await library.services.upkeep.sweep()
    assert library.objects() == {await sender.original()}


async def test_what_an_aborted_upload_could_not_remove_is_swept(library, sender, monkeypatch):
    """The answer says that it is not clean yet; asked again it removes nothing more."""
    await sender.send()

    async def fail(keys):
        raise Unavailable("the store is away")

    with monkeypatch.context() as patched:
        patched.setattr(library.services.chunked_uploads._store, "delete_many", fail)
        aborted = await sender.abort()
    assert (aborted.removed, aborted.is_clean) == (len(sender.numbers), False)
    assert len(library.objects()) == len(sender.numbers)
    await library.services.upkeep.sweep()
    assert library.objects() == set()
    assert await sender.abort() == type(aborted)(0, is_clean=True)


async def test_a_replaced_chunk_leaves_no_object_behind(library, sender):
    """Each chunk has one object, however often it was put."""
    for _ in range(3):
        await sender.put()
    assert len(library.objects()) == 1


async def test_a_chunk_that_ends_after_its_upload_was_aborted_is_not_kept(library, sender):
    """The upload is looked at again when all bytes are there."""

    async def slow():
        yield sender.part(1)
        await sender.abort()

    with pytest.raises(Conflict):
        await library.services.chunked_uploads.put(library.scope, sender.id, 1, slow())
    assert library.objects() == set()


async def test_a_target_says_itself_until_when_it_may_be_used(library, sender):
    """Expired after its time, not found when any part of it was altered."""
    delivery = library.services.delivery
    now = int(time.time())

    def verify(path, number="1"):
        query = dict(pair.split("=") for pair in path.partition("?")[2].split("&"))
        delivery.verify_chunk(query["t"], str(sender.id), number, query["exp"], query["sig"])

    verify(delivery.chunk_path(library.scope.tenant_id, sender.id, 1, now + 100))
    with pytest.raises(Expired):
        verify(delivery.chunk_path(library.scope.tenant_id, sender.id, 1, now - 2))
    with pytest.raises(NotFound):
        verify(delivery.chunk_path(library.scope.tenant_id, sender.id, 1, now + 100), "2")


async def test_title_tags_and_metadata_become_those_of_the_file(library, film, monkeypatch):
    """What was announced is found by; the client's own words are kept as they are."""
    sender = await Sender.begin(library, film, monkeypatch, title="Pier", tags=("fog",), metadata={"camera": "über 7"})
    await sender.send()
    await sender.complete()
    asset = await library.asset(sender.id)
    assert (asset.title, asset.tags, asset.upload_method) == ("Pier", ("fog",), "CHUNKED")
    (document,) = library.sql("SELECT document FROM custom_metadata WHERE asset_id = %s", sender.id)[0]
    assert document == '{"camera":"\\u00fcber 7"}'


async def test_an_analysis_is_queued_with_the_kind_and_the_urgency_asked_for(library, film, monkeypatch):
    """One run and one job; without auto_analyze there is neither."""
    low = await Sender.begin(library, film, monkeypatch, priority=Priority.LOW)
    high = await Sender.begin(library, film, monkeypatch, priority=Priority.HIGH)
    for sender in (low, high):
        await sender.send()
        await sender.complete(CompletionRequest(analyze=True, kind="transcript"))
        runs = library.sql("SELECT kind, status FROM indexing_run WHERE asset_id = %s", sender.id)
        assert runs == [("transcript", "pending")]
        assert sorted(library.jobs(sender.id)) == ["index_video", "make_variants"]
    urgencies = [
        library.sql("SELECT DISTINCT priority FROM procrastinate_jobs WHERE args->>'asset_id' = %s", str(sender.id))
        for sender in (low, high)
    ]
    assert [len(found) for found in urgencies] == [1, 1]
    assert urgencies[0] < urgencies[1]
    none = await Sender.begin(library, film, monkeypatch)
    await none.send()
    assert (await none.complete(PLAIN)).run_id is None
    assert library.jobs(none.id) == ["make_variants"]


async def test_a_failed_upload_says_why_and_holds_nothing(library, monkeypatch):
    """Its bytes are gone, its quota is free, and its reason is kept."""
    sender = await Sender.begin(library, b"words " * 2000, monkeypatch)
    await sender.send()
    with pytest.raises(Exception, match="type"):
        await sender.complete()
    progress = await sender.progress()
    assert (progress.upload.status, progress.failed, progress.current) == (ChunkedStatus.FAILED, (), None)
    assert progress.upload.error
    assert library.objects() == set()
    assert (await sender.abort()).removed == 0
