"""Rows of announced uploads, from initiate to confirm."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from calotype.db import tables
from calotype.db.scoped import of_tenant
from calotype.domain.asset import State
from calotype.domain.presigned_upload import PresignedUpload
from calotype.domain.scope import Scope

_P = tables.presigned_upload


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


async def delete_refused(connection: AsyncConnection, scope: Scope, upload_id: UUID, stored_key: str) -> bool:
    """Forget an announcement whose bytes were refused; False where it is confirmed, gone, or has got other bytes meanwhile."""
    is_unchanged = func.coalesce(_P.c.received_key, _P.c.object_key) == stored_key
    gone = await connection.execute(
        _P.delete().where(of_tenant(scope, _P), _P.c.id == upload_id, _P.c.confirmed_at.is_(None), is_unchanged)
    )
    return gone.rowcount > 0


async def delete_announcement(connection: AsyncConnection, scope: Scope, upload_id: UUID) -> None:
    """Forget the announcement of an upload, where there is one: its name, title and tags."""
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
