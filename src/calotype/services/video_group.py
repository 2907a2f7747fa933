"""Groups of videos: each video is in one of them or in none, which is called the default pool."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from calotype.db.engine import Database
from calotype.db.video import select_all_videos, select_videos
from calotype.db.video_group import (
    delete_group,
    insert_group,
    select_group,
    select_groups,
    select_has_videos,
    update_group,
)
from calotype.domain.errors import Conflict, NotFound
from calotype.domain.scope import Scope
from calotype.domain.video import LibraryVideo, VideoGroup
from calotype.services.library_video import with_runs
from calotype.services.video import video_not_found

DEFAULT = "default"
"""The word for the pool of videos that are in no group; no group may have it as its name."""


class VideoGroupService:
    """The groups of a tenant; names are unique in it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, scope: Scope, name: str, metadata: Mapping[str, str]) -> VideoGroup:
        """Make a group. Raises Conflict when the name is taken."""
        _check_name(name)
        now = datetime.now(UTC)
        group = VideoGroup(uuid4(), name, metadata, now, now)
        async with self._database.write() as connection:
            await insert_group(connection, scope, group)
        return group

    async def groups(self, scope: Scope) -> list[VideoGroup]:
        """All groups, newest first."""
        async with self._database.read() as connection:
            return await select_groups(connection, scope)

    async def one(self, scope: Scope, group_id: UUID) -> VideoGroup:
        """One group. Raises NotFound."""
        async with self._database.read() as connection:
            group = await select_group(connection, scope, group_id)
        if group is None:
            raise group_not_found()
        return group

    async def change(
        self, scope: Scope, group_id: UUID, name: str | None, metadata: Mapping[str, str] | None
    ) -> VideoGroup:
        """Give a group another name, or other metadata as a whole; None leaves as it is. Raises NotFound and Conflict."""
        if name is not None:
            _check_name(name)
        async with self._database.write() as connection:
            group = await select_group(connection, scope, group_id, lock=True)
            if group is None:
                raise group_not_found()
            values: dict[str, Any] = {
                "updated_at": max(datetime.now(UTC), group.updated_at + timedelta(microseconds=1))
            }
            if name is not None:
                values["name"] = name
            if metadata is not None:
                values["metadata"] = dict(metadata)
            await update_group(connection, scope, group_id, values)
            changed = await select_group(connection, scope, group_id)
        assert changed is not None
        return changed

    async def delete(self, scope: Scope, group_id: UUID) -> None:
        """Delete a group that holds no live videos; those in the trash return to none. Raises NotFound and Conflict."""
        async with self._database.write() as connection:
            if await select_group(connection, scope, group_id, lock=True) is None:
                raise group_not_found()
            if await select_has_videos(connection, scope, group_id):
                raise Conflict("The group still holds videos", reason="group_not_empty", field="group_id")
            await delete_group(connection, scope, group_id)

    async def videos(self, scope: Scope, group_id: UUID | None) -> list[LibraryVideo]:
        """The videos of a group, or of none, newest first. Raises NotFound."""
        async with self._database.snapshot() as connection:
            if group_id is not None and await select_group(connection, scope, group_id) is None:
                raise group_not_found()
            found = await select_all_videos(connection, scope, group_id=group_id, is_grouped=group_id is not None)
            return await with_runs(connection, scope, found)

    async def check_members(self, scope: Scope, group_id: UUID | None, video_ids: Sequence[UUID]) -> None:
        """Accept videos that are in a group already: none is ever moved here.

        Raises NotFound for an unknown group or video, and Conflict where one would have to move.
        """
        async with self._database.read() as connection:
            if group_id is not None and await select_group(connection, scope, group_id) is None:
                raise group_not_found()
            found = await select_videos(connection, scope, video_ids)
        if len(found) < len(set(video_ids)):
            raise video_not_found()
        if any(video.group_id != group_id for video in found.values()):
            raise Conflict(
                "The group of a video is fixed at its upload here; move videos with POST /v2/video-groups/{group_id}/videos",
                reason="group_immutable",
                field="video_ids",
            )


def _check_name(name: str) -> None:
    if name == DEFAULT:
        raise Conflict("A group may not have this name", reason="group_exists", field="name")


def group_not_found() -> NotFound:
    """The refusal for a group that is unknown or somebody else's."""
    return NotFound("There is no such group", field="group_id", kind="group")
