"""Rows of documents, each beside its asset's; changed only under the lock of the asset."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, any_, bindparam, func, insert, literal, select, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import UUID as UUID_TYPE
from sqlalchemy.ext.asyncio import AsyncConnection

from calotype.db import tables
from calotype.db.asset import from_row as asset_from_row
from calotype.db.asset import select_scoped
from calotype.db.engine import Pipeline
from calotype.db.scoped import of_tenant, within
from calotype.domain.asset import Asset, State
from calotype.domain.document import DOCUMENT, Document
from calotype.domain.listing import Window
from calotype.domain.scope import Scope

_A = tables.asset
_D = tables.document
_INSERT = insert(_D)
_UPDATE = update(_D).where(_D.c.tenant_id == bindparam("of_tenant"), _D.c.asset_id == bindparam("of_asset"))


async def insert_document(connection: AsyncConnection | Pipeline, scope: Scope, asset_id: UUID) -> None:
    """Store a new document, of which nothing is known yet."""
    values = {"asset_id": asset_id, "tenant_id": scope.tenant_id, "page_count": None, "chunk_count": None, "note": None}
    await connection.execute(_INSERT, {**values, "properties": {}})


async def update_document(
    connection: AsyncConnection | Pipeline, scope: Scope, asset_id: UUID, values: Mapping[str, Any]
) -> None:
    """Change columns of one document, under the lock of its asset."""
    await connection.execute(_UPDATE, {"of_tenant": scope.tenant_id, "of_asset": asset_id, **values})


async def select_documents(
    connection: AsyncConnection, scope: Scope, asset_ids: Collection[UUID]
) -> dict[UUID, Document]:
    """Those of some assets of the tenant, live or trashed, that are documents, by id."""
    if not asset_ids:
        return {}
    query = select(_D).where(of_tenant(scope, _D), _D.c.asset_id == any_(literal(list(asset_ids), ARRAY(UUID_TYPE))))
    return {row.asset_id: _from_row(row) for row in await connection.execute(query)}


async def select_document_page(
    connection: AsyncConnection, scope: Scope, status: State | None, window: Window
) -> tuple[Sequence[Asset], int]:
    """The documents of the scope, newest first, of one state or all: a window of their assets, and how many there are."""
    wanted = [within(scope), _A.c.media_type == DOCUMENT]
    if status is not None:
        wanted.append(_A.c.text_status == status.value)
    total = (await connection.execute(select(func.count()).select_from(_A).where(*wanted))).scalar_one()
    query = (
        select_scoped(scope)
        .where(*wanted)
        .order_by(_A.c.created_at.desc(), _A.c.id.desc())
        .limit(window.limit)
        .offset(window.offset)
    )
    return [asset_from_row(row) for row in await connection.execute(query)], int(total)


def _from_row(row: Row[Any]) -> Document:
    return Document(row.asset_id, row.page_count, row.chunk_count, dict(row.properties), row.note)
