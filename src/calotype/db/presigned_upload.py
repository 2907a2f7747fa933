"""Rows of announced uploads, from initiate to confirm."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from calotype.db import tables
from calotype.db.scoped import of_tenant
from calotype.domain.asset import State
from calotype.domain.scope import Scope

_P = tables.presigned_upload


@dataclass(frozen=True, slots=True)
class PresignedUpload:
    """An upload that was announced; its bytes may or may not have come."""

    id: UUID
    tenant_id: UUID
    object_key: str
    original_filename: str
    declared_size: int
    title: str | None
    tags: tuple[str, ...]
    auto_describe: bool
    created_at: datetime
    expires_at: datetime
    received_size: int | None = None
    received_checksum: str | None = None
    confirmed_at: datetime | None = None
    confirmed_status: State | None = None
    reaped_at: datetime | None = None


def _from_row(row: Any) -> PresignedUpload:
    values = dict(row._mapping)
    values["tags"] = tuple(values["tags"])
    values["received_checksum"] = values["received_checksum"].hex() if values["received_checksum"] else None
    values["confirmed_status"] = State(values["confirmed_status"]) if values["confirmed_status"] else None
    return PresignedUpload(**values)


async def insert_presigned_upload(connection: AsyncConnection, scope: Scope, upload: PresignedUpload) -> None:
    """Store an announcement."""
    await connection.execute(
        _P.insert().values(
            id=upload.id,
            tenant_id=scope.tenant_id,
            object_key=upload.object_key,
            original_filename=upload.original_filename,
            declared_size=upload.declared_size,
            title=upload.title,
            tags=list(upload.tags),
            auto_describe=upload.auto_describe,
            created_at=upload.created_at,
            expires_at=upload.expires_at,
        )
    )


async def select_presigned_upload(
    connection: AsyncConnection, scope: Scope, upload_id: UUID, *, lock: bool = False
) -> PresignedUpload | None:
    """One announcement of the scope's tenant."""
    query = select(_P).where(of_tenant(scope, _P), _P.c.id == upload_id)
    row = (await connection.execute(query.with_for_update() if lock else query)).one_or_none()
    return _from_row(row) if row else None


async def update_presigned_upload(
    connection: AsyncConnection, scope: Scope, upload_id: UUID, values: Mapping[str, Any]
) -> None:
    """Set columns of one announcement."""
    await connection.execute(update(_P).where(of_tenant(scope, _P), _P.c.id == upload_id).values(**values))


async def delete_presigned_upload(connection: AsyncConnection, scope: Scope, upload_id: UUID) -> None:
    """Forget an announcement."""
    await connection.execute(_P.delete().where(of_tenant(scope, _P), _P.c.id == upload_id))


async def select_due_for_reaping(
    connection: AsyncConnection, expired_before: datetime, limit: int
) -> list[PresignedUpload]:
    """Announcements of any tenant that expired unconfirmed before a moment and still hold bytes or quota."""
    query = (
        select(_P)
        .where(_P.c.confirmed_at.is_(None), _P.c.reaped_at.is_(None), _P.c.expires_at < expired_before)
        .order_by(_P.c.expires_at)
        .limit(limit)
    )
    return [_from_row(row) for row in await connection.execute(query)]


async def delete_reaped(connection: AsyncConnection, reaped_before: datetime) -> int:
    """Forget announcements of any tenant that were reaped before a moment."""
    result = await connection.execute(_P.delete().where(_P.c.confirmed_at.is_(None), _P.c.reaped_at < reaped_before))
    return result.rowcount
