"""Rows of tenants, and what they have used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import reduce
from operator import add
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, Select, and_, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from calotype.db import tables
from calotype.db.chunked_upload import is_open as is_open_in_chunks
from calotype.db.scoped import within
from calotype.domain.link import LINK
from calotype.domain.principal import Tenant
from calotype.domain.scope import Scope

_A = tables.asset
_P = tables.presigned_upload
_U = tables.chunked_upload


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
    """The id of the tenant of that name, made now if it is new; two at once make one.

    Its credits are another matter: `insert_account`.
    """
    await connection.execute(
        insert(tables.tenant)
        .values(id=uuid4(), name=name, created_at=now)
        .on_conflict_do_nothing(index_elements=["name"])
    )
    found = await connection.execute(select(tables.tenant.c.id).where(tables.tenant.c.name == name))
    identity: UUID = found.scalar_one()
    return identity


async def update_limits(connection: AsyncConnection, scope: Scope, limits: Mapping[str, int | None]) -> None:
    """Set a tenant's limits by the names of their columns; None means unlimited."""
    await connection.execute(update(tables.tenant).where(tables.tenant.c.id == scope.tenant_id).values(**limits))


# The sums below are taken of live and trashed assets apart, since each of the two has an index to be read from, and both
# together have none.


async def select_file_count(connection: AsyncConnection, scope: Scope) -> int:
    """Live files."""
    query = select(func.count()).select_from(_A).where(within(Scope(scope.tenant_id)))
    return int((await connection.execute(query)).scalar_one())


async def select_stored_bytes(connection: AsyncConnection, scope: Scope) -> int:
    """Bytes of all originals that are kept, the trash included, and of announced uploads that may still come.

    Of those it is what was announced, or what has come already where that is more.
    """
    kept = [select(func.coalesce(func.sum(_A.c.size_bytes), 0)).where(within(part)) for part in _parts(scope)]
    reserved = func.greatest(_P.c.declared_size, _P.c.received_size)  # which passes over NULL
    announced = select(func.coalesce(func.sum(reserved), 0)).where(_is_open(scope))
    in_chunks = select(func.coalesce(func.sum(_U.c.size_bytes), 0)).where(is_open_in_chunks(scope))
    return await _total(connection, [*kept, announced, in_chunks])


async def select_upload_count(connection: AsyncConnection, scope: Scope, since: datetime) -> int:
    """Uploads since a moment, deleted ones included, and those that are announced and may still come; links are none."""
    made = [
        select(func.count()).select_from(_A).where(within(part), _A.c.created_at >= since, _A.c.media_type != LINK)
        for part in _parts(scope)
    ]
    announced = select(func.count()).select_from(_P).where(_is_open(scope))
    in_chunks = select(func.count()).select_from(_U).where(is_open_in_chunks(scope))
    return await _total(connection, [*made, announced, in_chunks])


def _parts(scope: Scope) -> tuple[Scope, Scope]:
    return Scope(scope.tenant_id), scope.trashed()


async def _total(connection: AsyncConnection, numbers: Sequence[Select[Any]]) -> int:
    total = reduce(add, (number.scalar_subquery() for number in numbers))
    return int((await connection.execute(select(total))).scalar_one())


def _is_open(scope: Scope) -> ColumnElement[bool]:
    return and_(_P.c.tenant_id == scope.tenant_id, _P.c.confirmed_at.is_(None), _P.c.reaped_at.is_(None))
