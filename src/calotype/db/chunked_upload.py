"""Rows of uploads in chunks; a chunk has one from when something happens to it until the upload ends."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, and_, case, delete, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from calotype.db import tables
from calotype.db.held_lock import holding
from calotype.db.scoped import of_tenant
from calotype.domain.chunked_upload import (
    ChunkedStatus,
    ChunkedUpload,
    ChunkTally,
    CompletedUpload,
    Priority,
    UploadChunk,
)
from calotype.domain.scope import Scope
from calotype.domain.video import VideoProbe

_U = tables.chunked_upload
_C = tables.upload_chunk
_A = tables.asset
_OPEN = ChunkedStatus.UPLOADING.value
_MARK_USE = text("SELECT pg_try_advisory_xact_lock_shared(:key)")


async def insert_chunked_upload(connection: AsyncConnection, scope: Scope, upload: ChunkedUpload) -> None:
    """Store an announcement."""
    await connection.execute(
        _U.insert().values(
            id=upload.id,
            tenant_id=scope.tenant_id,
            upload_id=upload.upload_id,
            batch_id=upload.batch_id,
            object_key=upload.object_key,
            original_filename=upload.original_filename,
            content_type=upload.content_type,
            size_bytes=upload.size_bytes,
            chunk_bytes=upload.chunk_bytes,
            total_chunks=upload.total_chunks,
            title=upload.title,
            tags=list(upload.tags),
            custom_metadata=upload.custom_metadata,
            priority=upload.priority.value,
            status=upload.status.value,
            created_at=upload.created_at,
            updated_at=upload.updated_at,
            expires_at=upload.expires_at,
        )
    )


async def select_chunked_upload(
    connection: AsyncConnection, scope: Scope, media_id: UUID, *, lock: bool = False
) -> ChunkedUpload | None:
    """One upload of the scope's tenant."""
    query = select(_U).where(of_tenant(scope, _U), _U.c.id == media_id)
    row = (await connection.execute(query.with_for_update() if lock else query)).one_or_none()
    return _from_row(row) if row else None


async def update_chunked_upload(
    connection: AsyncConnection, scope: Scope, media_id: UUID, values: Mapping[str, Any]
) -> None:
    """Set columns of one upload."""
    await connection.execute(update(_U).where(of_tenant(scope, _U), _U.c.id == media_id).values(**values))


async def update_ended(
    connection: AsyncConnection,
    scope: Scope,
    media_id: UUID,
    status: ChunkedStatus,
    now: datetime,
    outcome: CompletedUpload | str | None = None,
) -> None:
    """End an upload, with its answer or the reason why there is none."""
    document = {"error": outcome} if isinstance(outcome, str) else _document(outcome) if outcome else None
    values = {"status": status.value, "updated_at": now, "reaped_at": now, "completion": document}
    await update_chunked_upload(connection, scope, media_id, values)


async def select_chunks(connection: AsyncConnection, scope: Scope, media_id: UUID) -> list[UploadChunk]:
    """The chunks of an upload something has happened to, in their order."""
    query = select(_C).where(of_tenant(scope, _C), _C.c.upload_id == media_id).order_by(_C.c.number)
    return [_chunk(row) for row in await connection.execute(query)]


async def select_chunk(connection: AsyncConnection, scope: Scope, media_id: UUID, number: int) -> UploadChunk | None:
    """One chunk of an upload, once something has happened to it."""
    query = select(_C).where(of_tenant(scope, _C), _C.c.upload_id == media_id, _C.c.number == number)
    row = (await connection.execute(query)).one_or_none()
    return _chunk(row) if row else None


async def select_tally(connection: AsyncConnection, scope: Scope, media_id: UUID) -> ChunkTally:
    """What of an upload has come."""
    has_bytes, is_confirmed = _C.c.object_key.is_not(None), _C.c.confirmed_at.is_not(None)
    query = select(
        func.count().filter(has_bytes),
        func.coalesce(func.sum(_C.c.size_bytes).filter(has_bytes), 0),
        func.count().filter(is_confirmed),
        func.coalesce(func.sum(_C.c.size_bytes).filter(is_confirmed), 0),
        func.max(_C.c.confirmed_at),
        func.coalesce(func.sum(_C.c.retries), 0),
    ).where(of_tenant(scope, _C), _C.c.upload_id == media_id)
    row = (await connection.execute(query)).one()
    return ChunkTally(row[0], int(row[1]), row[2], int(row[3]), row[4], int(row[5]))


async def upsert_chunk(
    connection: AsyncConnection, scope: Scope, media_id: UUID, chunk: UploadChunk, received_at: datetime
) -> None:
    """Give a chunk its bytes, in place of those it had; those of the same content stay confirmed."""
    values = {
        "object_key": chunk.object_key,
        "size_bytes": chunk.size_bytes,
        "etag": chunk.etag,
        "received_at": received_at,
    }
    statement = insert(_C).values(
        upload_id=media_id, number=chunk.number, tenant_id=scope.tenant_id, retries=chunk.retries, **values
    )
    same = and_(_C.c.etag == statement.excluded.etag, _C.c.size_bytes == statement.excluded.size_bytes)
    confirmed = case((same, _C.c.confirmed_at), else_=None)
    await connection.execute(
        statement.on_conflict_do_update(
            index_elements=["upload_id", "number"], set_={**values, "confirmed_at": confirmed}
        )
    )


async def update_chunk(
    connection: AsyncConnection, scope: Scope, media_id: UUID, number: int, values: Mapping[str, Any]
) -> None:
    """Set columns of one chunk."""
    await connection.execute(
        update(_C).where(of_tenant(scope, _C), _C.c.upload_id == media_id, _C.c.number == number).values(**values)
    )


async def upsert_retry(connection: AsyncConnection, scope: Scope, media_id: UUID, number: int) -> int:
    """Count that a chunk is asked for again; returns how often that was."""
    statement = insert(_C).values(upload_id=media_id, number=number, tenant_id=scope.tenant_id, retries=1)
    counted = statement.on_conflict_do_update(
        index_elements=["upload_id", "number"], set_={"retries": _C.c.retries + 1}
    ).returning(_C.c.retries)
    return int((await connection.execute(counted)).scalar_one())


async def delete_chunks(connection: AsyncConnection, scope: Scope, media_id: UUID) -> list[str]:
    """Forget the chunks of an upload; returns the keys of their objects, which nobody knows any more."""
    statement = delete(_C).where(of_tenant(scope, _C), _C.c.upload_id == media_id).returning(_C.c.object_key)
    return [key for key in (await connection.execute(statement)).scalars() if key is not None]


def completing(database_url: str, media_id: UUID) -> AbstractAsyncContextManager[Any]:
    """Be the only one, in all processes, who puts an upload together; who comes second waits.

    The event given is set when the connection that shows it is lost. Raises Unavailable.
    """
    return holding(database_url, _lock_key(media_id))


async def keep_from_completing(connection: AsyncConnection, scope: Scope, media_id: UUID) -> bool:
    """Keep an upload from being put together until the transaction ends; False where somebody does so already."""
    assert scope.tenant_id
    return bool((await connection.execute(_MARK_USE, {"key": _lock_key(media_id)})).scalar_one())


def _lock_key(media_id: UUID) -> int:
    return int.from_bytes(media_id.bytes[:8], signed=True)


async def select_expired_uploads(
    connection: AsyncConnection, expired_before: datetime, limit: int
) -> list[ChunkedUpload]:
    """Uploads of any tenant that expired before a moment and still hold bytes or quota."""
    query = (
        select(_U)
        .where(_U.c.status == _OPEN, _U.c.reaped_at.is_(None), _U.c.expires_at < expired_before)
        .order_by(_U.c.expires_at)
        .limit(limit)
    )
    return [_from_row(row) for row in await connection.execute(query)]


async def delete_forgotten_uploads(connection: AsyncConnection, reaped_before: datetime) -> int:
    """Forget uploads of any tenant that ended before a moment, those that became an asset once that is gone, too."""
    has_asset = select(_A.c.id).where(_A.c.id == _U.c.id).exists()
    is_over = or_(_U.c.status != ChunkedStatus.COMPLETED.value, ~has_asset)
    result = await connection.execute(delete(_U).where(_U.c.reaped_at < reaped_before, is_over))
    return result.rowcount


def is_open(scope: Scope) -> ColumnElement[bool]:
    """The condition that an upload of the scope's tenant may still become an asset."""
    return and_(of_tenant(scope, _U), _U.c.status == _OPEN, _U.c.reaped_at.is_(None))


def _document(completed: CompletedUpload) -> dict[str, Any]:
    probe = asdict(completed.probe)
    del probe["recorded"]
    return {
        "probe": probe,
        "size_bytes": completed.size_bytes,
        "run_id": str(completed.run_id) if completed.run_id else None,
        "created_at": completed.created_at.isoformat(),
        "video_path": completed.video_path,
        "linked_until": completed.linked_until.isoformat(),
    }


def _completed(media_id: UUID, document: Mapping[str, Any]) -> CompletedUpload:
    return CompletedUpload(
        media_id,
        VideoProbe(**document["probe"]),
        document["size_bytes"],
        UUID(document["run_id"]) if document["run_id"] else None,
        datetime.fromisoformat(document["created_at"]),
        document["video_path"],
        datetime.fromisoformat(document["linked_until"]),
    )


def _from_row(row: Row[Any]) -> ChunkedUpload:
    values = dict(row._mapping)
    document = values.pop("completion") or {}
    values["tags"] = tuple(values["tags"])
    values["priority"] = Priority(values["priority"])
    values["status"] = ChunkedStatus(values["status"])
    is_completed = values["status"] is ChunkedStatus.COMPLETED
    completion = _completed(values["id"], document) if is_completed else None
    return ChunkedUpload(**values, completion=completion, error=document.get("error"))


def _chunk(row: Row[Any]) -> UploadChunk:
    return UploadChunk(row.number, row.retries, row.object_key, row.size_bytes, row.etag, row.confirmed_at)
