"""Rows of tenants, and what they have used."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from calotype.db import tables
from calotype.db.scoped import within
from calotype.domain.principal import Tenant
from calotype.domain.scope import Scope


async def select_tenant(connection: AsyncConnection, tenant_id: UUID, *, lock: bool = False) -> Tenant | None:
    """One tenant; with `lock` nobody else can change what it has used until the transaction ends."""
    query = select(
        tables.tenant.c.id,
        tables.tenant.c.name,
        tables.tenant.c.storage_quota_bytes,
        tables.tenant.c.monthly_upload_limit,
    ).where(tables.tenant.c.id == tenant_id)
    row = (await connection.execute(query.with_for_update() if lock else query)).one_or_none()
    return Tenant(*row) if row else None


async def select_tenants(connection: AsyncConnection) -> list[Tenant]:
    """All tenants by name."""
    rows = await connection.execute(
        select(
            tables.tenant.c.id,
            tables.tenant.c.name,
            tables.tenant.c.storage_quota_bytes,
            tables.tenant.c.monthly_upload_limit,
        ).order_by(tables.tenant.c.name)
    )
    return [Tenant(*row) for row in rows]


async def insert_tenant(connection: AsyncConnection, name: str, now: datetime) -> UUID:
    """The id of the tenant of that name, made now if it is new; two at once make one."""
    await connection.execute(
        insert(tables.tenant)
        .values(id=uuid4(), name=name, created_at=now)
        .on_conflict_do_nothing(index_elements=["name"])
    )
    found = await connection.execute(select(tables.tenant.c.id).where(tables.tenant.c.name == name))
    identity: UUID = found.scalar_one()
    return identity


async def select_stored_bytes(connection: AsyncConnection, scope: Scope) -> int:
    """Bytes of all originals that are kept, the trash included, and of announced uploads that may still come."""
    kept = select(func.coalesce(func.sum(tables.asset.c.size_bytes), 0)).where(within(scope.any()))
    announced = select(func.coalesce(func.sum(tables.presigned_upload.c.declared_size), 0)).where(_is_open(scope))
    total = await connection.execute(select(kept.scalar_subquery() + announced.scalar_subquery()))
    return int(total.scalar_one())


async def select_upload_count(connection: AsyncConnection, scope: Scope, since: datetime) -> int:
    """Uploads since a moment, deleted ones included, and those that are announced and may still come."""
    made = select(func.count()).select_from(tables.asset).where(within(scope.any()), tables.asset.c.created_at >= since)
    announced = select(func.count()).select_from(tables.presigned_upload).where(_is_open(scope))
    total = await connection.execute(select(made.scalar_subquery() + announced.scalar_subquery()))
    return int(total.scalar_one())


def _is_open(scope: Scope) -> ColumnElement[bool]:
    upload = tables.presigned_upload.c
    return and_(upload.tenant_id == scope.tenant_id, upload.confirmed_at.is_(None), upload.reaped_at.is_(None))
