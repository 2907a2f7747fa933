"""Deleted videos are gone for everybody, come back as they were, and leave nothing once they are purged."""

from __future__ import annotations

from dataclasses import replace

import pytest

from calotype.domain.errors import NotFound, NotReady
from calotype.domain.video import NewVideo
from calotype.domain.video_search import SceneQuery
from tests.services.films import PROBE


async def found(cinema, word: str) -> set:
    """The videos with scenes that a word finds."""
    return {one.scene.asset_id for one in await cinema.services.video_search.search(cinema.scope, SceneQuery(word))}


async def test_a_deleted_video_is_nowhere_and_comes_back_whole(cinema):
    """Lists, reading, groups and search know nothing of it; restored, it needs no work and is found again."""
    video_id, beside = await cinema.indexed(name="Zeppelin one"), await cinema.indexed(name="Zeppelin two")
    before = await cinema.one(video_id), await cinema.scenes(video_id)
    neighbour = await cinema.library.neighbour()
    assert await cinema.services.videos.delete(neighbour.scope, [video_id]) == set()
    assert await cinema.services.videos.delete(cinema.scope, [video_id]) == {video_id}
    assert await cinema.services.videos.delete(cinema.scope, [video_id]) == set()
    assert [one.asset.id for one in await cinema.services.videos.every(cinema.scope)] == [beside]
    assert await cinema.services.videos.get(cinema.scope, [video_id, beside, beside]) == [await cinema.one(beside)]
    with pytest.raises(NotFound):
        await cinema.services.videos.one(cinema.scope, video_id)
    assert await found(cinema, "zeppelin") == {beside}
    await cinema.services.trash.restore(cinema.scope, video_id)
    assert "index_video" not in cinema.library.jobs(video_id)
    after = await cinema.one(video_id), await cinema.scenes(video_id)
    assert (after[0].video, after[0].run, after[1]) == (before[0].video, before[0].run, before[1])
    assert await found(cinema, "zeppelin") == {video_id, beside}


async def test_pictures_are_no_videos(cinema):
    """Deleting videos never takes pictures along, nor do they stand in lists of videos."""
    picture = await cinema.library.take_in()
    assert await cinema.services.videos.delete(cinema.scope, [picture]) == set()
    assert await cinema.services.videos.get(cinema.scope, [picture]) == []
    assert await cinema.library.asset(picture)


async def test_nothing_is_left_of_a_purged_video(cinema):
    """Original, poster, pictures of scenes, storyboard, rendition and all rows go; its neighbour is whole."""
    beside = await cinema.indexed()
    kept = cinema.library.objects()
    cinema.children.probe = replace(PROBE, video_codec="prores")
    video_id = await cinema.indexed(video=NewVideo("", None, has_storyboard=True))
    await cinema.services.pictures.make_variants(cinema.scope, video_id, 1)
    with pytest.raises(NotReady):
        await cinema.services.media.playback(cinema.scope, video_id)
    await cinema.services.renditions.make(cinema.scope, video_id, 1)
    made = {key.rpartition("/")[2].split("_")[0] for key in cinema.library.objects() - kept}
    assert {"scene", "storyboard", "rendition", "film.mp4"} <= made
    await cinema.services.videos.delete(cinema.scope, [video_id])
    await cinema.services.trash.purge_due()
    assert cinema.library.objects() == kept
    for table in ("video", "indexing_run", "scene", "embedding", "operation"):
        assert cinema.library.sql(f"SELECT 1 FROM {table} WHERE asset_id = %s", video_id) == []
    await cinema.expect_whole(beside)


async def test_jobs_go_with_a_deleted_video(cinema):
    """Those that wait are dropped, and come back with it; a download, too."""
    video_id, announced = await cinema.upload(), await cinema.upload_url("https://example.com/a.mp4")
    await cinema.services.videos.delete(cinema.scope, [video_id, announced])
    assert cinema.library.jobs(video_id) == cinema.library.jobs(announced) == []
    await cinema.index(video_id)
    assert await cinema.state(video_id) == ("pending", 0)
    for one in (video_id, announced):
        await cinema.services.trash.restore(cinema.scope, one)
    assert sorted(cinema.library.jobs(video_id)) == ["index_video", "make_variants"]
    assert cinema.library.jobs(announced) == ["download_video"]
