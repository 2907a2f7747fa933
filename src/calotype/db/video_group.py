"""Rows of groups of videos."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import Row, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from calotype.db import tables
from calotype.db.scoped import of_tenant, within
from calotype.domain.scope import Scope
from calotype.domain.video import VideoGroup

_G = tables.video_group
_V = tables.video
_A = tables.asset


async def insert_group(connection: AsyncConnection, scope: Scope, group: VideoGroup) -> None:
    """Store a new group. Raises Conflict when the name is taken."""
    await connection.execute(
        insert(_G).values(
            id=group.id,
            tenant_id=scope.tenant_id,
            name=group.name,
            metadata=dict(group.metadata),
            created_at=group.created_at,
            updated_at=group.updated_at,
        )
    )


async def select_group(
    connection: AsyncConnection, scope: Scope, group_id: UUID, *, lock: bool = False
) -> VideoGroup | None:
    """One group; with `lock` it cannot change, nor get videos, until the transaction ends."""
    query = select(_G).where(of_tenant(scope, _G), _G.c.id == group_id)
    row = (await connection.execute(query.with_for_update() if lock else query)).one_or_none()
    return _from_row(row) if row else None


async def select_groups(connection: AsyncConnection, scope: Scope) -> list[VideoGroup]:
    """All groups of a tenant, newest first."""
    query = select(_G).where(of_tenant(scope, _G)).order_by(_G.c.created_at.desc(), _G.c.id.desc())
    return [_from_row(row) for row in await connection.execute(query)]


async def update_group(connection: AsyncConnection, scope: Scope, group_id: UUID, values: Mapping[str, Any]) -> None:
    """Change columns of one group. Raises Conflict when the name is taken."""
    await connection.execute(update(_G).where(of_tenant(scope, _G), _G.c.id == group_id).values(**values))


async def select_has_videos(connection: AsyncConnection, scope: Scope, group_id: UUID) -> bool:
    """Whether any video of the scope is in a group."""
    query = (
        select(_V.c.asset_id)
        .join_from(_V, _A, _A.c.id == _V.c.asset_id)
        .where(within(scope), of_tenant(scope, _V), _V.c.group_id == group_id)
        .limit(1)
    )
    return (await connection.execute(query)).first() is not None


async def delete_group(connection: AsyncConnection, scope: Scope, group_id: UUID) -> None:
    """Remove one group; videos still in it are in none then."""
    leave = update(_V).where(of_tenant(scope, _V), _V.c.group_id == group_id).values(group_id=None)
    await connection.execute(leave)
    await connection.execute(delete(_G).where(of_tenant(scope, _G), _G.c.id == group_id))


def _from_row(row: Row[Any]) -> VideoGroup:
    return VideoGroup(row.id, row.name, row.metadata, row.created_at, row.updated_at)
