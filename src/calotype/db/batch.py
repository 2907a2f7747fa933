"""Rows of batches. Assets and devices are locked before batches, and several batches in the order of their ids."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import func, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from calotype.db import tables
from calotype.db.scoped import of_tenant
from calotype.domain.batch import Batch, BatchStatus
from calotype.domain.listing import Window
from calotype.domain.scope import Scope

_B = tables.batch
_COLUMNS = (_B.c.id, _B.c.device_id, _B.c.image_count, _B.c.created_at, _B.c.closed_at)


def _from_row(row: Any) -> Batch:
    return Batch(row.id, row.device_id, row.image_count, row.created_at, row.closed_at)


# Run with every image of a device, so written once. The unique index decides, whoever else does the same at the same moment;
# and since the device is locked, a revocation either closes the batch that is opened here, or is seen.
_JOIN = text(
    "INSERT INTO batch (id, tenant_id, device_id, image_count, created_at) "
    "SELECT :id, device.tenant_id, device.id, 1, :now FROM device "
    "WHERE device.tenant_id = :tenant_id AND device.id = :device_id AND device.revoked_at IS NULL "
    "FOR SHARE OF device "
    "ON CONFLICT (device_id) WHERE closed_at IS NULL DO UPDATE SET image_count = batch.image_count + 1 "
    "RETURNING id, device_id, image_count, created_at, closed_at"
)


async def upsert_collecting_batch(
    connection: AsyncConnection, scope: Scope, device_id: UUID, now: datetime
) -> Batch | None:
    """Count one more image of a device in its open batch, which is opened where there is none; it stays locked.

    None when the device is revoked.
    """
    values = {"id": uuid4(), "tenant_id": scope.tenant_id, "device_id": device_id, "now": now}
    row = (await connection.execute(_JOIN, values)).one_or_none()
    return _from_row(row) if row else None


async def update_batch_taken(
    connection: AsyncConnection, scope: Scope, device_id: UUID, batch_id: UUID
) -> Batch | None:
    """Count one more image in that batch of a device; None when it is closed, or not there. It stays locked."""
    query = (
        update(_B)
        .where(of_tenant(scope, _B), _B.c.id == batch_id, _B.c.device_id == device_id, _B.c.closed_at.is_(None))
        .values(image_count=_B.c.image_count + 1)
        .returning(*_COLUMNS)
    )
    row = (await connection.execute(query)).one_or_none()
    return _from_row(row) if row else None


async def update_batch_closed(
    connection: AsyncConnection,
    scope: Scope,
    batch_id: UUID,
    now: datetime,
    *,
    leaving: int = 0,
) -> Batch | None:
    """Close an open batch, without the `leaving` images that were counted in it just now; None when it was closed before."""
    query = (
        update(_B)
        .where(of_tenant(scope, _B), _B.c.id == batch_id, _B.c.closed_at.is_(None))
        .values(closed_at=now, image_count=_B.c.image_count - leaving)
        .returning(*_COLUMNS)
    )
    row = (await connection.execute(query)).one_or_none()
    return _from_row(row) if row else None


async def select_batch(connection: AsyncConnection, scope: Scope, batch_id: UUID) -> Batch | None:
    """One batch."""
    query = select(*_COLUMNS).where(of_tenant(scope, _B), _B.c.id == batch_id)
    row = (await connection.execute(query)).one_or_none()
    return _from_row(row) if row else None


async def select_batches(
    connection: AsyncConnection, scope: Scope, device_id: UUID | None, status: BatchStatus | None, window: Window
) -> tuple[list[Batch], int]:
    """A window of a tenant's batches, newest first, and how many there are; of one device, in one state, where asked for."""
    wanted = [of_tenant(scope, _B)]
    if device_id is not None:
        wanted.append(_B.c.device_id == device_id)
    if status is not None:
        wanted.append(_B.c.closed_at.is_(None) if status is BatchStatus.COLLECTING else _B.c.closed_at.is_not(None))
    total = (await connection.execute(select(func.count()).select_from(_B).where(*wanted))).scalar_one()
    query = (
        select(*_COLUMNS)
        .where(*wanted)
        .order_by(_B.c.created_at.desc(), _B.c.id.desc())
        .limit(window.limit)
        .offset(window.offset)
    )
    return [_from_row(row) for row in await connection.execute(query)], int(total)


async def select_due_batches(
    connection: AsyncConnection, scope: Scope | None, opened_before: datetime, limit: int
) -> list[tuple[UUID, UUID]]:
    """(tenant id, batch id) of open batches, of one tenant or of all, that were opened before a moment, oldest first."""
    query = (
        select(_B.c.tenant_id, _B.c.id)
        .where(_B.c.closed_at.is_(None), _B.c.created_at <= opened_before)
        .order_by(_B.c.created_at)
        .limit(limit)
    )
    if scope is not None:
        query = query.where(of_tenant(scope, _B))
    return [(row[0], row[1]) for row in await connection.execute(query)]


_LOCK_OF_IMAGES = text(
    "SELECT id FROM batch WHERE tenant_id = :tenant_id AND id IN "
    "(SELECT batch_id FROM device_image WHERE tenant_id = :tenant_id AND asset_id = ANY(CAST(:ids AS uuid[]))) "
    "ORDER BY id FOR UPDATE"
)
_COUNT_IMAGES = text(
    "UPDATE batch SET image_count = image_count + :change * moved.images FROM "
    "(SELECT batch_id, count(*)::integer AS images FROM device_image "
    "WHERE tenant_id = :tenant_id AND asset_id = ANY(CAST(:ids AS uuid[])) GROUP BY batch_id) AS moved "
    "WHERE batch.tenant_id = :tenant_id AND batch.id = moved.batch_id"
)


async def update_image_counts(
    connection: AsyncConnection, scope: Scope, asset_ids: Sequence[UUID], change: int
) -> None:
    """Count assets into (1) or out of (-1) the batches they belong to; most belong to none."""
    values = {"tenant_id": scope.tenant_id, "ids": list(asset_ids)}
    if (await connection.execute(_LOCK_OF_IMAGES, values)).first() is not None:
        await connection.execute(_COUNT_IMAGES, {**values, "change": change})
