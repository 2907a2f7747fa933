"""Rows of assets: one at a time, by id."""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import LargeBinary, Row, Select, any_, bindparam, cast, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY, TSVECTOR
from sqlalchemy.ext.asyncio import AsyncConnection

from calotype.db import tables
from calotype.db.asset_text import with_text
from calotype.db.engine import Pipeline
from calotype.db.scoped import within, within_parameter
from calotype.domain.asset import Asset, NewAsset, State, StoredVariant, UploadMethod
from calotype.domain.picture import VariantName
from calotype.domain.scope import Scope, Visibility

_A = tables.asset

_COLUMNS = (
    _A.c.id,
    _A.c.tenant_id,
    _A.c.media_type,
    _A.c.content_type,
    _A.c.format,
    _A.c.upload_method,
    _A.c.object_key,
    _A.c.original_filename,
    _A.c.size_bytes,
    _A.c.checksum,
    _A.c.created_at,
    _A.c.updated_at,
    _A.c.title,
    _A.c.tags,
    _A.c.storage_target,
    _A.c.auto_describe,
    _A.c.deleted_at,
    _A.c.captured_at,
    _A.c.width,
    _A.c.height,
    _A.c.variant_status,
    _A.c.variant_error,
    _A.c.variants,
    _A.c.blur_hash,
    _A.c.description_status,
    _A.c.description_error,
    _A.c.description,
    _A.c.visible_text,
    _A.c.confidence,
    _A.c.described_at,
    _A.c.has_description,
    _A.c.text_status,
    _A.c.text_error,
    _A.c.folder_id,
    _A.c.recorded_timestamp,
)


def select_scoped(scope: Scope) -> Select[Any]:
    """The base of every query for whole assets."""
    return select(*_COLUMNS).where(within(scope))


def from_row(row: Row[Any]) -> Asset:
    """Make the domain object of a row from `select_scoped`."""
    values = dict(row._mapping)
    values["upload_method"] = UploadMethod(values["upload_method"])
    values["checksum"] = values["checksum"].hex()
    values["tags"] = tuple(values["tags"])
    for name in ("variant_status", "description_status", "text_status"):
        values[name] = State(values[name]) if values[name] else None
    values["variants"] = {VariantName(name): StoredVariant(**variant) for name, variant in values["variants"].items()}
    return Asset(**values)


# Run with every upload, so built once.
_INSERT = _A.insert().values(search=cast(bindparam("search"), TSVECTOR))


async def insert_asset(connection: AsyncConnection | Pipeline, new: NewAsset, search: str, now: datetime) -> None:
    """Store a new asset; `search` is its tsvector literal."""
    captured = new.captured
    await connection.execute(
        _INSERT,
        {
            "id": new.id,
            "tenant_id": new.tenant_id,
            "media_type": new.media_type,
            "content_type": new.content_type,
            "format": new.format,
            "upload_method": new.upload_method.value,
            "object_key": new.object_key,
            "original_filename": new.original_filename,
            "size_bytes": new.size_bytes,
            "checksum": bytes.fromhex(new.checksum),
            "storage_target": new.storage_target,
            "auto_describe": new.auto_describe,
            "title": new.title,
            "tags": list(new.tags),
            "folder_id": new.folder_id,
            "width": new.width,
            "height": new.height,
            "recorded_timestamp": new.recorded_timestamp,
            "captured_at": captured.moment if captured else None,
            "captured_wall": captured.wall if captured else None,
            "captured_offset_minutes": captured.offset_minutes if captured else None,
            "captured_offset_source": captured.offset_source if captured else None,
            "created_at": now,
            "updated_at": now,
            "variants": {},
            "variant_status": new.variant_status,
            "description_status": new.description_status,
            "has_description": False,
            "text_status": new.text_status,
            "search": search,
        },
    )


@functools.cache
def _one(visibility: Visibility, lock: bool) -> Select[Any]:
    """The query for one asset, asked with nearly every request and job, so built once for each of its forms."""
    query = select(*_COLUMNS).where(within_parameter(visibility), _A.c.id == bindparam("id"))
    return query.with_for_update() if lock else query


async def select_asset(
    connection: AsyncConnection, scope: Scope, asset_id: UUID, *, lock: bool = False
) -> Asset | None:
    """One asset of the scope; with `lock` it cannot change until the transaction ends."""
    query = _one(scope.visibility, lock)
    row = (await connection.execute(query, {"tenant_id": scope.tenant_id, "id": asset_id})).one_or_none()
    return from_row(row) if row else None


async def select_assets(
    connection: AsyncConnection, scope: Scope, asset_ids: Sequence[UUID], *, lock: bool = False
) -> dict[UUID, Asset]:
    """Those of the given assets that are in the scope, by id."""
    query = select_scoped(scope).where(_A.c.id.in_(bindparam("ids", expanding=True))).order_by(_A.c.id)
    rows = await connection.execute(query.with_for_update() if lock else query, {"ids": list(asset_ids)})
    return {asset.id: asset for asset in map(from_row, rows)}


async def select_assets_by_prefix(connection: AsyncConnection, scope: Scope, prefix: str, limit: int) -> list[Asset]:
    """At most `limit` assets whose id begins with eight hexadecimal digits; the primary key serves it as a range."""
    lowest = UUID(prefix + "0" * 24)
    highest = UUID(prefix + "f" * 24)
    query = select_scoped(scope).where(_A.c.id.between(lowest, highest)).limit(limit)
    return [from_row(row) for row in await connection.execute(query)]


async def select_asset_by_checksum(connection: AsyncConnection, scope: Scope, checksum: str) -> Asset | None:
    """The oldest asset of the scope with that content."""
    query = (
        select_scoped(scope).where(_A.c.checksum == bytes.fromhex(checksum)).order_by(_A.c.created_at, _A.c.id).limit(1)
    )
    row = (await connection.execute(query)).one_or_none()
    return from_row(row) if row else None


async def select_assets_by_checksum(
    connection: AsyncConnection, scope: Scope, checksums: Sequence[str]
) -> dict[str, Asset]:
    """The oldest asset of the scope with each of those contents, where there is one."""
    values = {"tenant_id": scope.tenant_id, "wanted": [bytes.fromhex(checksum) for checksum in checksums]}
    rows = await connection.execute(_by_checksums(scope.visibility), values)
    return {asset.checksum: asset for asset in map(from_row, rows)}


@functools.cache
def _by_checksums(visibility: Visibility) -> Select[Any]:
    """Asked with every upload that must not be stored twice, so built once."""
    return (
        select(*_COLUMNS)
        .distinct(_A.c.checksum)
        .where(within_parameter(visibility), _A.c.checksum == any_(bindparam("wanted", type_=ARRAY(LargeBinary))))
        .order_by(_A.c.checksum, _A.c.created_at, _A.c.id)
    )


async def lock_assets_from_removal(connection: AsyncConnection, scope: Scope, asset_ids: Sequence[UUID]) -> set[UUID]:
    """Keep those of the given assets that still are in the scope from being removed until the transaction ends."""
    query = (
        select(_A.c.id)
        .where(within(scope), _A.c.id.in_(asset_ids))
        .order_by(_A.c.id)
        .with_for_update(read=True, key_share=True)
    )
    return set((await connection.execute(query)).scalars())


_LOCK = select(_A.c.id).where(_A.c.tenant_id == bindparam("tenant_id"), _A.c.id == bindparam("id")).with_for_update()


async def lock_asset(connection: AsyncConnection, scope: Scope, asset_id: UUID) -> bool:
    """Keep one asset, live or trashed, from changing until the transaction ends; False when it is gone."""
    found = await connection.execute(_LOCK, {"tenant_id": scope.tenant_id, "id": asset_id})
    return found.first() is not None


_LOCK_CHECKSUMS = text(
    "SELECT pg_advisory_xact_lock(hashtextextended(key, 0)) FROM unnest(CAST(:keys AS text[])) AS key"
)


async def lock_checksums(connection: AsyncConnection, scope: Scope, checksums: Sequence[str]) -> None:
    """Let only one transaction at a time decide whether these contents of this tenant are new."""
    # Always in the same order, so that two transactions with some of the same never wait for each other.
    keys = [f"{scope.tenant_id}:{checksum}" for checksum in sorted(checksums)]
    await connection.execute(_LOCK_CHECKSUMS, {"keys": keys})


async def update_asset(connection: AsyncConnection, scope: Scope, asset_id: UUID, values: Mapping[str, Any]) -> bool:
    """Set columns of one asset; a `search` value is the tsvector literal of its row, to which the words within it are added.

    False when it is not in the scope.
    """
    changed = dict(values)
    if "search" in changed:
        changed["search"] = with_text(changed["search"])
    result = await connection.execute(update(_A).where(within(scope), _A.c.id == asset_id).values(**changed))
    return result.rowcount > 0


async def update_status(
    connection: AsyncConnection,
    scope: Scope,
    asset_id: UUID,
    column: Literal["variant_status", "description_status", "text_status"],
    before: Collection[State],
    after: State,
) -> Asset | None:
    """Move one state on and return the asset; None when it is not in the scope or in none of the states `before`."""
    query = (
        update(_A)
        .where(within(scope), _A.c.id == asset_id, _A.c[column].in_([state.value for state in before]))
        .values({column: after.value})
        .returning(*_COLUMNS)
    )
    row = (await connection.execute(query)).one_or_none()
    return from_row(row) if row else None


async def delete_asset(connection: AsyncConnection, scope: Scope, asset_id: UUID) -> bool:
    """Remove the row for good, and with it everything that hangs on it."""
    result = await connection.execute(_A.delete().where(within(scope), _A.c.id == asset_id))
    return result.rowcount > 0
