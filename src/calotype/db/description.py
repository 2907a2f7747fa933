"""Rows of descriptions."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from calotype.db import tables
from calotype.db.scoped import of_tenant
from calotype.domain.asset import DescriptionRecord
from calotype.domain.scope import Scope

_D = tables.description


async def insert_description(
    connection: AsyncConnection, scope: Scope, asset_id: UUID, record: DescriptionRecord
) -> None:
    """Add a description to an asset."""
    await connection.execute(
        _D.insert().values(
            id=record.id,
            asset_id=asset_id,
            tenant_id=scope.tenant_id,
            description=record.description,
            visible_text=record.visible_text,
            confidence=record.confidence,
            providers=list(record.providers),
            verification_level=record.verification_level,
            processing_time_ms=record.processing_time_ms,
            created_at=record.created_at,
        )
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
