"""Groups of videos: names are unique, a group is deleted only while nothing is in it, and videos never move."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest

from calotype.domain.errors import CalotypeError, Conflict, NotFound
from calotype.domain.video import NewVideo


def said(group_id) -> NewVideo:
    """A video of a group."""
    return NewVideo("", None, group_id=group_id)


async def test_a_group_is_changed_as_asked(cinema):
    """None leaves as it is, metadata is replaced as a whole, and the time of the change moves on."""
    groups = cinema.services.video_groups
    group = await groups.create(cinema.scope, "Docks", {"site": "north", "gate": "2"})
    assert await groups.one(cinema.scope, group.id) == group
    renamed = await groups.change(cinema.scope, group.id, "Gates", None)
    assert (renamed.name, renamed.metadata) == ("Gates", group.metadata)
    replaced = await groups.change(cinema.scope, group.id, None, {"site": "south"})
    assert (replaced.name, replaced.metadata) == ("Gates", {"site": "south"})
    assert group.updated_at <= renamed.updated_at <= replaced.updated_at
    assert replaced.created_at == group.created_at
    assert (await groups.change(cinema.scope, group.id, "Gates", {})).metadata == {}


async def test_a_name_is_taken_once(cinema):
    """By creation or by renaming, `default` by nobody; of many at the same time one gets it."""
    groups = cinema.services.video_groups
    other = await groups.create(cinema.scope, "Gates", {})
    made = await asyncio.gather(*(groups.create(cinema.scope, "Docks", {}) for _ in range(5)), return_exceptions=True)
    assert sum(isinstance(outcome, Conflict) for outcome in made) == 4
    for name in ("Docks", "default"):
        with pytest.raises(Conflict) as refused:
            await groups.change(cinema.scope, other.id, name, None)
        assert refused.value.context["reason"] == "group_exists"
    with pytest.raises(Conflict):
        await groups.create(cinema.scope, "default", {})
    neighbour = await cinema.library.neighbour()
    await groups.create(neighbour.scope, "Docks", {})
    assert len(await groups.groups(cinema.scope)) == 2


async def test_a_group_with_videos_stays(cinema):
    """Until they are in the trash, which they leave ungrouped."""
    groups = cinema.services.video_groups
    group = await groups.create(cinema.scope, "Docks", {})
    video_id = await cinema.upload(video=said(group.id))
    with pytest.raises(Conflict) as refused:
        await groups.delete(cinema.scope, group.id)
    assert refused.value.context["reason"] == "group_not_empty"
    await cinema.services.videos.delete(cinema.scope, [video_id])
    assert await groups.videos(cinema.scope, group.id) == []
    await groups.delete(cinema.scope, group.id)
    await cinema.services.trash.restore(cinema.scope, video_id)
    assert (await cinema.one(video_id)).video.group_id is None
    assert [found.asset.id for found in await groups.videos(cinema.scope, None)] == [video_id]


async def test_uploads_and_the_deletion_of_their_group_agree(cinema):
    """Whichever comes first: either the group stays with its videos, or it goes and no upload is in it."""
    groups = cinema.services.video_groups
    for _ in range(6):
        group = await groups.create(cinema.scope, f"group {uuid4()}", {})
        *uploads, deleted = await asyncio.gather(
            *(cinema.upload(video=said(group.id)) for _ in range(3)),
            groups.delete(cinema.scope, group.id),
            return_exceptions=True,
        )
        assert all(not isinstance(outcome, BaseException) or isinstance(outcome, CalotypeError) for outcome in uploads)
        if isinstance(deleted, Conflict):
            assert len(await groups.videos(cinema.scope, group.id)) == sum(
                not isinstance(outcome, BaseException) for outcome in uploads
            )
        else:
            assert deleted is None
            assert all(isinstance(outcome, NotFound) for outcome in uploads)


async def test_videos_do_not_move(cinema):
    """Those that are there already are accepted; others, unknown ones, and other tenants' are refused."""
    groups = cinema.services.video_groups
    group = await groups.create(cinema.scope, "Docks", {})
    inside, outside = await cinema.upload(video=said(group.id)), await cinema.upload()
    await groups.check_members(cinema.scope, group.id, [inside, inside])
    await groups.check_members(cinema.scope, None, [outside])
    for group_id, video_id in ((group.id, outside), (None, inside)):
        with pytest.raises(Conflict) as refused:
            await groups.check_members(cinema.scope, group_id, [video_id])
        assert refused.value.context["reason"] == "group_immutable"
    for group_id, video_id in ((group.id, uuid4()), (uuid4(), inside)):
        with pytest.raises(NotFound):
            await groups.check_members(cinema.scope, group_id, [video_id])
    neighbour = await cinema.library.neighbour()
    with pytest.raises(NotFound):
        await groups.check_members(neighbour.scope, None, [outside])
    for ask in (groups.one, groups.videos, groups.delete):
        with pytest.raises(NotFound):
            await ask(neighbour.scope, group.id)
