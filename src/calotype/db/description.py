"""Rows of descriptions."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import bindparam, cast, select, update
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.ext.asyncio import AsyncConnection

from calotype.db import tables
from calotype.db.engine import Pipeline
from calotype.db.scoped import of_tenant
from calotype.domain.asset import DescriptionRecord, State
from calotype.domain.scope import Scope

_A = tables.asset
_D = tables.description

# With every description, so built once.
_INSERT = _D.insert()
_DESCRIBED = (
    update(_A)
    .where(_A.c.tenant_id == bindparam("of_tenant"), _A.c.id == bindparam("of_asset"))
    .values(search=cast(bindparam("new_search"), TSVECTOR))
)


async def insert_description(
    connection: AsyncConnection | Pipeline, scope: Scope, asset_id: UUID, record: DescriptionRecord
) -> None:
    """Add a description to an asset."""
    await connection.execute(
        _INSERT,
        {
            "id": record.id,
            "asset_id": asset_id,
            "tenant_id": scope.tenant_id,
            "description": record.description,
            "visible_text": record.visible_text,
            "confidence": record.confidence,
            "providers": list(record.providers),
            "verification_level": record.verification_level,
            "processing_time_ms": record.processing_time_ms,
            "created_at": record.created_at,
        },
    )


async def update_described(
    connection: AsyncConnection | Pipeline, scope: Scope, asset_id: UUID, record: DescriptionRecord, search: str
) -> None:
    """Make a description the newest of an asset, live or trashed; `search` is a tsvector literal."""
    await connection.execute(
        _DESCRIBED,
        {
            "of_tenant": scope.tenant_id,
            "of_asset": asset_id,
            "description": record.description,
            "visible_text": record.visible_text,
            "confidence": record.confidence,
            "described_at": record.created_at,
            "has_description": True,
            "description_status": State.COMPLETED.value,
            "description_error": None,
            "new_search": search,
        },
    )


async def select_descriptions(connection: AsyncConnection, scope: Scope, asset_id: UUID) -> list[DescriptionRecord]:
    """The descriptions of one asset, newest first."""
    query = (
        select(
            _D.c.id,
            _D.c.description,
            _D.c.visible_text,
            _D.c.confidence,
            _D.c.providers,
            _D.c.verification_level,
            _D.c.processing_time_ms,
            _D.c.created_at,
        )
        .where(of_tenant(scope, _D), _D.c.asset_id == asset_id)
        .order_by(_D.c.created_at.desc(), _D.c.id.desc())
    )
    return [
        DescriptionRecord(
            row.id,
            row.description,
            row.visible_text,
            row.confidence,
            tuple(row.providers),
            row.verification_level,
            row.processing_time_ms,
            row.created_at,
        )
        for row in await connection.execute(query)
    ]
