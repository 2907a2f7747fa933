"""Uploads on their way: those nothing happens to any more, and the sessions that uploads belong to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import and_, func, literal, or_, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from calotype.db import tables
from calotype.db.chunked_upload import is_open as is_open_in_chunks
from calotype.db.scoped import of_tenant, within
from calotype.domain.asset import OPEN_STATES
from calotype.domain.scope import Scope
from calotype.domain.upload_session import FileOutcome

_A = tables.asset
_F = tables.upload_session_file
_O = tables.operation
_P = tables.presigned_upload
_U = tables.chunked_upload
_V = tables.video
_OPEN = sorted(state.value for state in OPEN_STATES)


@dataclass(frozen=True, slots=True)
class StuckUpload:
    """An unfinished upload by its id, and whether it has a row among the assets already, or comes in chunks."""

    id: UUID
    is_asset: bool
    is_chunked: bool


async def select_stuck_uploads(
    connection: AsyncConnection, scope: Scope, untouched_since: datetime, now: datetime, limit: int
) -> tuple[list[StuckUpload], int]:
    """Unfinished uploads nothing has happened to since a moment, the oldest first, and how many there are."""
    last_step = (
        select(func.max(func.greatest(_O.c.created_at, _O.c.completed_at)))
        .where(of_tenant(scope, _O), _O.c.asset_id == _A.c.id)
        .scalar_subquery()
    )
    assets = select(
        _A.c.id,
        func.greatest(_A.c.created_at, last_step).label("touched"),
        literal(True).label("is_asset"),
        literal(False).label("is_chunked"),
    )
    # A video on its way from a URL has none of these states before its bytes are there.
    downloads = assets.join(_V, _V.c.asset_id == _A.c.id).where(
        within(scope),
        _A.c.created_at <= untouched_since,
        _A.c.variant_status.is_(None),
        _V.c.download_status.in_(_OPEN),
    )
    assets = assets.where(
        within(scope),
        _A.c.created_at <= untouched_since,
        or_(_A.c.variant_status.in_(_OPEN), _A.c.description_status.in_(_OPEN), _A.c.text_status.in_(_OPEN)),
    )
    announced = select(_P.c.id, _P.c.created_at, literal(False), literal(False)).where(
        of_tenant(scope, _P),
        _P.c.confirmed_at.is_(None),
        _P.c.reaped_at.is_(None),
        _P.c.expires_at > now,
    )
    in_chunks = select(_U.c.id, _U.c.updated_at, literal(False), literal(True)).where(
        is_open_in_chunks(scope), _U.c.expires_at > now
    )
    found = union_all(assets, downloads, announced, in_chunks).subquery()
    query = (
        select(found.c.id, found.c.is_asset, found.c.is_chunked, func.count().over().label("matches"))
        .where(found.c.touched <= untouched_since)
        .order_by(found.c.touched, found.c.id)
        .limit(limit)
    )
    rows = (await connection.execute(query)).all()
    return [StuckUpload(row.id, row.is_asset, row.is_chunked) for row in rows], rows[0].matches if rows else 0


async def select_sessions_of(connection: AsyncConnection, scope: Scope, asset_ids: Sequence[UUID]) -> dict[UUID, UUID]:
    """The session that stored each of the given assets, where one did; those that only skipped it as a duplicate do not count."""
    is_copy = and_(_F.c.outcome == FileOutcome.SKIPPED.value, _F.c.error.is_(None))
    query = select(_F.c.asset_id, _F.c.session_id).where(of_tenant(scope, _F), _F.c.asset_id.in_(asset_ids), ~is_copy)
    return {row[0]: row[1] for row in await connection.execute(query)}


async def select_failed_upload(
    connection: AsyncConnection, scope: Scope, asset_id: UUID
) -> tuple[UUID, datetime, datetime, str | None] | None:
    """(session, created at, ended at, error) of a file of a batch that could not be stored."""
    query = select(_F.c.session_id, _F.c.created_at, _F.c.ended_at, _F.c.error).where(
        of_tenant(scope, _F),
        _F.c.asset_id == asset_id,
        _F.c.outcome == FileOutcome.FAILED.value,
        _F.c.retryable,  # all others were stored, and fail in their processing
    )
    row = (await connection.execute(query)).first()
    return (row[0], row[1], row[2], row[3]) if row else None
