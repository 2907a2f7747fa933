"""Rows of custom metadata."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import any_, bindparam, cast, select
from sqlalchemy.dialects.postgresql import ARRAY, TSVECTOR
from sqlalchemy.dialects.postgresql import UUID as UUID_TYPE
from sqlalchemy.ext.asyncio import AsyncConnection

from calotype.db import tables
from calotype.db.engine import Pipeline
from calotype.domain.scope import Scope

_M = tables.custom_metadata
_INSERT = _M.insert().values(search=cast(bindparam("search"), TSVECTOR))
_SELECT = select(_M.c.asset_id, _M.c.document).where(
    _M.c.tenant_id == bindparam("tenant_id"), _M.c.asset_id == any_(bindparam("ids", type_=ARRAY(UUID_TYPE)))
)


async def insert_custom_metadata(
    connection: AsyncConnection | Pipeline, scope: Scope, asset_id: UUID, document: str, search: str
) -> None:
    """Store what a client says of an asset, JSON text; `search` is the tsvector literal of its words."""
    values = {"asset_id": asset_id, "tenant_id": scope.tenant_id, "document": document, "search": search}
    await connection.execute(_INSERT, values)


async def select_custom_metadata(
    connection: AsyncConnection, scope: Scope, asset_ids: Sequence[UUID]
) -> dict[UUID, str]:
    """The JSON texts of those of the given assets that have one, by id."""
    rows = await connection.execute(_SELECT, {"tenant_id": scope.tenant_id, "ids": list(asset_ids)})
    return {row.asset_id: row.document for row in rows}
