"""Rows of the files of upload sessions: what became of each."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import and_, func, literal, not_, select, text, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from calotype.db import tables
from calotype.db.asset import from_row, select_scoped
from calotype.db.engine import Pipeline
from calotype.db.scoped import of_tenant
from calotype.db.upload_session import CHANNEL, notify_sessions
from calotype.domain.asset import Asset
from calotype.domain.scope import Scope
from calotype.domain.upload_session import EXCERPT, FileOutcome, SessionFile

_A = tables.asset
_F = tables.upload_session_file

_INSERT_FILES = text(
    "INSERT INTO upload_session_file "
    "(session_id, tenant_id, index, asset_id, filename, object_key, outcome, error, retryable, description, created_at, "
    "ended_at) "
    f"SELECT s.id, s.tenant_id, f.index, f.asset_id, f.filename, f.object_key, f.outcome, f.error, f.retryable, "
    f"left(f.description, {EXCERPT}), f.created_at, f.ended_at "
    "FROM upload_session AS s, "
    "unnest(CAST(:index AS integer[]), CAST(:asset_id AS uuid[]), CAST(:filename AS text[]), CAST(:object_key AS text[]), "
    "CAST(:outcome AS text[]), CAST(:error AS text[]), CAST(:retryable AS boolean[]), CAST(:description AS text[]), "
    "CAST(:created_at AS timestamptz[]), CAST(:ended_at AS timestamptz[])) "
    "AS f (index, asset_id, filename, object_key, outcome, error, retryable, description, created_at, ended_at) "
    "WHERE s.tenant_id = :tenant_id AND s.id = :session_id ON CONFLICT (session_id, index) DO NOTHING"
)


async def insert_session_files(
    connection: AsyncConnection, scope: Scope, session_id: UUID, files: Sequence[SessionFile]
) -> int:
    """Add files to a session, whose lock is held; returns how many. One whose place is taken already is left out."""
    added = await connection.execute(
        _INSERT_FILES,
        {
            "tenant_id": scope.tenant_id,
            "session_id": session_id,
            "index": [file.index for file in files],
            "asset_id": [file.asset_id for file in files],
            "filename": [file.filename for file in files],
            "object_key": [file.object_key for file in files],
            "outcome": [file.outcome.value for file in files],
            "error": [file.error for file in files],
            "retryable": [file.retryable for file in files],
            "description": [file.description for file in files],
            "created_at": [file.created_at for file in files],
            "ended_at": [file.ended_at for file in files],
        },
    )
    if added.rowcount and any(file.outcome is not FileOutcome.PENDING for file in files):
        await notify_sessions(connection, [session_id])
    return added.rowcount


async def select_session_files(
    connection: AsyncConnection,
    scope: Scope,
    session_id: UUID,
    outcomes: Collection[FileOutcome],
    *,
    newest: bool = False,
    offset: int = 0,
    limit: int | None = None,
) -> list[SessionFile]:
    """Files of a session with one of the outcomes, in the order sent, or with `newest` by their end, the last first."""
    order = (_F.c.ended_at.desc(), _F.c.index.desc()) if newest else (_F.c.index,)
    query = (
        select(
            _F.c.index,
            _F.c.asset_id,
            _F.c.filename,
            _F.c.object_key,
            _F.c.outcome,
            _F.c.created_at,
            _F.c.ended_at,
            _F.c.error,
            _F.c.retryable,
            _F.c.description,
        )
        .where(_of_session(scope, session_id, outcomes))
        .order_by(*order)
        .offset(offset)
        .limit(limit)
    )
    files = []
    for row in await connection.execute(query):
        values = dict(row._mapping)
        files.append(SessionFile(**{**values, "outcome": FileOutcome(values["outcome"])}))
    return files


async def count_session_files(
    connection: AsyncConnection, scope: Scope, session_id: UUID, outcomes: Collection[FileOutcome]
) -> int:
    """How many files of a session have one of the outcomes."""
    query = select(func.count()).select_from(_F).where(_of_session(scope, session_id, outcomes))
    return int((await connection.execute(query)).scalar_one())


async def select_ended_indexes(connection: AsyncConnection, scope: Scope, session_id: UUID) -> dict[int, FileOutcome]:
    """The outcome of every file that has ended, by its place, in the order of their ends."""
    ended = [outcome for outcome in FileOutcome if outcome is not FileOutcome.PENDING]
    query = (
        select(_F.c.index, _F.c.outcome)
        .where(_of_session(scope, session_id, ended))
        .order_by(_F.c.ended_at, _F.c.index)
    )
    return {row[0]: FileOutcome(row[1]) for row in await connection.execute(query)}


def _of_session(scope: Scope, session_id: UUID, outcomes: Collection[FileOutcome]) -> Any:
    return (
        of_tenant(scope, _F)
        & (_F.c.session_id == session_id)
        & _F.c.outcome.in_([outcome.value for outcome in outcomes])
    )


_SKIP_COPY = text(
    "UPDATE upload_session_file AS f SET outcome = 'skipped', error = NULL, asset_id = :first_id, object_key = :first_key, "
    "description = left(CAST(:description AS text), :excerpt), ended_at = clock_timestamp() "
    "FROM (SELECT id FROM upload_session WHERE tenant_id = :tenant_id AND id = :session_id AND closed_at IS NULL FOR SHARE) AS s "
    "WHERE f.session_id = s.id AND f.tenant_id = :tenant_id AND f.index = :index"
)


async def update_to_skipped(
    connection: AsyncConnection, scope: Scope, session_id: UUID, index: int, first: Asset
) -> bool:
    """Let a file of a session count as a duplicate of an asset; False when the session is closed."""
    changed = await connection.execute(
        _SKIP_COPY,
        {
            "tenant_id": scope.tenant_id,
            "session_id": session_id,
            "index": index,
            "first_id": first.id,
            "first_key": first.public_key,
            "description": first.description,
            "excerpt": EXCERPT,
        },
    )
    return changed.rowcount > 0


async def update_wanted(
    connection: AsyncConnection, scope: Scope, asset_ids: Sequence[UUID], by_session: UUID | None
) -> None:
    """Note that another upload (than those of `by_session`) was told that these contents are here already."""
    query = update(_F).where(
        of_tenant(scope, _F),
        _F.c.asset_id.in_(asset_ids),
        _F.c.is_wanted.is_(False),
        _F.c.session_id.is_distinct_from(by_session),
    )
    await connection.execute(query.values(is_wanted=True))


async def select_other_copy(connection: AsyncConnection, scope: Scope, session_id: UUID, asset: Asset) -> Asset | None:
    """The oldest other asset with the same content, but for those that the same session has stored after it.

    Not only older ones: of two uploads at once the one that was begun first may be the last to be seen.
    """
    in_session = select(_F.c.asset_id).where(of_tenant(scope, _F), _F.c.session_id == session_id)
    is_later = tuple_(_A.c.created_at, _A.c.id) > tuple_(literal(asset.created_at), literal(asset.id))
    query = (
        select_scoped(scope)
        .where(
            _A.c.checksum == bytes.fromhex(asset.checksum),
            _A.c.id != asset.id,
            not_(and_(is_later, _A.c.id.in_(in_session))),
        )
        .order_by(_A.c.created_at, _A.c.id)
        .limit(1)
    )
    row = (await connection.execute(query)).one_or_none()
    return from_row(row) if row else None


async def select_wanted(connection: AsyncConnection, scope: Scope, asset_ids: Sequence[UUID]) -> set[UUID]:
    """Those of the given assets that other uploads were pointed to."""
    query = select(_F.c.asset_id).where(of_tenant(scope, _F), _F.c.asset_id.in_(asset_ids), _F.c.is_wanted)
    return set((await connection.execute(query)).scalars())


# Run at the end of every job, in its transaction, so built once.
_SETTLE = text(
    "WITH ended AS ("
    "UPDATE upload_session_file AS f SET ended_at = clock_timestamp(), "
    "outcome = CASE WHEN a.variant_status = 'failed' OR a.text_status = 'failed' THEN 'failed' ELSE 'completed' END, "
    "error = CASE WHEN a.variant_status = 'failed' THEN a.variant_error WHEN a.text_status = 'failed' THEN a.text_error END, "
    f"description = left(a.description, {EXCERPT}) "
    "FROM asset AS a WHERE f.tenant_id = :tenant_id AND f.asset_id = :asset_id AND f.outcome = 'pending' "
    "AND a.tenant_id = f.tenant_id AND a.id = f.asset_id "
    "AND coalesce(a.variant_status, '') NOT IN ('pending', 'processing') "
    "AND coalesce(a.description_status, '') NOT IN ('pending', 'processing') "
    "AND coalesce(a.text_status, '') NOT IN ('pending', 'processing') "
    "RETURNING f.session_id) "
    f"SELECT pg_notify('{CHANNEL}', CAST(session_id AS text)) FROM ended"
)


async def settle_session_files(connection: AsyncConnection | Pipeline, scope: Scope, asset_id: UUID) -> None:
    """Give the waiting session rows of an asset their outcome, if all work on it has ended; no-op otherwise."""
    await connection.execute(_SETTLE, {"tenant_id": scope.tenant_id, "asset_id": asset_id})


async def update_pending_files(
    connection: AsyncConnection,
    scope: Scope,
    asset_ids: Sequence[UUID],
    error: str,
    outcome: FileOutcome = FileOutcome.SKIPPED,
) -> int:
    """End the waiting session rows of some assets, for a reason; returns how many."""
    query = (
        update(_F)
        .where(of_tenant(scope, _F), _F.c.asset_id.in_(asset_ids), _F.c.outcome == FileOutcome.PENDING.value)
        .values(outcome=outcome.value, error=error, ended_at=func.clock_timestamp())
        .returning(_F.c.session_id)
    )
    ended = list((await connection.execute(query)).scalars())
    await notify_sessions(connection, sorted(set(ended)))
    return len(ended)
