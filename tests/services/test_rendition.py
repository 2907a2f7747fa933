"""A form that browsers play is made once, when it is first asked for, and belongs to its row."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from calotype.domain.asset import State
from calotype.domain.errors import NotFound, NotReady, SandboxFailure, UndecodableVideo
from calotype.services.attempts import MOST_BEGINNINGS
from tests.services.films import CRASH, NO_START, PROBE


@pytest.fixture
async def odd(cinema):
    """A video that browsers do not play, after somebody asked for one they do."""
    cinema.children.probe = replace(PROBE, video_codec="prores")
    video_id = await cinema.upload(index=False)
    with pytest.raises(NotReady):
        await cinema.services.media.playback(cinema.scope, video_id)
    return video_id


def renditions(cinema, video_id):
    """The objects there are."""
    return {key for key in cinema.library.objects() if f"{video_id}/rendition_" in key}


async def test_it_is_asked_for_once_and_then_played(cinema, odd):
    """A second question while it is made queues nothing; then it is sent as MP4."""
    with pytest.raises(NotReady):
        await cinema.services.media.playback(cinema.scope, odd)
    assert cinema.library.jobs(odd).count("make_rendition") == 1
    await cinema.services.renditions.make(cinema.scope, odd, 1)
    sent = await cinema.services.media.playback(cinema.scope, odd)
    assert renditions(cinema, odd) == {sent.object_key}
    assert sent.content_type == "video/mp4"
    await cinema.services.renditions.make(cinema.scope, odd, 1)
    assert cinema.children.calls.count("render") == 1


async def test_two_workers_leave_one(cinema, odd):
    """The second one's object goes; the row's is there."""
    going_on = cinema.children.hold("render")
    working = [asyncio.create_task(cinema.services.renditions.make(cinema.scope, odd, 1)) for _ in range(2)]
    await cinema.children.begun["render"].wait()
    going_on.set()
    await asyncio.gather(*working)
    found = (await cinema.one(odd)).video.rendition
    assert found.status is State.COMPLETED
    assert renditions(cinema, odd) == {found.object_key}


async def test_a_deleted_video_is_let_go_and_goes_on_after_its_restoration(cinema, odd):
    """Encoding ends with the deletion; the restored video gets its job back."""
    cinema.children.hold("render")
    working = asyncio.create_task(cinema.services.renditions.make(cinema.scope, odd, 1))
    await cinema.children.begun["render"].wait()
    await cinema.services.videos.delete(cinema.scope, [odd])
    await asyncio.wait_for(working, 60)
    assert renditions(cinema, odd) == set()
    cinema.children.held.clear()
    await cinema.services.trash.restore(cinema.scope, odd)
    assert "make_rendition" in cinema.library.jobs(odd)
    await cinema.services.renditions.make(cinema.scope, odd, 1)
    assert (await cinema.services.media.playback(cinema.scope, odd)).object_key in renditions(cinema, odd)


@pytest.mark.parametrize("fault", [UndecodableVideo("cut off"), CRASH])
async def test_what_cannot_be_made_says_why(cinema, odd, fault):
    """And is not tried for ever; reprocessing lets it be asked for again."""
    cinema.children.fail("render", *[fault] * 3)
    await cinema.services.renditions.make(cinema.scope, odd, 1)
    with pytest.raises(NotFound) as refused:
        await cinema.services.media.playback(cinema.scope, odd)
    assert not isinstance(refused.value, NotReady)
    assert fault.message in refused.value.message
    await cinema.services.videos.reprocess(cinema.scope, [odd])
    with pytest.raises(NotReady):
        await cinema.services.media.playback(cinema.scope, odd)


async def test_passing_faults_are_raised_and_deadly_ones_counted(cinema, odd):
    """A process that could not start is another attempt's matter; a worker lost again and again is not."""
    cinema.children.fail("render", NO_START)
    with pytest.raises(SandboxFailure):
        await cinema.services.renditions.make(cinema.scope, odd, 1)
    assert (await cinema.one(odd)).video.rendition.status is State.PROCESSING
    await cinema.services.renditions.make(cinema.scope, odd, MOST_BEGINNINGS + 1)
    assert (await cinema.one(odd)).video.rendition.status is State.FAILED


async def test_a_lost_job_is_queued_again(cinema, odd):
    """Once, whatever else the video waits for."""
    cinema.library.lose_jobs(odd)
    await cinema.services.upkeep.requeue_missing()
    await cinema.services.upkeep.requeue_missing()
    assert cinema.library.jobs(odd).count("make_rendition") == 1
