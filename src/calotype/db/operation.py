"""Rows of processing history."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from calotype.db import tables
from calotype.db.engine import Pipeline
from calotype.db.scoped import of_tenant
from calotype.domain.asset import Operation, OperationType, State
from calotype.domain.scope import Scope

_O = tables.operation
_COLUMNS = (
    _O.c.id,
    _O.c.asset_id,
    _O.c.type,
    _O.c.status,
    _O.c.created_at,
    _O.c.completed_at,
    _O.c.error_message,
)


def _from_row(row: Any) -> Operation:
    return Operation(
        row.id,
        row.asset_id,
        OperationType(row.type),
        State(row.status),
        row.created_at,
        row.completed_at,
        row.error_message,
    )


_INSERT = text(
    "INSERT INTO operation (id, asset_id, tenant_id, type, status, created_at, completed_at, error_message) "
    "SELECT * FROM unnest(CAST(:id AS uuid[]), CAST(:asset_id AS uuid[]), CAST(:tenant_id AS uuid[]), CAST(:type AS text[]), "
    "CAST(:status AS text[]), CAST(:created_at AS timestamptz[]), CAST(:completed_at AS timestamptz[]), "
    "CAST(:error_message AS text[]))"
)


async def insert_operations(
    connection: AsyncConnection | Pipeline, scope: Scope, operations: Sequence[Operation]
) -> None:
    """Add steps to the history, however many in one statement that stays the same."""
    await connection.execute(
        _INSERT,
        {
            "id": [step.id for step in operations],
            "asset_id": [step.asset_id for step in operations],
            "tenant_id": [scope.tenant_id for _ in operations],
            "type": [step.type.value for step in operations],
            "status": [step.status.value for step in operations],
            "created_at": [step.created_at for step in operations],
            "completed_at": [step.completed_at for step in operations],
            "error_message": [step.error_message for step in operations],
        },
    )


async def select_operations(connection: AsyncConnection, scope: Scope, asset_id: UUID) -> list[Operation]:
    """The history of one asset, oldest first."""
    query = select(*_COLUMNS).where(of_tenant(scope, _O), _O.c.asset_id == asset_id).order_by(_O.c.created_at, _O.c.id)
    return [_from_row(row) for row in await connection.execute(query)]


async def select_operations_of(
    connection: AsyncConnection, scope: Scope, asset_ids: Sequence[UUID]
) -> dict[UUID, list[Operation]]:
    """The histories of several assets by id, each oldest first."""
    query = (
        select(*_COLUMNS)
        .where(of_tenant(scope, _O), _O.c.asset_id.in_(asset_ids))
        .order_by(_O.c.asset_id, _O.c.created_at, _O.c.id)
    )
    histories: dict[UUID, list[Operation]] = {}
    for row in await connection.execute(query):
        histories.setdefault(row.asset_id, []).append(_from_row(row))
    return histories


async def select_open_operation(
    connection: AsyncConnection, scope: Scope, asset_id: UUID, kind: OperationType
) -> Operation | None:
    """The step of that kind that is waiting or running, the newest if several."""
    query = (
        select(*_COLUMNS)
        .where(
            of_tenant(scope, _O),
            _O.c.asset_id == asset_id,
            _O.c.type == kind.value,
            _O.c.status.in_([State.PENDING.value, State.PROCESSING.value]),
        )
        .order_by(_O.c.created_at.desc())
        .limit(1)
    )
    row = (await connection.execute(query)).one_or_none()
    return _from_row(row) if row else None


# Colours that somebody asked for are found by a job of their own: neither a development nor the end of an upload ends that step.
_MOVE_ON = text(
    "UPDATE operation SET status = :status, completed_at = CAST(:completed_at AS timestamptz), "
    "error_message = CAST(:error_message AS text) WHERE tenant_id = :tenant_id AND asset_id = :asset_id "
    "AND type = ANY(CAST(:types AS text[])) AND status IN ('pending', 'processing') "
    "AND (CAST(:completed_at AS timestamptz) IS NULL OR type <> 'extract_colors' OR NOT EXISTS ("
    "SELECT FROM color_analysis AS asked WHERE asked.asset_id = operation.asset_id "
    "AND asked.tenant_id = operation.tenant_id AND asked.status IN ('pending', 'processing')))"
)


async def update_open_operations(
    connection: AsyncConnection | Pipeline,
    scope: Scope,
    asset_id: UUID,
    kinds: Sequence[OperationType],
    *,
    status: State,
    completed_at: datetime | None = None,
    error_message: str | None = None,
) -> None:
    """Move the waiting or running steps of those kinds on; with `completed_at` they end, unless a job of their own does it."""
    await connection.execute(
        _MOVE_ON,
        {
            "tenant_id": scope.tenant_id,
            "asset_id": asset_id,
            "types": [kind.value for kind in kinds],
            "status": status.value,
            "completed_at": completed_at,
            "error_message": error_message,
        },
    )
