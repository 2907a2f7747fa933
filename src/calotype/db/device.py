"""Rows of devices."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from calotype.db import tables
from calotype.db.scoped import of_tenant
from calotype.domain.device import Device, DuplicatePolicy
from calotype.domain.listing import Window
from calotype.domain.scope import Scope

_D = tables.device
_B = tables.batch
_IMAGES = select(func.coalesce(func.sum(_B.c.image_count), 0)).where(_B.c.device_id == _D.c.id).scalar_subquery()
_OPEN = select(_B.c.id).where(_B.c.device_id == _D.c.id, _B.c.closed_at.is_(None)).scalar_subquery()


def _devices(scope: Scope) -> Select[Any]:
    return select(_D, _IMAGES.label("image_count"), _OPEN.label("open_batch_id")).where(of_tenant(scope, _D))


def _from_row(row: Row[Any]) -> Device:
    return Device(
        row.id,
        row.name,
        DuplicatePolicy(row.duplicate_policy),
        json.loads(row.metadata),
        row.created_at,
        row.last_seen_at,
        row.revoked_at,
        int(row.image_count),
        row.open_batch_id,
    )


async def insert_device(connection: AsyncConnection, scope: Scope, device: Device) -> None:
    """Store a new device."""
    await connection.execute(
        _D.insert().values(
            id=device.id,
            tenant_id=scope.tenant_id,
            name=device.name,
            duplicate_policy=device.duplicate_policy.value,
            metadata=json.dumps(device.metadata),
            created_at=device.created_at,
        )
    )


async def select_device(
    connection: AsyncConnection, scope: Scope, device_id: UUID, *, lock: bool = False
) -> Device | None:
    """One device; with `lock` nobody else can change it until the transaction ends."""
    if lock:
        # Apart, because what is read beside the row would be of the time before the lock was waited for.
        locking = select(_D.c.id).where(of_tenant(scope, _D), _D.c.id == device_id)
        await connection.execute(locking.with_for_update(key_share=True))
    query = _devices(scope).where(_D.c.id == device_id)
    row = (await connection.execute(query)).one_or_none()
    return _from_row(row) if row else None


async def select_devices(connection: AsyncConnection, scope: Scope, window: Window) -> tuple[list[Device], int]:
    """A window of a tenant's devices, newest first, and how many there are."""
    total = (await connection.execute(select(func.count()).select_from(_D).where(of_tenant(scope, _D)))).scalar_one()
    query = _devices(scope).order_by(_D.c.created_at.desc(), _D.c.id.desc()).limit(window.limit).offset(window.offset)
    return [_from_row(row) for row in await connection.execute(query)], int(total)


async def select_devices_named(connection: AsyncConnection, scope: Scope, name: str) -> list[Device]:
    """A tenant's devices of that name, revoked ones last."""
    query = _devices(scope).where(_D.c.name == name).order_by(_D.c.revoked_at.desc(), _D.c.created_at)
    return [_from_row(row) for row in await connection.execute(query)]


async def update_device(connection: AsyncConnection, scope: Scope, device_id: UUID, values: Mapping[str, Any]) -> None:
    """Set columns of a device; `metadata` is JSON text."""
    await connection.execute(update(_D).where(of_tenant(scope, _D), _D.c.id == device_id).values(**values))


_SEEN = text(
    "UPDATE device SET last_seen_at = :now WHERE id = (SELECT id FROM device "
    "WHERE tenant_id = :tenant_id AND id = :device_id FOR NO KEY UPDATE SKIP LOCKED)"
)


async def update_device_seen(connection: AsyncConnection, scope: Scope, device_id: UUID, now: datetime) -> None:
    """Note that a device has shown its key; where somebody holds its row just now, nothing is noted, and nobody waits."""
    await connection.execute(_SEEN, {"tenant_id": scope.tenant_id, "device_id": device_id, "now": now})
