"""How far single uploads are, told of files, of announcements and of what never became a file."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from calotype.domain.asset import State
from calotype.domain.errors import NotFound
from calotype.domain.upload import UploadOptions
from calotype.domain.upload_status import IntentStatus, UploadPhase
from calotype.domain.video import NewVideo
from tests.services.batches import FAILED, FailingStore, options, photos, send, work
from tests.services.library import chunks, photo


async def status(library, upload_id):
    """The status of one upload."""
    return await library.services.upload_status.get(library.scope, upload_id)


async def stuck(library, minutes=30, limit=100):
    """(ids, how many) of stuck uploads, each of which must say so of itself."""
    untouched = timedelta(minutes=minutes)
    found, total = await library.services.upload_status.stuck(library.scope, untouched, limit)
    assert all(upload.is_stuck(datetime.now(UTC), untouched) for upload in found)
    assert [upload.updated_at for upload in found] == sorted(upload.updated_at for upload in found)
    return [upload.id for upload in found], total


def age(library, upload_id, minutes):
    """Let everything about an upload have happened so many minutes earlier."""
    back = f"created_at = created_at - make_interval(mins => {minutes})"
    for table in ("asset", "presigned_upload"):
        library.sql(f"UPDATE {table} SET {back} WHERE id = %s", upload_id)
    ended = back.replace("created_at", "completed_at")
    library.sql(f"UPDATE operation SET {back}, {ended} WHERE asset_id = %s", upload_id)


async def test_a_file_goes_from_queued_over_processing_to_completed(library):
    """Running jobs are named while there are any, and the end has a time and a duration."""
    asset_id = await library.take_in()
    seen = [await status(library, asset_id)]
    await library.services.pictures.make_variants(library.scope, asset_id, 1)
    seen.append(await status(library, asset_id))
    await work(library, asset_id)
    seen.append(await status(library, asset_id))

    assert [found.phase.value for found in seen] == ["queued", "processing", "completed"]
    assert [len(found.jobs) for found in seen] == [3, 1, 0]
    assert [found.completed_at is None for found in seen] == [True, True, False]
    assert seen[2].seconds > 0
    assert seen[0].updated_at < seen[1].updated_at < seen[2].updated_at == seen[2].completed_at
    assert all((found.stored, found.error, found.intent) == (State.COMPLETED, None, None) for found in seen)


async def test_a_file_that_fails_says_why_and_when(library):
    """Every part failed: failed; the description alone: partially completed."""
    broken, wordless = await library.take_in(), await library.take_in()
    await library.services.pictures._fail(await library.asset(broken), "cannot be decoded")
    await library.services.pictures.make_variants(library.scope, wordless, 1)
    await library.services.descriptions._fail(await library.asset(wordless), "no words")

    failed, partly = await status(library, broken), await status(library, wordless)
    assert (failed.phase, failed.error) == (UploadPhase.FAILED, "cannot be decoded")
    assert (partly.phase, partly.error) == (UploadPhase.PARTIALLY_COMPLETED, "no words")
    assert failed.failed_at == failed.completed_at
    assert partly.created_at < partly.failed_at


async def test_a_file_that_is_made_again_is_under_way_again(library):
    """Its old end is forgotten until the new one."""
    asset_id = await library.take_in(auto_describe=False)
    await library.services.pictures._fail(await library.asset(asset_id), "a bad day")
    await library.services.assets.trigger_variants(library.scope, asset_id)

    again = await status(library, asset_id)
    assert (again.phase, again.completed_at, again.error) == (UploadPhase.QUEUED, None, None)
    await work(library, asset_id)
    assert (await status(library, asset_id)).phase is UploadPhase.COMPLETED


async def test_attempts_of_its_job_are_counted(library):
    """A job that had to be begun again says how often; a file without a job says 0."""
    asset_id = await library.take_in()
    library.sql("UPDATE procrastinate_jobs SET attempts = 3 WHERE args->>'asset_id' = %s", str(asset_id))
    assert (await status(library, asset_id)).retries == 3
    library.lose_jobs(asset_id)
    assert (await status(library, asset_id)).retries == 0


async def test_an_announced_upload_goes_from_uploading_over_confirming_to_its_file(library):
    """Nothing there, bytes there, and then a file like any other."""
    presigned, data = library.services.presigned, photo()
    announced = await presigned.initiate(library.scope, "a.jpg", len(data), UploadOptions(auto_describe=False))
    seen = [await status(library, announced.upload_id)]
    await presigned.put(library.scope, announced.upload_id, chunks(data))
    seen.append(await status(library, announced.upload_id))
    await presigned.confirm(library.scope, announced.upload_id, announced.object_key, len(data))
    seen.append(await status(library, announced.upload_id))
    await work(library, announced.upload_id)
    seen.append(await status(library, announced.upload_id))

    assert [found.phase.value for found in seen] == ["uploading", "confirming", "queued", "completed"]
    assert [found.stored.value for found in seen] == ["pending", "completed", "completed", "completed"]
    assert [found.intent.value for found in seen] == ["pending", "pending", "confirmed", "confirmed"]
    assert [(found.variants, found.description) for found in seen[:2]] == [(None, None)] * 2


@pytest.mark.parametrize("with_bytes", [False, True])
async def test_an_announced_upload_that_expired_has_failed_until_it_is_forgotten(library, with_bytes):
    """Whether its bytes came or not, before and after they were removed."""
    announced = await library.services.presigned.initiate(library.scope, "a.jpg", 10_000, UploadOptions())
    if with_bytes:
        await library.services.presigned.put(library.scope, announced.upload_id, chunks(photo()))
    for hours in (0, 48):
        library.sql(
            "UPDATE presigned_upload SET expires_at = now() - make_interval(hours => %s, secs => 1) WHERE id = %s",
            hours,
            announced.upload_id,
        )
        await library.services.presigned.reap()
        found = await status(library, announced.upload_id)
        assert (found.phase, found.intent, found.stored) == (UploadPhase.FAILED, IntentStatus.EXPIRED, State.FAILED)
        assert found.error
        assert found.failed_at == found.completed_at <= datetime.now(UTC)


async def test_a_file_of_a_batch_names_the_session_that_stored_it(library):
    """Not one that skipped it as a duplicate; one that failed to be stored is known by its session only."""
    data = photo()
    first = await send(library, [("a.jpg", data)])
    await send(library, [("copy.jpg", data)], options(skip_duplicates=True))
    asset_id = first.items[0].asset_id
    assert (await status(library, asset_id)).session_id == first.session_id
    await library.services.sessions.cancel(library.scope, first.session_id)
    assert (await status(library, asset_id)).session_id == first.session_id

    single = await library.take_in()
    assert (await status(library, single)).session_id is None


async def test_a_file_that_could_not_be_stored_has_failed(library, monkeypatch):
    """Its id is in no list, but who asks for it is told."""
    monkeypatch.setattr(library.services.ingest, "_store", FailingStore(library.services.ingest._store, "/1.jpg"))
    result = await send(library, photos(2))
    assert result.items[1].outcome is FAILED

    found = await status(library, result.items[1].asset_id)

    assert (found.phase, found.stored, found.session_id) == (UploadPhase.FAILED, State.FAILED, result.session_id)
    assert found.error == result.items[1].error
    assert found.failed_at == found.completed_at
    assert (found.variants, found.description, found.jobs) == (None, None, ())


async def test_what_is_deleted_purged_foreign_or_unknown_is_not_there(library):
    """Also a file of a batch that failed to be developed and is gone for good while its session is still known."""
    result = await send(library, photos(2))
    failed, fine = (item.asset_id for item in result.items)
    await library.services.pictures._fail(await library.asset(failed), "broken")
    other = await library.neighbour()
    for upload_id in (failed, fine):
        with pytest.raises(NotFound):
            await status(other, upload_id)
        await library.services.trash.delete(library.scope, upload_id)
        with pytest.raises(NotFound):
            await status(library, upload_id)
    await library.services.trash.purge_due()
    for upload_id in (failed, fine, uuid4()):
        with pytest.raises(NotFound):
            await status(library, upload_id)
    announced = await library.services.presigned.initiate(library.scope, "a.jpg", 10, UploadOptions())
    with pytest.raises(NotFound):
        await status(other, announced.upload_id)


async def test_a_video_that_does_not_arrive_from_its_url_is_stuck(library):
    """While it waits and while it is fetched; one whose download has failed is not."""
    announcing = library.services.video_uploads.announcing
    video = NewVideo("a.mp4", None, source_url="http://a.example/a.mp4")
    ids = [await announcing.announce(library.scope, "a.mp4", video, auto_describe=True) for _ in range(3)]
    for index, asset_id in enumerate(ids):
        age(library, asset_id, 90 - index)
    await announcing.begin(library.scope, ids[1])
    library.sql("UPDATE video SET download_status = 'failed' WHERE asset_id = %s", ids[2])

    assert await stuck(library) == (ids[:2], 2)


async def test_stuck_uploads_are_those_untouched_for_so_long_the_oldest_first(library):
    """By the last thing that happened to them; finished, failed, trashed and foreign ones are not among them."""
    ids = [await library.take_in() for _ in range(6)]
    oldest, old, stepped, finished, trashed, young = ids
    for upload_id, minutes in ((oldest, 90), (old, 45), (stepped, 90), (finished, 90), (trashed, 90), (young, 10)):
        age(library, upload_id, minutes)
    await library.services.pictures.make_variants(library.scope, stepped, 1)
    library.sql("UPDATE asset SET variant_status = 'completed', description_status = 'failed' WHERE id = %s", finished)
    await library.services.trash.delete(library.scope, trashed)
    announced = await library.services.presigned.initiate(library.scope, "a.jpg", 10, UploadOptions())
    age(library, announced.upload_id, 60)
    expired = await library.services.presigned.initiate(library.scope, "a.jpg", 10, UploadOptions())
    age(library, expired.upload_id, 60)
    library.sql("UPDATE presigned_upload SET expires_at = now() WHERE id = %s", expired.upload_id)
    other = await library.neighbour()
    age(library, await other.take_in(), 90)

    assert await stuck(library) == ([oldest, announced.upload_id, old], 3)
    assert await stuck(library, minutes=5) == ([oldest, announced.upload_id, old, young], 4)
    assert await stuck(library, minutes=50) == ([oldest, announced.upload_id], 2)
    assert await stuck(library, limit=1) == ([oldest], 3)
    assert await stuck(library, minutes=5_000_000) == ([], 0)
