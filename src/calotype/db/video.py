"""Rows of videos, each beside its asset's; changed only under the lock of the asset."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, any_, bindparam, insert, literal, select, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import UUID as UUID_TYPE
from sqlalchemy.ext.asyncio import AsyncConnection

from calotype.db import tables
from calotype.db.asset import from_row as asset_from_row
from calotype.db.asset import select_scoped
from calotype.db.engine import Pipeline
from calotype.db.scoped import within
from calotype.domain.asset import Asset, State
from calotype.domain.scope import Scope
from calotype.domain.video import VIDEO, IndexingStatus, NewVideo, Rendition, Storyboard, Video, VideoProbe

_V = tables.video
_A = tables.asset
_INSERT = insert(_V)
# Which columns are changed is told by the names of its parameters.
_UPDATE = update(_V).where(_V.c.tenant_id == bindparam("of_tenant"), _V.c.asset_id == bindparam("of_asset"))
_NOT_OF_A_VIDEO = ("tenant_id",)


async def insert_video(connection: AsyncConnection | Pipeline, scope: Scope, asset_id: UUID, new: NewVideo) -> None:
    """Store what is said of a new video; one without a probe is yet to be downloaded."""
    await connection.execute(
        _INSERT,
        {
            "asset_id": asset_id,
            "tenant_id": scope.tenant_id,
            "name": new.name,
            "group_id": new.group_id,
            "starts_at": new.starts_at,
            "has_storyboard": new.has_storyboard,
            "caption_prompt": new.caption_prompt,
            "source_url": new.source_url,
            "download_status": State.PENDING.value if new.source_url and new.probe is None else None,
            "scene_count": 0,
            "has_transcript": False,
            **probe_values(new.probe),
        },
    )


def probe_values(probe: VideoProbe | None) -> dict[str, Any]:
    """What a container says, as columns."""
    return {
        "container": probe.container if probe else None,
        "duration": probe.duration if probe else None,
        "frame_rate": probe.frame_rate if probe else None,
        "rotation": probe.rotation if probe else None,
        "video_codec": probe.video_codec if probe else None,
        "pixel_format": probe.pixel_format if probe else None,
        "audio_codec": probe.audio_codec if probe else None,
        "bitrate_kbps": probe.bitrate_kbps if probe else None,
    }


async def select_video(connection: AsyncConnection, scope: Scope, asset_id: UUID) -> Video | None:
    """One video of the scope."""
    return (await select_videos(connection, scope, [asset_id])).get(asset_id)


async def select_videos(connection: AsyncConnection, scope: Scope, asset_ids: Collection[UUID]) -> dict[UUID, Video]:
    """Those of some assets that are videos of the scope, by id."""
    if not asset_ids:
        return {}
    query = select_joined().where(within(scope), _V.c.asset_id == any_(literal(list(asset_ids), ARRAY(UUID_TYPE))))
    return {row.asset_id: from_row(row) for row in await connection.execute(query)}


async def select_all_videos(
    connection: AsyncConnection, scope: Scope, *, group_id: UUID | None = None, is_grouped: bool | None = None
) -> list[tuple[Asset, Video]]:
    """Every video of the scope, newest first; those of a group, or with `is_grouped` False those of none."""
    assets = select_scoped(scope).where(_A.c.media_type == VIDEO)
    videos = select_joined().where(within(scope))
    if group_id is not None:
        chosen = _V.c.group_id == group_id
    elif is_grouped is False:
        chosen = _V.c.group_id.is_(None)
    else:
        chosen = _V.c.asset_id.is_not(None)
    found = {row.asset_id: from_row(row) for row in await connection.execute(videos.where(chosen))}
    assets = assets.join_from(_A, _V, _V.c.asset_id == _A.c.id).where(chosen)
    rows = await connection.execute(assets.order_by(_A.c.created_at.desc(), _A.c.id.desc()))
    return [(asset, found[asset.id]) for asset in map(asset_from_row, rows) if asset.id in found]


async def update_video(
    connection: AsyncConnection | Pipeline, scope: Scope, asset_id: UUID, values: Mapping[str, Any]
) -> None:
    """Change columns of one video, under the lock of its asset."""
    await connection.execute(_UPDATE, {"of_tenant": scope.tenant_id, "of_asset": asset_id, **values})


def select_joined() -> Select[Any]:
    """The base of every query for whole videos, each with the size of its pictures."""
    columns: Sequence[Any] = [column for column in _V.c if column.name not in _NOT_OF_A_VIDEO]
    return select(*columns, _A.c.width, _A.c.height).join_from(_V, _A, _A.c.id == _V.c.asset_id)


def from_row(row: Row[Any]) -> Video:
    """Make the domain object of a row from `select_joined`."""
    return Video(
        asset_id=row.asset_id,
        name=row.name,
        group_id=row.group_id,
        starts_at=row.starts_at,
        has_storyboard=row.has_storyboard,
        caption_prompt=row.caption_prompt,
        source_url=row.source_url,
        download=State(row.download_status) if row.download_status else None,
        download_error=row.download_error,
        probe=_probe(row),
        indexing=IndexingStatus(row.indexing_status) if row.indexing_status else None,
        scene_count=row.scene_count,
        has_transcript=row.has_transcript,
        storyboard=Storyboard(**row.storyboard) if row.storyboard else None,
        rendition=Rendition(
            State(row.rendition_status) if row.rendition_status else None, row.rendition_key, row.rendition_error
        ),
    )


def _probe(row: Row[Any]) -> VideoProbe | None:
    if row.container is None:
        return None
    return VideoProbe(
        container=row.container,
        width=row.width,
        height=row.height,
        rotation=row.rotation,
        duration=row.duration,
        frame_rate=row.frame_rate,
        video_codec=row.video_codec,
        pixel_format=row.pixel_format,
        audio_codec=row.audio_codec,
        bitrate_kbps=row.bitrate_kbps,
    )
