"""Rows of runs of indexing; changed only under the lock of their video's asset."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import Row, any_, bindparam, insert, literal, select, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import UUID as UUID_TYPE
from sqlalchemy.ext.asyncio import AsyncConnection

from calotype.db import tables
from calotype.db.engine import Pipeline
from calotype.db.scoped import of_tenant, within
from calotype.domain.scope import Scope
from calotype.domain.video import OPEN_INDEXING, IndexingRun, IndexingStatus

_R = tables.indexing_run
_A = tables.asset
_INSERT = insert(_R)
# Which columns are changed is told by the names of its parameters.
_UPDATE = update(_R).where(_R.c.tenant_id == bindparam("of_tenant"), _R.c.id == bindparam("of_run"))
_OPEN = sorted(status.value for status in OPEN_INDEXING)


async def insert_run(connection: AsyncConnection | Pipeline, scope: Scope, run: IndexingRun) -> None:
    """Store a new run."""
    values = {
        "id": run.id,
        "asset_id": run.asset_id,
        "tenant_id": scope.tenant_id,
        "kind": run.kind,
        "status": run.status.value,
        "progress": run.progress,
        "retries": run.retries,
        "created_at": run.created_at,
    }
    await connection.execute(_INSERT, values)


async def select_run(connection: AsyncConnection, scope: Scope, run_id: UUID) -> IndexingRun | None:
    """One run of a video of the scope."""
    query = select(_R).join_from(_R, _A, _A.c.id == _R.c.asset_id).where(within(scope), _R.c.id == run_id)
    row = (await connection.execute(query)).one_or_none()
    return _from_row(row) if row else None


async def select_newest_runs(
    connection: AsyncConnection, scope: Scope, asset_ids: Collection[UUID]
) -> dict[UUID, IndexingRun]:
    """The newest run of each of some videos that have any, by the video's id."""
    if not asset_ids:
        return {}
    query = (
        select(_R)
        .where(of_tenant(scope, _R), _R.c.asset_id == any_(literal(list(asset_ids), ARRAY(UUID_TYPE))))
        .distinct(_R.c.asset_id)
        .order_by(_R.c.asset_id, _R.c.created_at.desc(), _R.c.id.desc())
    )
    return {row.asset_id: _from_row(row) for row in await connection.execute(query)}


async def update_run(
    connection: AsyncConnection | Pipeline, scope: Scope, run_id: UUID, values: Mapping[str, Any]
) -> None:
    """Change columns of one run, under the lock of its video's asset."""
    await connection.execute(_UPDATE, {"of_tenant": scope.tenant_id, "of_run": run_id, **values})


async def update_open_run(
    connection: AsyncConnection, scope: Scope, run: IndexingRun, values: Mapping[str, Any]
) -> bool:
    """Change columns of a run that has neither ended nor been begun again; returns whether it is such a one, of a live video."""
    live = select(_A.c.id).where(within(scope), _A.c.id == _R.c.asset_id).exists()
    changed = await connection.execute(
        update(_R)
        .where(of_tenant(scope, _R), _R.c.id == run.id, _R.c.retries == run.retries, _R.c.status.in_(_OPEN), live)
        .values(**values)
        .returning(_R.c.id)
    )
    return changed.scalar_one_or_none() is not None


def _from_row(row: Row[Any]) -> IndexingRun:
    return IndexingRun(
        id=row.id,
        asset_id=row.asset_id,
        kind=row.kind,
        status=IndexingStatus(row.status),
        progress=row.progress,
        step=row.step,
        retries=row.retries,
        error=row.error,
        error_code=row.error_code,
        created_at=row.created_at,
        started_at=row.started_at,
        completed_at=row.completed_at,
    )
