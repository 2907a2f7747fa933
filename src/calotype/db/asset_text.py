"""Rows of the texts within assets: what is read in documents and on the pages of links, and the words they are found by."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import ColumnElement, cast, func, select, text
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.ext.asyncio import AsyncConnection

from calotype.db import tables
from calotype.db.engine import Pipeline
from calotype.db.scoped import of_tenant
from calotype.domain.scope import Scope

_A = tables.asset
_T = tables.asset_text

_UPSERT = text(
    "INSERT INTO asset_text (asset_id, tenant_id, text, search) VALUES (:asset_id, :tenant_id, :text, CAST(:search AS tsvector)) "
    "ON CONFLICT (asset_id) DO UPDATE SET text = excluded.text, search = excluded.search "
    "WHERE asset_text.tenant_id = excluded.tenant_id"
)


async def upsert_asset_text(
    connection: AsyncConnection | Pipeline, scope: Scope, asset_id: UUID, content: str, search: str
) -> None:
    """Store the text within an asset; `search` is its tsvector literal, which counts once the asset's own is set next."""
    values = {"asset_id": asset_id, "tenant_id": scope.tenant_id, "text": content, "search": search}
    await connection.execute(_UPSERT, values)


async def select_asset_text(connection: AsyncConnection, scope: Scope, asset_id: UUID) -> str | None:
    """The text within an asset; None where none was read."""
    query = select(_T.c.text).where(of_tenant(scope, _T), _T.c.asset_id == asset_id)
    return (await connection.execute(query)).scalar_one_or_none()


def with_text(search: str) -> ColumnElement[str]:
    """The words of an asset's row, a tsvector literal, and those of the text within it, for setting `asset.search`."""
    within = select(_T.c.search).where(_T.c.asset_id == _A.c.id).scalar_subquery()
    return cast(search, TSVECTOR).op("||")(func.coalesce(within, cast("", TSVECTOR)))
