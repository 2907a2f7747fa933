"""Soft deletion: marking assets deleted, bringing them back, and finding those due for purging."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, any_, bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from calotype.db import tables
from calotype.db.scoped import within
from calotype.domain.scope import Scope

_A = tables.asset


async def update_deleted(
    connection: AsyncConnection, scope: Scope, asset_ids: Sequence[UUID], now: datetime
) -> set[UUID]:
    """Move live assets to the trash; returns the ids that were live."""
    rows = await connection.execute(
        update(_A).where(within(scope), _A.c.id.in_(asset_ids)).values(deleted_at=now).returning(_A.c.id)
    )
    return set(rows.scalars())


async def update_deleted_with_folders(
    connection: AsyncConnection, scope: Scope, folder_ids: Collection[UUID], now: datetime
) -> list[UUID]:
    """Move the live assets of folders that are about to go to the trash, out of their folders; returns their ids."""
    folders = bindparam(None, list(folder_ids), ARRAY(_A.c.folder_id.type))
    rows = await connection.execute(
        update(_A)
        .where(within(scope), _A.c.folder_id == any_(folders))
        .values(deleted_at=now, folder_id=None)
        .returning(_A.c.id)
    )
    return list(rows.scalars())


async def update_restored(connection: AsyncConnection, scope: Scope, asset_id: UUID, now: datetime) -> bool:
    """Bring a trashed asset back; False when it is not in the trash."""
    result = await connection.execute(
        update(_A).where(within(scope.trashed()), _A.c.id == asset_id).values(deleted_at=None, updated_at=now)
    )
    return result.rowcount > 0


async def select_due_for_purge(connection: AsyncConnection, before: datetime, limit: int) -> list[tuple[UUID, UUID]]:
    """(tenant id, asset id) of assets of any tenant deleted before a moment, oldest first."""
    query = (
        select(_A.c.tenant_id, _A.c.id)
        .where(_A.c.deleted_at.is_not(None), _A.c.deleted_at < before)
        .order_by(_A.c.deleted_at)
        .limit(limit)
    )
    return [(row[0], row[1]) for row in await connection.execute(query)]
