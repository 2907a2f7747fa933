"""Rows of idempotency keys: what a request was answered with, so that it can be answered again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import bindparam, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from calotype.db import tables
from calotype.domain.device_image import DeviceImage
from calotype.domain.scope import Scope

_K = tables.idempotency_key


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """What a request was, as a SHA-256, and the image it made."""

    fingerprint: bytes
    image: DeviceImage


_SELECT = select(_K.c.fingerprint, _K.c.asset_id, _K.c.batch_id, _K.c.object_key, _K.c.is_duplicate).where(
    _K.c.tenant_id == bindparam("tenant_id"),
    _K.c.device_id == bindparam("device_id"),
    _K.c.key == bindparam("of_key"),
    _K.c.created_at > bindparam("kept_since"),
)
_CLAIM = text(
    "INSERT INTO idempotency_key (device_id, key, tenant_id, fingerprint, asset_id, batch_id, object_key, is_duplicate, "
    "created_at) VALUES (:device_id, :key, :tenant_id, :fingerprint, :asset_id, :batch_id, :object_key, :is_duplicate, :now) "
    "ON CONFLICT (device_id, key) DO UPDATE SET fingerprint = excluded.fingerprint, asset_id = excluded.asset_id, "
    "batch_id = excluded.batch_id, object_key = excluded.object_key, is_duplicate = excluded.is_duplicate, "
    "created_at = excluded.created_at WHERE idempotency_key.created_at <= :kept_since RETURNING device_id"
)


async def select_kept_answer(
    connection: AsyncConnection, scope: Scope, device_id: UUID, key: str, kept_since: datetime
) -> KeptAnswer | None:
    """What a device's request with that key was answered with, if that was after a moment."""
    values = {"tenant_id": scope.tenant_id, "device_id": device_id, "of_key": key, "kept_since": kept_since}
    row = (await connection.execute(_SELECT, values)).one_or_none()
    if row is None:
        return None
    return KeptAnswer(row.fingerprint, DeviceImage(row.asset_id, row.batch_id, row.object_key, row.is_duplicate))


async def insert_kept_answer(
    connection: AsyncConnection,
    scope: Scope,
    device_id: UUID,
    key: str,
    answer: KeptAnswer,
    *,
    now: datetime,
    kept_since: datetime,
) -> bool:
    """Keep an answer; False when another request with the key has been answered since a moment.

    Waits for a transaction that is about to keep one.
    """
    image = answer.image
    values = {
        "device_id": device_id,
        "key": key,
        "tenant_id": scope.tenant_id,
        "fingerprint": answer.fingerprint,
        "asset_id": image.asset_id,
        "batch_id": image.batch_id,
        "object_key": image.object_key,
        "is_duplicate": image.is_duplicate,
        "now": now,
        "kept_since": kept_since,
    }
    return (await connection.execute(_CLAIM, values)).first() is not None


_DELETE_OLD = text(
    "DELETE FROM idempotency_key WHERE (device_id, key) IN (SELECT device_id, key FROM idempotency_key "
    "WHERE created_at <= :kept_since ORDER BY created_at LIMIT :limit FOR UPDATE SKIP LOCKED)"
)


async def delete_old_answers(connection: AsyncConnection, kept_since: datetime, limit: int) -> int:
    """Forget some of the answers of any tenant that were given before a moment, oldest first; returns how many."""
    return (await connection.execute(_DELETE_OLD, {"kept_since": kept_since, "limit": limit})).rowcount
