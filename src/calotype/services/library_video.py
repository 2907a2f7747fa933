"""Videos as they are read: assets with what is known of them as videos."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from calotype.db.engine import Connection
from calotype.db.indexing import select_newest_runs
from calotype.db.video import select_videos
from calotype.domain.asset import Asset
from calotype.domain.scope import Scope
from calotype.domain.video import VIDEO, LibraryVideo, Video


async def library_videos(connection: Connection, scope: Scope, assets: Sequence[Asset]) -> dict[UUID, LibraryVideo]:
    """Those of some assets of a scope that are videos, by id."""
    wanted = {asset.id: asset for asset in assets if asset.media_type == VIDEO}
    if not wanted:
        return {}
    videos = await select_videos(connection, scope, list(wanted))
    found = await with_runs(connection, scope, [(wanted[key], video) for key, video in videos.items()])
    return {video.asset.id: video for video in found}


async def with_runs(connection: Connection, scope: Scope, found: Sequence[tuple[Asset, Video]]) -> list[LibraryVideo]:
    """Videos with the newest run of indexing of each."""
    runs = await select_newest_runs(connection, scope, [asset.id for asset, _ in found])
    return [LibraryVideo(asset, video, runs.get(asset.id)) for asset, video in found]
