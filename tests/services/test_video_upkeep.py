"""Upkeep finds what of videos was lost, and sweeps what no row knows, and only that."""

from __future__ import annotations

from uuid import uuid4

from calotype.domain.video import NewVideo


async def test_lost_work_is_queued_once_beside_other_work(cinema):
    """A poster that is being made does not stand for the indexing, nor the other way round."""
    video_id = await cinema.upload()
    cinema.library.lose_jobs(video_id)
    await cinema.services.upkeep.requeue_missing()
    await cinema.services.upkeep.requeue_missing()
    assert sorted(cinema.library.jobs(video_id)) == ["index_video", "make_variants"]
    cinema.library.sql(
        "DELETE FROM procrastinate_jobs WHERE task_name = 'index_video' AND args->>'asset_id' = %s", str(video_id)
    )
    await cinema.services.upkeep.requeue_missing()
    assert sorted(cinema.library.jobs(video_id)) == ["index_video", "make_variants"]


async def test_a_job_that_runs_is_not_queued_again(cinema):
    """However long it takes."""
    video_id = await cinema.upload()
    cinema.library.sql("UPDATE procrastinate_jobs SET status = 'doing' WHERE args->>'asset_id' = %s", str(video_id))
    cinema.library.sql("UPDATE asset SET created_at = created_at - interval '1 hour' WHERE id = %s", video_id)
    await cinema.services.upkeep.requeue_missing()
    assert cinema.library.jobs(video_id) == []


async def test_nothing_is_queued_for_what_has_ended_or_was_deleted(cinema):
    """An indexed video, one that is not to be indexed, and one in the trash."""
    done, plain, gone = await cinema.indexed(), await cinema.upload(index=False), await cinema.upload()
    for video_id in (done, plain):
        await cinema.services.pictures.make_variants(cinema.scope, video_id, 1)
    await cinema.services.videos.delete(cinema.scope, [gone])
    for video_id in (done, plain, gone):
        cinema.library.lose_jobs(video_id)
    await cinema.services.upkeep.requeue_missing()
    for video_id in (done, plain, gone):
        assert not {"index_video", "make_variants", "download_video"} & set(cinema.library.jobs(video_id))


async def test_what_is_in_use_is_never_swept(cinema):
    """Everything of live and deleted videos stays; what attempts left behind goes, and what no video knows."""
    video_id = await cinema.indexed(video=NewVideo("", None, has_storyboard=True))
    await cinema.services.pictures.make_variants(cinema.scope, video_id, 1)
    trashed = await cinema.indexed()
    await cinema.services.videos.delete(cinema.scope, [trashed])
    odd = await cinema.upload(index=False)
    kept = cinema.library.objects()
    store, tenant = cinema.services.pictures._store, cinema.scope.tenant_id
    left = [
        f"variants/{tenant}/{video_id}/scene_0123456789ab_0.jpg",
        f"variants/{tenant}/{video_id}/storyboard_0123456789ab.jpg",
        f"variants/{tenant}/{video_id}/rendition_0123456789ab.mp4",
        f"variants/{tenant}/{uuid4()}/scene_0123456789ab_0.jpg",
        f"uploads/{tenant}/{odd}/0123456789ab_film.mp4",
    ]
    for key in left:
        await store.put(key, b"left behind")
    assert cinema.library.objects() == kept | set(left)
    await cinema.services.upkeep.sweep()
    assert cinema.library.objects() == kept
    await cinema.expect_whole(video_id)


async def test_a_video_announced_without_bytes_has_lost_none(cinema):
    """Only assets whose bytes were here can miss them."""
    announced, here = await cinema.upload_url("https://example.com/a.mp4"), await cinema.upload()
    await cinema.services.pictures._store.delete((await cinema.one(here)).asset.object_key)
    missing = await cinema.services.upkeep.missing_originals()
    assert here in missing
    assert announced not in missing
