"""Rows of API keys: only hashes are stored."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from calotype.db import tables
from calotype.domain.principal import ApiKey

_KEY = tables.api_key

# Asked with every request, so built once.
_BY_HASH = select(_KEY.c.id, _KEY.c.tenant_id, _KEY.c.expires_at, _KEY.c.revoked_at).where(
    _KEY.c.secret_hash == bindparam("secret_hash")
)


@dataclass(frozen=True, slots=True)
class StoredKey:
    """What authentication needs of a key."""

    id: UUID
    tenant_id: UUID
    expires_at: datetime | None
    revoked_at: datetime | None


async def select_api_key_by_hash(connection: AsyncConnection, secret_hash: bytes) -> StoredKey | None:
    """The key with that hash, in whatever state it is."""
    row = (await connection.execute(_BY_HASH, {"secret_hash": secret_hash})).one_or_none()
    return StoredKey(*row) if row else None


async def insert_api_key(
    connection: AsyncConnection,
    tenant_id: UUID,
    name: str,
    *,
    hint: str,
    secret_hash: bytes,
    now: datetime,
    expires_at: datetime | None,
) -> UUID:
    """Store a new key."""
    identity = uuid4()
    await connection.execute(
        _KEY.insert().values(
            id=identity,
            tenant_id=tenant_id,
            name=name,
            hint=hint,
            secret_hash=secret_hash,
            created_at=now,
            expires_at=expires_at,
        )
    )
    return identity


async def select_api_keys(connection: AsyncConnection) -> list[ApiKey]:
    """All keys of all tenants, newest last, for the operator."""
    query = (
        select(
            _KEY.c.id,
            _KEY.c.tenant_id,
            tables.tenant.c.name,
            _KEY.c.name,
            _KEY.c.hint,
            _KEY.c.created_at,
            _KEY.c.expires_at,
            _KEY.c.revoked_at,
            _KEY.c.last_used_at,
        )
        .join(tables.tenant, tables.tenant.c.id == _KEY.c.tenant_id)
        .order_by(_KEY.c.created_at, _KEY.c.id)
    )
    return [ApiKey(*row) for row in await connection.execute(query)]


async def select_api_key_count(connection: AsyncConnection) -> int:
    """How many keys were ever made."""
    return int((await connection.execute(select(func.count()).select_from(_KEY))).scalar_one())


async def update_api_key_revoked(connection: AsyncConnection, key_id: UUID, now: datetime) -> bool:
    """Revoke a key; False when there is no such key that still works."""
    result = await connection.execute(
        update(_KEY).where(_KEY.c.id == key_id, _KEY.c.revoked_at.is_(None)).values(revoked_at=now)
    )
    return result.rowcount > 0


async def update_api_keys_used(connection: AsyncConnection, used: dict[UUID, datetime]) -> None:
    """Note when keys were last used, several at once."""
    for key_id in sorted(used):
        await connection.execute(update(_KEY).where(_KEY.c.id == key_id).values(last_used_at=used[key_id]))
