"""Videos that have a row before their bytes get them once, or are given up with a reason."""

from __future__ import annotations

import asyncio

import pytest

from calotype.domain.asset import State
from calotype.domain.errors import QuotaExceeded
from calotype.domain.video import IndexingStatus
from tests.services.films import PROBE

URL = "https://example.com/film.mp4"


@pytest.fixture
def announcing(cinema):
    """The service that uploads use."""
    return cinema.services.video_uploads.announcing


async def test_a_video_gets_its_bytes_and_its_work(cinema, announcing):
    """Size, type, dimensions and object are those of what came; what waited for it is queued."""
    video_id = await cinema.upload_url(URL)
    assert await announcing.begin(cinema.scope, video_id) is not None
    assert (await cinema.one(video_id)).video.download is State.PROCESSING
    received = await cinema.bring(video_id)
    assert await announcing.fulfil(received)
    found = await cinema.one(video_id)
    assert (found.video.download, found.video.probe) == (State.COMPLETED, PROBE)
    assert (found.asset.size_bytes, found.asset.checksum) == (received.size_bytes, received.checksum)
    assert (found.asset.object_key, found.asset.format) == (received.object_key, "mp4")
    assert (found.asset.width, found.asset.height) == (64, 48)
    assert {"make_variants", "index_video"} <= set(cinema.library.jobs(video_id))
    await cinema.index(video_id)
    await cinema.expect_whole(video_id)
    assert await announcing.begin(cinema.scope, video_id) is None


async def test_of_two_downloads_one_is_taken(cinema, announcing):
    """The other one's object goes, and takes nothing of the first with it."""
    video_id = await cinema.upload_url(URL)
    brought = [await cinema.bring(video_id) for _ in range(2)]
    taken = await asyncio.gather(*(announcing.fulfil(received) for received in brought))
    assert sorted(taken) == [False, True]
    for received, is_taken in zip(brought, taken, strict=True):
        if not is_taken:
            await cinema.services.video_uploads.receiver.discard(received)
    winner = brought[taken.index(True)]
    assert cinema.library.objects() == {winner.object_key}
    assert (await cinema.one(video_id)).asset.checksum == winner.checksum


async def test_a_download_that_is_given_up_says_why(cinema, announcing):
    """Its indexing has failed with it; the video stays readable, and is not begun again."""
    video_id = await cinema.upload_url(URL)
    await announcing.give_up(cinema.scope, video_id, "the server answered 404")
    found = await cinema.one(video_id)
    assert (found.video.download, found.video.download_error) == (State.FAILED, "the server answered 404")
    assert found.video.indexing is IndexingStatus.FAILED
    assert found.run is not None
    assert (found.run.status, found.run.error) == (IndexingStatus.FAILED, "the server answered 404")
    assert await announcing.begin(cinema.scope, video_id) is None
    assert not await announcing.fulfil(await cinema.bring(video_id))
    cinema.library.lose_jobs(video_id)
    await cinema.services.upkeep.requeue_missing()
    assert cinema.library.jobs(video_id) == []


async def test_a_video_deleted_while_it_is_downloaded_keeps_its_bytes_for_its_restoration(cinema, announcing):
    """They came after all; nothing is done with them until it is restored."""
    video_id = await cinema.upload_url(URL)
    received = await cinema.bring(video_id)
    await cinema.services.videos.delete(cinema.scope, [video_id])
    assert await announcing.begin(cinema.scope, video_id) is None
    assert await announcing.fulfil(received)
    assert cinema.library.jobs(video_id) == []
    await cinema.services.trash.restore(cinema.scope, video_id)
    assert sorted(cinema.library.jobs(video_id)) == ["index_video", "make_variants"]


async def test_a_video_purged_while_it_is_downloaded_takes_nothing(cinema, announcing):
    """Whoever brings the bytes is told that nobody waits."""
    video_id = await cinema.upload_url(URL)
    received = await cinema.bring(video_id)
    await cinema.services.videos.delete(cinema.scope, [video_id])
    await cinema.services.trash.purge_due()
    assert not await announcing.fulfil(received)


async def test_a_quota_counts_what_came(cinema, announcing):
    """Bytes are counted when they are known; a video above the quota gets none of them."""
    cinema.library.sql("UPDATE tenant SET storage_quota_bytes = 100 WHERE id = %s", cinema.scope.tenant_id)
    video_id = await cinema.upload_url(URL)
    received = await cinema.bring(video_id)
    with pytest.raises(QuotaExceeded):
        await announcing.fulfil(received)
    assert not (await cinema.one(video_id)).video.is_here


async def test_a_download_that_was_lost_is_queued_again(cinema):
    """Nothing else of it is, until its bytes are here."""
    video_id = await cinema.upload_url(URL)
    cinema.library.lose_jobs(video_id)
    await cinema.services.upkeep.requeue_missing()
    await cinema.services.upkeep.requeue_missing()
    assert cinema.library.jobs(video_id) == ["download_video"]
