"""Rows of videos and of their groups come back as they were written, to their tenant alone."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from calotype.db.asset import delete_asset, update_asset
from calotype.db.trash import update_deleted
from calotype.db.upkeep import select_unfinished_videos
from calotype.db.video import select_all_videos, select_video, select_videos, update_video
from calotype.db.video_group import (
    delete_group,
    insert_group,
    select_group,
    select_groups,
    select_has_videos,
    update_group,
)
from calotype.domain.asset import State
from calotype.domain.errors import Conflict, NotFound
from calotype.domain.video import IndexingStatus, Storyboard, VideoGroup
from tests.db.rows import NOW, START, add_one
from tests.db.video_rows import PROBE, add_group, add_one_video, add_video, new_video


async def test_a_video_comes_back_as_it_was_said_to_be(database, scope):
    """Each column has its field: no two are mixed up, and nothing is set that nobody said."""
    async with database.write() as connection:
        group = await add_group(connection, scope)
        said = new_video(
            group_id=group.id,
            starts_at=NOW,
            has_storyboard=True,
            caption_prompt="Who?",
            source_url="https://a.example/b",
        )
        video_id = await add_video(connection, scope, said)
        video = await select_video(connection, scope, video_id)

    assert video is not None
    assert (video.asset_id, video.name, video.group_id, video.starts_at) == (video_id, "loading dock", group.id, NOW)
    assert (video.has_storyboard, video.caption_prompt, video.source_url) == (True, "Who?", "https://a.example/b")
    assert video.probe == PROBE
    assert (video.download, video.download_error, video.indexing, video.storyboard) == (None, None, None, None)
    assert (video.scene_count, video.has_transcript, video.rendition.status) == (0, False, None)
    assert video.is_here


async def test_a_video_without_bytes_waits_for_them(database, scope):
    """An announced video has no probe, and says how far its download is; both change together."""
    video_id = await add_one_video(database, scope, new_video(probe=None, source_url="https://a.example/b"))
    async with database.write() as connection:
        before = await select_video(connection, scope, video_id)
        await update_video(connection, scope, video_id, {"download_status": "failed", "download_error": "gone"})
        after = await select_video(connection, scope, video_id)

    assert before is not None
    assert (before.is_here, before.download) == (False, State.PENDING)
    assert after is not None
    assert (after.download, after.download_error) == (State.FAILED, "gone")


async def test_columns_change_alone(database, scope, other_scope):
    """A change names its columns and its tenant; all else, and everybody else's, stays."""
    video_id = await add_one_video(database, scope)
    board = Storyboard("variants/a/b/storyboard.jpg", 2.5, 17, 5, 160, 90)
    columns = ("object_key", "interval", "count", "columns", "width", "height")
    async with database.write() as connection:
        before = await select_video(connection, scope, video_id)
        await update_video(connection, other_scope, video_id, {"name": "stolen"})
        await update_video(
            connection, scope, video_id, {"storyboard": {name: getattr(board, name) for name in columns}}
        )
        await update_video(connection, scope, video_id, {"rendition_status": "completed", "rendition_key": "key"})
        after = await select_video(connection, scope, video_id)

    assert after is not None
    assert (after.name, after.storyboard) == ("loading dock", board)
    assert (after.rendition.status, after.rendition.object_key) == (State.COMPLETED, "key")
    assert before is not None
    assert (after.probe, after.starts_at) == (before.probe, before.starts_at)


async def test_videos_are_their_tenants_and_live(database, scope, other_scope):
    """Others see nothing; what is in the trash is seen there only; pictures are no videos."""
    video_id, picture = await add_one_video(database, scope), await add_one(database, scope)
    async with database.write() as connection:
        assert set(await select_videos(connection, scope, [video_id, picture, uuid4()])) == {video_id}
        assert await select_videos(connection, other_scope, [video_id]) == {}
        await update_deleted(connection, scope, [video_id], NOW)
        assert await select_videos(connection, scope, [video_id]) == {}
        assert set(await select_videos(connection, scope.trashed(), [video_id])) == {video_id}
        assert await select_all_videos(connection, scope) == []


async def test_all_videos_come_newest_first(database, scope):
    """Those of a group, those of none, or all, whatever order they were written in."""
    async with database.write() as connection:
        group = await add_group(connection, scope)
        made = [
            await add_video(
                connection,
                scope,
                new_video(group_id=group.id if minutes % 2 else None),
                NOW + timedelta(minutes=minutes),
            )
            for minutes in (2, 5, 1, 4, 3)
        ]
        every = await select_all_videos(connection, scope)
        grouped = await select_all_videos(connection, scope, group_id=group.id)
        free = await select_all_videos(connection, scope, is_grouped=False)

    by_age = [made[1], made[3], made[4], made[0], made[2]]
    assert [asset.id for asset, _ in every] == by_age
    assert [video.asset_id for _, video in every] == by_age
    assert [asset.id for asset, _ in grouped] == [made[1], made[4], made[2]]
    assert [asset.id for asset, _ in free] == [made[3], made[0]]


async def test_a_video_goes_with_its_asset(database, scope):
    """Nothing is left of a video that is purged."""
    video_id = await add_one_video(database, scope)
    async with database.write() as connection:
        await delete_asset(connection, scope, video_id)
        assert await select_video(connection, scope.any(), video_id) is None


async def test_unfinished_videos_are_found_with_what_they_wait_for(database, scope):
    """Live ones that wait for a download, for indexing or for a rendition, oldest first, page by page; ended ones are not."""
    waiting = [
        {"indexing_status": "pending"},
        {"indexing_status": "processing"},
        {"rendition_status": "pending"},
        {"rendition_status": "processing"},
    ]
    ended = [{"indexing_status": "completed"}, {"indexing_status": "failed"}, {"rendition_status": "failed"}, {}]
    async with database.write() as connection:
        made = [
            await add_video(connection, scope, None, NOW - timedelta(days=4000, minutes=-place), **values)
            for place, values in enumerate(waiting)
        ]
        announced = new_video(probe=None, source_url="https://a.example")
        made.append(await add_video(connection, scope, announced, NOW - timedelta(days=3999)))
        for values in ended:
            await add_video(connection, scope, None, NOW - timedelta(days=4000), **values)
        trashed = await add_video(connection, scope, None, NOW - timedelta(days=4000), indexing_status="pending")
        await update_deleted(connection, scope, [trashed], NOW)

    found, after = [], START
    async with database.write() as connection:
        while page := await select_unfinished_videos(connection, NOW - timedelta(days=3998), after, 2):
            found += [(tenant, video.asset_id) for tenant, video, _ in page]
            after = (page[-1][2], page[-1][1].asset_id)

    assert [video_id for tenant, video_id in found if tenant == scope.tenant_id] == made


async def test_what_another_holds_is_passed_over(database, scope):
    """Upkeep never waits for a worker that is just writing its result."""
    video_id = await add_one_video(database, scope, None, indexing_status="pending")
    async with database.write() as held:
        await update_asset(held, scope, video_id, {"title": "held"})
        async with database.write() as connection:
            found = await select_unfinished_videos(connection, NOW + timedelta(days=1), START, 10_000)
    assert video_id not in {video.asset_id for _, video, _ in found}


async def test_a_group_comes_back_as_it_was_made(database, scope, other_scope):
    """Its metadata keeps its order, and nobody else sees it."""
    async with database.write() as connection:
        first = await add_group(connection, scope, "Docks")
        second = await add_group(connection, scope, "docks", NOW + timedelta(seconds=1))
        assert await select_group(connection, scope, first.id) == first
        assert await select_groups(connection, scope) == [second, first]
        assert await select_group(connection, other_scope, first.id) is None
        assert await select_groups(connection, other_scope) == []
        await update_group(connection, other_scope, first.id, {"name": "stolen"})
        await update_group(connection, scope, first.id, {"metadata": {}})
        changed = await select_group(connection, scope, first.id, lock=True)
    assert first.metadata == {"b": "2", "a": "1"}
    assert list(first.metadata) == ["b", "a"]
    assert changed == VideoGroup(first.id, "Docks", {}, NOW, NOW)


async def test_names_of_groups_are_unique_in_a_tenant(database, scope, other_scope):
    """A second group of the name is refused, whether it is made or renamed; another tenant may use it."""
    async with database.write() as connection:
        await add_group(connection, scope, "Docks")
        await add_group(connection, other_scope, "Docks")
        other = await add_group(connection, scope, "Gates")
    with pytest.raises(Conflict) as made:
        async with database.write() as connection:
            await insert_group(connection, scope, VideoGroup(uuid4(), "Docks", {}, NOW, NOW))
    with pytest.raises(Conflict) as renamed:
        async with database.write() as connection:
            await update_group(connection, scope, other.id, {"name": "Docks"})
    assert made.value.context["reason"] == renamed.value.context["reason"] == "group_exists"


async def test_no_video_is_in_a_group_that_is_not_its_tenants(database, scope, other_scope):
    """The database itself refuses a group that is unknown or somebody else's, as one that is not there."""
    async with database.write() as connection:
        foreign = await add_group(connection, other_scope)
    for group_id in (foreign.id, uuid4()):
        with pytest.raises(NotFound) as refused:
            await add_one_video(database, scope, new_video(group_id=group_id))
        assert refused.value.context["kind"] == "group"


async def test_a_group_is_empty_once_only_the_trash_is_in_it(database, scope):
    """Live videos keep a group; those in the trash leave it with its deletion."""
    async with database.write() as connection:
        group = await add_group(connection, scope)
        video_id = await add_video(connection, scope, new_video(group_id=group.id))
        assert await select_has_videos(connection, scope, group.id)
        await update_deleted(connection, scope, [video_id], NOW)
        assert not await select_has_videos(connection, scope, group.id)
        await delete_group(connection, scope, group.id)
        video = await select_video(connection, scope.trashed(), video_id)
        assert await select_group(connection, scope, group.id) is None
    assert video is not None
    assert video.group_id is None


async def test_states_are_words_the_database_knows(database, scope):
    """Every state there is can be written, and comes back as itself."""
    video_id = await add_one_video(database, scope)
    async with database.write() as connection:
        for status in IndexingStatus:
            await update_video(connection, scope, video_id, {"indexing_status": status.value})
            found = await select_video(connection, scope, video_id)
            assert found is not None
            assert found.indexing is status
