"""Indexing a video: whatever breaks, is deleted or comes twice, its rows, pictures and vectors belong together in the end."""

from __future__ import annotations

import asyncio

import pytest

from calotype.db import scene as scene_rows
from calotype.domain.errors import DescriptionFailed, Unavailable, UndecodablePicture, UndecodableVideo
from calotype.domain.job import MOST_PASSING_FAULTS, Urgency
from calotype.domain.video import IndexingStatus
from calotype.domain.video_search import SceneQuery
from calotype.services.attempts import MOST_BEGINNINGS
from calotype.services.video_upload import VideoRequest
from tests.films import BLUE, GREEN, RED, film
from tests.services.batches import Deputy
from tests.services.films import CRASH, NO_START
from tests.services.library import chunks

STEPS = ("scan", "develop")


async def test_an_indexed_video_has_its_scenes(cinema):
    """Each with a picture, a description and a vector; counts, states and history say so."""
    video_id = await cinema.upload(name="Harbour")
    assert cinema.library.jobs(video_id) == ["index_video", "make_variants"]
    assert await cinema.state(video_id) == ("pending", 0)

    await cinema.index(video_id)

    assert await cinema.state(video_id) == ("completed", 3)
    scenes = await cinema.scenes(video_id)
    assert [(scene.start, scene.end) for scene in scenes] == [(0, 1), (1, 2), (2, 3)]
    assert all(scene.description and scene.keyframe_key for scene in scenes)
    assert (await cinema.services.scenes.keyframe(cinema.scope, scenes[0].id))[:2] == b"\xff\xd8"
    run = await cinema.services.indexing.newest(cinema.scope, video_id)
    assert (run.status, run.progress, run.step, run.error) == (IndexingStatus.COMPLETED, 100, None, None)
    steps = cinema.library.sql("SELECT status FROM operation WHERE asset_id = %s AND type = 'analyze_video'", video_id)
    assert steps in ([("completed",)], [])
    await cinema.expect_whole(video_id)
    await cinema.index(video_id)  # a job that comes again finds nothing to do
    assert cinema.children.calls.count("scan") == 1


async def test_indexing_again_replaces_everything(cinema):
    """Fewer scenes leave no picture, row or vector of those before; ids are new."""
    video_id = await cinema.indexed(video=None)
    before = {scene.id for scene in await cinema.scenes(video_id)}
    cinema.children.scenes = 2
    assert await cinema.services.videos.reprocess(cinema.scope, [video_id, video_id]) == 1
    assert cinema.library.jobs(video_id) == ["index_video"]
    await cinema.index(video_id)
    assert await cinema.state(video_id) == ("completed", 2)
    assert not before & {scene.id for scene in await cinema.scenes(video_id)}
    await cinema.expect_whole(video_id)


@pytest.mark.parametrize("step", STEPS)
async def test_a_deleted_video_is_let_go_and_goes_on_after_its_restoration(cinema, step):
    """Wherever its indexing is: the work is broken off, nothing it stored is left, and the restored video is indexed."""
    video_id = await cinema.upload()
    cinema.forget_jobs(video_id)
    going_on = cinema.children.hold(step)
    working = asyncio.create_task(cinema.index(video_id))
    await cinema.children.begun[step].wait()

    await cinema.services.videos.delete(cinema.scope, [video_id])
    await asyncio.wait_for(working, 60)

    assert cinema.made(video_id) == set()
    assert await cinema.scenes(video_id) == []
    going_on.set()
    await cinema.services.trash.restore(cinema.scope, video_id)
    assert "index_video" in cinema.library.jobs(video_id)
    await cinema.index(video_id)
    assert await cinema.state(video_id) == ("completed", 3)
    await cinema.expect_whole(video_id)


@pytest.mark.parametrize("step", STEPS)
async def test_of_two_workers_with_one_run_one_wins(cinema, step):
    """Who comes second takes nothing away: neither the pictures nor the rows of the first."""
    video_id = await cinema.upload()
    going_on = cinema.children.hold(step)
    working = [asyncio.create_task(cinema.index(video_id)) for _ in range(2)]
    await cinema.children.begun[step].wait()
    going_on.set()
    await asyncio.gather(*working)
    assert await cinema.state(video_id) == ("completed", 3)
    # What was on its way to the disk when its attempt was broken off is the sweep's.
    await cinema.expect_whole(video_id, swept=False)


async def test_a_slow_worker_takes_nothing_from_the_one_that_replaced_it(cinema):
    """A run that was ended by another while this one still looked at pictures is left alone."""
    video_id = await cinema.upload()
    going_on = cinema.children.hold("develop")
    slow = asyncio.create_task(cinema.index(video_id))
    await cinema.children.begun["develop"].wait()
    del cinema.children.held["develop"]
    await cinema.index(video_id)
    going_on.set()
    await slow
    assert await cinema.state(video_id) == ("completed", 3)
    # What was on its way to the disk when its attempt was broken off is the sweep's.
    await cinema.expect_whole(video_id, swept=False)


async def test_a_killed_workers_run_is_done_by_another(cinema):
    """What it left marked as being done is begun again, and the pictures it had stored are swept."""
    video_id = await cinema.upload()
    cinema.forget_jobs(video_id)
    cinema.children.hold("develop")
    killed = asyncio.create_task(cinema.index(video_id))
    await cinema.children.begun["develop"].wait()
    killed.cancel()
    await asyncio.wait([killed])
    assert (await cinema.state(video_id))[0] == "processing"
    orphan = f"variants/{cinema.scope.tenant_id}/{video_id}/scene_0123456789ab_0.jpg"
    await cinema.services.pictures._store.put(orphan, b"left behind")

    cinema.children.held.clear()
    cinema.library.lose_jobs(video_id)
    await cinema.services.upkeep.requeue_missing()
    assert "index_video" in cinema.library.jobs(video_id)
    await cinema.index(video_id, 2)
    assert await cinema.state(video_id) == ("completed", 3)
    await cinema.services.upkeep.sweep()
    await cinema.expect_whole(video_id)


async def test_a_worker_that_dies_each_time_is_given_up(cinema):
    """A video that brings its worker down again and again ends as failed, with a reason."""
    video_id = await cinema.upload()
    await cinema.index(video_id, MOST_BEGINNINGS + 1)
    run = await cinema.services.indexing.newest(cinema.scope, video_id)
    assert run.status is IndexingStatus.FAILED
    assert "interrupted" in (run.error or "")
    assert "scan" not in cinema.children.calls


@pytest.mark.parametrize(
    ("fault", "code"),
    [(UndecodableVideo("cut off"), "undecodable"), (CRASH, None), (UndecodablePicture("odd"), None)],
)
async def test_what_will_not_pass_ends_the_run(cinema, fault, code):
    """With its reason; nothing is left of it, and it can be tried again three times."""
    video_id = await cinema.upload()
    cinema.children.fail("scan", *[fault] * 3)
    await cinema.index(video_id)
    run = await cinema.services.indexing.newest(cinema.scope, video_id)
    assert run.status is IndexingStatus.FAILED
    assert fault.message in (run.error or "")
    assert code in (None, run.error_code)
    assert cinema.made(video_id) == set()
    cinema.children.faults.clear()
    again = await cinema.services.indexing.retry(cinema.scope, run.id, video_id)
    assert (again.id, again.retries, again.error) == (run.id, 1, None)
    await cinema.index(video_id)
    await cinema.expect_whole(video_id)
    assert await cinema.state(video_id) == ("completed", 3)


@pytest.mark.parametrize(("name", "fault"), [("scan", NO_START), ("develop", NO_START), ("scan", Unavailable("away"))])
async def test_what_may_pass_is_tried_again_and_not_for_ever(cinema, name, fault):
    """The job is begun again later, nothing is left meanwhile; in the end the run has failed."""
    video_id = await cinema.upload()
    cinema.children.fail(name, *[fault] * 9)
    with pytest.raises(type(fault)):
        await cinema.index(video_id)
    assert (await cinema.state(video_id))[0] == "processing"
    assert cinema.made(video_id) == set()
    cinema.children.fail(name, *[fault] * 9)
    await cinema.index(video_id, MOST_PASSING_FAULTS + 1)
    assert (await cinema.state(video_id))[0] == "failed"


async def test_a_picture_that_cannot_be_read_costs_only_itself(cinema):
    """Its scene stays, without a picture or a description; so does one that the describer refuses."""
    video_id = await cinema.upload()
    cinema.children.fail("develop", UndecodablePicture("odd"))
    await cinema.index(video_id)
    scenes = await cinema.scenes(video_id)
    assert sorted(scene.keyframe_key is None for scene in scenes) == [False, False, True]
    await cinema.expect_whole(video_id)


@pytest.mark.parametrize(("refused", "status"), [(2, "completed"), (3, "failed")])
async def test_a_describer_may_refuse_some_scenes_but_not_all(cinema, monkeypatch, refused, status):
    """One refusal leaves one scene without a description; where all are refused the run has failed, with the reason."""
    left = [DescriptionFailed("not that one")] * refused

    class Picky(Deputy):
        async def describe_frame(self, *given):
            if left:
                raise left.pop()
            return await self._original.describe_frame(*given)

    indexing = cinema.services.video_indexing._reader
    monkeypatch.setattr(indexing, "_describing", Picky(indexing._describing))
    video_id = await cinema.upload()
    await cinema.index(video_id)
    assert (await cinema.state(video_id))[0] == status
    assert len([scene for scene in await cinema.scenes(video_id) if scene.description]) == 3 - refused
    await cinema.expect_whole(video_id)


async def test_scenes_are_replaced_as_a_whole_or_not_at_all(cinema, monkeypatch):
    """A fault while rows are written undoes them all; those before stay, with their pictures and vectors."""
    video_id = await cinema.indexed()
    before = await cinema.scenes(video_id)
    await cinema.services.videos.reprocess(cinema.scope, [video_id])

    async def lost(*_):
        raise Unavailable("the connection was lost")

    monkeypatch.setattr("calotype.services.video_indexing.insert_segments", lost)
    monkeypatch.setattr("calotype.services.attempts.AWAY_PAUSES", ())
    with pytest.raises(Unavailable):
        await cinema.index(video_id)
    assert await cinema.scenes(video_id) == before
    monkeypatch.undo()
    assert scene_rows.insert_segments is not lost


async def test_runs_are_begun_in_the_order_they_were_asked_for(cinema):
    """Even where the clock was set back meanwhile, the newest is the last one asked for."""
    video_id = await cinema.indexed()
    cinema.library.sql(
        "UPDATE indexing_run SET created_at = created_at + interval '1 day' WHERE asset_id = %s", video_id
    )
    await cinema.services.videos.reprocess(cinema.scope, [video_id])
    assert (await cinema.services.indexing.newest(cinema.scope, video_id)).status is IndexingStatus.PENDING
    await cinema.index(video_id)
    cinema.library.sql(
        "UPDATE indexing_run SET created_at = created_at + interval '1 day' WHERE asset_id = %s", video_id
    )
    run, _ = await cinema.services.indexing.queue(cinema.scope, video_id, "full_vlm", Urgency.NEW)
    assert (await cinema.services.indexing.newest(cinema.scope, video_id)).id == run.id
    await cinema.index(video_id)
    assert await cinema.state(video_id) == ("completed", 3)
    await cinema.expect_whole(video_id)


async def test_a_storyboard_is_made_where_it_is_wanted_and_replaced(cinema, monkeypatch):
    """One sheet, whose key the row knows; the next run's takes its place."""
    from calotype.domain.video import NewVideo

    video_id = await cinema.indexed(video=NewVideo("film", None, has_storyboard=True))
    first = (await cinema.one(video_id)).video.storyboard
    assert first is not None
    await cinema.services.videos.reprocess(cinema.scope, [video_id])
    await cinema.index(video_id)
    second = (await cinema.one(video_id)).video.storyboard
    assert second is not None
    assert second.object_key != first.object_key
    await cinema.expect_whole(video_id)


async def test_a_real_film_is_decoded(library):
    """Three colours of two seconds are three scenes, whose pictures show them, and which are found by their words."""
    data = film(size=(160, 120), seconds=6, scenes=(RED, GREEN, BLUE))
    async with library.services.video_uploads.receiving(library.scope) as upload:
        await upload.take("colours.mp4", chunks(data))
        video_id = await upload.finish(VideoRequest(index=True))
    await library.services.pictures.make_variants(library.scope, video_id, 1)
    await library.services.video_indexing.index(library.scope, video_id, 1)
    found = await library.services.videos.one(library.scope, video_id)
    assert (found.video.indexing, found.video.scene_count) == (IndexingStatus.COMPLETED, 3)
    assert found.asset.variants
    assert (found.asset.width, found.asset.height) == (160, 120)
    scenes = await library.services.scenes.scenes(library.scope, video_id)
    assert [round(scene.start) for scene in scenes] == [0, 2, 4]
    assert "red" in (scenes[0].description or "").lower()
    best = await library.services.video_search.search(library.scope, SceneQuery("blue"))
    assert best[0].scene.id == scenes[2].id
