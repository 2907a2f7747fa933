"""Scenes as they are read, and asking for them to be found."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest

from calotype.domain.errors import Conflict, NotFound, UndecodableVideo
from calotype.domain.job import Urgency
from calotype.domain.video import IndexingStatus

FAULT = UndecodableVideo("cut off")


async def test_scenes_and_their_pictures_are_their_tenants(cinema):
    """Another tenant, a deleted video, a picture's id and an unknown one are all not found; so is a picture that is not there."""
    scenes, indexing = cinema.services.scenes, cinema.services.indexing
    video_id, fresh = await cinema.indexed(), await cinema.upload(index=False)
    scene = (await scenes.scenes(cinema.scope, video_id))[0]
    run = await indexing.newest(cinema.scope, video_id)
    assert await scenes.scenes(cinema.scope, fresh) == []
    neighbour, picture = await cinema.library.neighbour(), await cinema.library.take_in()
    asks = [
        (scenes.scenes, neighbour.scope, video_id),
        (scenes.scenes, cinema.scope, picture),
        (scenes.scenes, cinema.scope, uuid4()),
        (scenes.keyframe, neighbour.scope, scene.id),
        (scenes.keyframe, cinema.scope, uuid4()),
        (indexing.newest, neighbour.scope, video_id),
        (indexing.newest, cinema.scope, fresh),
        (indexing.run, neighbour.scope, run.id),
    ]
    for ask, scope, identity in asks:
        with pytest.raises(NotFound):
            await ask(scope, identity)
    await cinema.services.videos.delete(cinema.scope, [video_id])
    for ask, identity in ((scenes.scenes, video_id), (scenes.keyframe, scene.id), (indexing.run, run.id)):
        with pytest.raises(NotFound):
            await ask(cinema.scope, identity)


async def test_a_run_that_has_not_ended_is_found_again(cinema):
    """However often, and from wherever at once, it is asked for: one run, one job."""
    indexing = cinema.services.indexing
    video_id = await cinema.upload(index=False)
    found = await asyncio.gather(
        *(indexing.queue(cinema.scope, video_id, "full_vlm", Urgency.NEW) for _ in range(5)),
    )
    assert len({run.id for run, _ in found}) == 1
    assert cinema.library.jobs(video_id).count("index_video") == 1
    assert await cinema.services.videos.reprocess(cinema.scope, [video_id]) == 1
    assert cinema.library.jobs(video_id).count("index_video") == 1
    await cinema.index(video_id)
    again, _ = await indexing.queue(cinema.scope, video_id, "transcript", Urgency.BACKFILL)
    assert again.id != found[0][0].id
    assert again.kind == "transcript"
    with pytest.raises(NotFound):
        await indexing.queue(cinema.scope, uuid4(), "full_vlm", Urgency.NEW)
    with pytest.raises(NotFound):
        await indexing.queue((await cinema.library.neighbour()).scope, video_id, "full_vlm", Urgency.NEW)
    with pytest.raises(NotFound):
        await indexing.queue(cinema.scope, await cinema.library.take_in(), "full_vlm", Urgency.NEW)


async def test_a_video_whose_bytes_never_come_is_not_queued(cinema):
    """While it is downloaded its run waits; once that has failed there is nothing to wait for."""
    indexing = cinema.services.indexing
    video_id = await cinema.upload_url("https://example.com/film.mp4", index=False)
    run, _ = await indexing.queue(cinema.scope, video_id, "full_vlm", Urgency.NEW)
    assert run.status is IndexingStatus.PENDING
    assert cinema.library.jobs(video_id) == ["download_video"]
    await cinema.services.video_uploads.announcing.give_up(cinema.scope, video_id, "gone")
    assert (await indexing.newest(cinema.scope, video_id)).status is IndexingStatus.FAILED
    with pytest.raises(Conflict):
        await indexing.queue(cinema.scope, video_id, "full_vlm", Urgency.NEW)
    with pytest.raises(Conflict):
        await indexing.retry(cinema.scope, run.id, video_id)
    with pytest.raises(Conflict) as refused:
        await cinema.services.videos.reprocess(cinema.scope, [video_id])
    assert refused.value.context["reason"] == "video_not_ready"


async def test_a_failed_run_is_tried_again_three_times(cinema):
    """Each time once, whoever asks at once; and never one that is not the newest, or another video's."""
    indexing = cinema.services.indexing
    video_id, other = await cinema.upload(), await cinema.upload()
    first = await indexing.newest(cinema.scope, video_id)
    with pytest.raises(Conflict):
        await indexing.retry(cinema.scope, first.id, video_id)
    for number in range(1, 4):
        cinema.children.fail("scan", FAULT)
        await cinema.index(video_id)
        with pytest.raises(NotFound):
            await indexing.retry(cinema.scope, first.id, other)
        retried = await asyncio.gather(
            *(indexing.retry(cinema.scope, first.id, video_id) for _ in range(3)), return_exceptions=True
        )
        assert sum(isinstance(outcome, Conflict) for outcome in retried) == 2
        assert cinema.library.jobs(video_id).count("index_video") == 1
        assert (await indexing.newest(cinema.scope, video_id)).retries == number
    cinema.children.fail("scan", FAULT)
    await cinema.index(video_id)
    with pytest.raises(Conflict):
        await indexing.retry(cinema.scope, first.id, video_id)
    await cinema.services.videos.reprocess(cinema.scope, [video_id])
    with pytest.raises(Conflict):
        await indexing.retry(cinema.scope, first.id, video_id)


async def test_videos_are_reprocessed_all_or_none(cinema):
    """An unknown one, or one that has lost its bytes, keeps all others from being queued."""
    one, two = await cinema.upload(index=False), await cinema.upload(index=False)
    with pytest.raises(NotFound):
        await cinema.services.videos.reprocess(cinema.scope, [one, uuid4()])
    await cinema.services.pictures._store.delete((await cinema.one(two)).asset.object_key)
    with pytest.raises(Conflict) as refused:
        await cinema.services.videos.reprocess(cinema.scope, [one, two])
    assert refused.value.context["reason"] == "video_not_ready"
    assert [await cinema.state(video_id) for video_id in (one, two)] == [(None, 0), (None, 0)]
    assert await cinema.services.videos.reprocess(cinema.scope, [one]) == 1


async def test_jobs_ahead_are_counted(cinema):
    """Those of the lane that are begun before; urgent ones pass by."""
    indexing = cinema.services.indexing
    first, second = await cinema.upload(index=False), await cinema.upload(index=False)
    _, before = await indexing.queue(cinema.scope, first, "full_vlm", Urgency.BACKFILL)
    _, behind = await indexing.queue(cinema.scope, second, "full_vlm", Urgency.BACKFILL)
    assert behind == before + 1
    urgent = await cinema.upload(index=False)
    _, ahead = await indexing.queue(cinema.scope, urgent, "full_vlm", Urgency.INTERACTIVE)
    assert ahead < behind
