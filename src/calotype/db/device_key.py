"""Rows of devices' keys: only hashes are stored."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import bindparam, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from calotype.db import tables
from calotype.db.scoped import of_tenant
from calotype.domain.scope import Scope

_K = tables.device_key
_D = tables.device

# Asked with every request, so built once.
_BY_HASH = (
    select(
        _K.c.tenant_id,
        _K.c.device_id,
        _K.c.id,
        _K.c.expires_at,
        _D.c.revoked_at,
        _D.c.last_seen_at,
        _D.c.duplicate_policy,
    )
    .join(_D, _D.c.id == _K.c.device_id)
    .where(_K.c.secret_hash == bindparam("secret_hash"))
)


@dataclass(frozen=True, slots=True)
class StoredDeviceKey:
    """What authentication needs of a device's key."""

    tenant_id: UUID
    device_id: UUID
    id: UUID
    expires_at: datetime | None
    revoked_at: datetime | None
    last_seen_at: datetime | None
    duplicate_policy: str


async def select_device_key_by_hash(connection: AsyncConnection, secret_hash: bytes) -> StoredDeviceKey | None:
    """The key with that hash, in whatever state it is, with its device's."""
    row = (await connection.execute(_BY_HASH, {"secret_hash": secret_hash})).one_or_none()
    return StoredDeviceKey(*row) if row else None


async def insert_device_key(
    connection: AsyncConnection, scope: Scope, device_id: UUID, secret_hash: bytes, now: datetime
) -> None:
    """Store a new key of a device."""
    await connection.execute(
        _K.insert().values(
            id=uuid4(), device_id=device_id, tenant_id=scope.tenant_id, secret_hash=secret_hash, created_at=now
        )
    )


async def update_device_keys_expiry(
    connection: AsyncConnection, scope: Scope, device_id: UUID, expires_at: datetime
) -> None:
    """Let all keys a device has end at a moment, unless they end before."""
    await connection.execute(
        update(_K)
        .where(
            of_tenant(scope, _K),
            _K.c.device_id == device_id,
            or_(_K.c.expires_at.is_(None), _K.c.expires_at > expires_at),
        )
        .values(expires_at=expires_at)
    )
