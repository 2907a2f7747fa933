"""Rows of upload sessions and of their files; counts and status are always computed from the files."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from calotype.db import tables
from calotype.db.engine import Pipeline
from calotype.db.scoped import of_tenant
from calotype.domain.asset import Asset
from calotype.domain.scope import Scope
from calotype.domain.upload_session import EXCERPT, FileOutcome, NewSession, SessionFile, SessionStatus, SessionSummary

CHANNEL = "calotype_session"
"""Where the id of every session is notified whose state has changed."""

_S = tables.upload_session
_F = tables.upload_session_file


@dataclass(frozen=True, slots=True)
class ClosedSession:
    """A session as it was at the moment in which it was closed."""

    was_being_read: bool


# ------------------------------------------------------------------ the session


async def insert_upload_session(connection: AsyncConnection, scope: Scope, new: NewSession) -> None:
    """Begin a session whose request is being read."""
    await connection.execute(
        _S.insert().values(
            id=new.id,
            tenant_id=scope.tenant_id,
            created_at=new.created_at,
            intent=new.intent,
            verification_level=new.verification_level,
            reader_seen_at=func.now(),
        )
    )


async def update_received(
    connection: AsyncConnection, scope: Scope, session_id: UUID, values: Mapping[str, str | None] | None = None
) -> None:
    """Note that a session's request has been read, with what was learnt at its end, or that it will not come any more."""
    query = update(_S).where(of_tenant(scope, _S), _S.c.id == session_id, _S.c.received_at.is_(None))
    await connection.execute(query.values(received_at=func.now(), **(values or {})))
    await _notify(connection, [session_id])


async def update_closed(
    connection: AsyncConnection, scope: Scope, session_id: UUID, status: SessionStatus
) -> ClosedSession | None:
    """Close a session early; from then on no file is added to it. None when it is closed already, or there is none."""
    query = (
        update(_S)
        .where(of_tenant(scope, _S), _S.c.id == session_id, _S.c.closed_at.is_(None))
        .values(closed_at=func.now(), closed_as=status.value)
        .returning(_S.c.received_at)
    )
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        return None
    await _notify(connection, [session_id])
    return ClosedSession(was_being_read=row.received_at is None)


async def update_reader_seen(connection: AsyncConnection, scope: Scope, session_id: UUID) -> None:
    """Note that the process that reads a session's request is alive, by the database's clock."""
    query = update(_S).where(of_tenant(scope, _S), _S.c.id == session_id)
    await connection.execute(query.values(reader_seen_at=func.now()))


# The one definition of what a session's state is.
_SUMMARY = """
SELECT s.id, s.created_at, f.started_at, f.total, f.completed, f.failed, f.skipped,
    CASE
        WHEN s.closed_as IS NOT NULL THEN s.closed_as
        WHEN s.received_at IS NULL THEN 'uploading'
        WHEN f.failed = f.total THEN 'failed'
        WHEN f.pending = 0 THEN 'completed'
        WHEN f.pending = f.total THEN 'pending'
        ELSE 'processing'
    END AS status,
    CASE
        WHEN s.closed_at IS NOT NULL THEN s.closed_at
        WHEN s.received_at IS NOT NULL AND f.pending = 0 THEN greatest(s.received_at, f.ended_at)
    END AS completed_at
FROM upload_session AS s CROSS JOIN LATERAL (
    SELECT count(*) AS total,
        count(*) FILTER (WHERE outcome = 'pending') AS pending,
        count(*) FILTER (WHERE outcome = 'completed') AS completed,
        count(*) FILTER (WHERE outcome = 'failed') AS failed,
        count(*) FILTER (WHERE outcome = 'skipped') AS skipped,
        min(created_at) AS started_at,
        max(ended_at) AS ended_at
    FROM upload_session_file WHERE session_id = s.id
) AS f
WHERE s.tenant_id = :tenant_id
"""
_ONE_SUMMARY = text(f"{_SUMMARY} AND s.id = :session_id")
_PAGE = text(
    f"SELECT *, count(*) OVER () AS matches FROM ({_SUMMARY}) AS summary "
    "WHERE CAST(:status AS text) IS NULL OR status = :status ORDER BY created_at DESC, id DESC LIMIT :limit OFFSET :offset"
)
_COUNT = text(f"SELECT count(*) FROM ({_SUMMARY}) AS summary WHERE CAST(:status AS text) IS NULL OR status = :status")


async def select_session_summary(connection: AsyncConnection, scope: Scope, session_id: UUID) -> SessionSummary | None:
    """One session in numbers."""
    found = await connection.execute(_ONE_SUMMARY, {"tenant_id": scope.tenant_id, "session_id": session_id})
    row = found.one_or_none()
    return _summary(row) if row else None


async def select_session_summaries(
    connection: AsyncConnection, scope: Scope, status: SessionStatus | None, offset: int, limit: int
) -> tuple[list[SessionSummary], int]:
    """A window of sessions, newest first, and how many match."""
    wanted = {"tenant_id": scope.tenant_id, "status": status.value if status else None}
    rows = (await connection.execute(_PAGE, {**wanted, "offset": offset, "limit": limit})).all()
    if rows or not offset:
        return [_summary(row) for row in rows], rows[0].matches if rows else 0
    return [], int((await connection.execute(_COUNT, wanted)).scalar_one())


def _summary(row: Row[Any]) -> SessionSummary:
    return SessionSummary(
        id=row.id,
        status=SessionStatus(row.status),
        created_at=row.created_at,
        started_at=row.started_at,
        completed_at=row.completed_at,
        total=row.total,
        completed=row.completed,
        failed=row.failed,
        skipped=row.skipped,
    )


# -------------------------------------------------------------------- its files

_LOCK_OPEN = text(
    "SELECT 1 FROM upload_session WHERE tenant_id = :tenant_id AND id = :session_id "
    "AND closed_at IS NULL AND received_at IS NULL FOR SHARE"
)


async def lock_open_session(connection: AsyncConnection, scope: Scope, session_id: UUID) -> bool:
    """Keep a session from being closed until the transaction ends; False when it takes no more files."""
    found = await connection.execute(_LOCK_OPEN, {"tenant_id": scope.tenant_id, "session_id": session_id})
    return found.first() is not None


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
        await _notify(connection, [session_id])
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
        values = dict(row._mapping)  # noqa: SLF001 - the documented name
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
            "first_key": first.object_key,
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


async def select_wanted(connection: AsyncConnection, scope: Scope, asset_ids: Sequence[UUID]) -> set[UUID]:
    """Those of the given assets that other uploads were pointed to."""
    query = select(_F.c.asset_id).where(of_tenant(scope, _F), _F.c.asset_id.in_(asset_ids), _F.c.is_wanted)
    return set((await connection.execute(query)).scalars())


# Run at the end of every job, in its transaction, so built once.
_SETTLE = text(
    "WITH ended AS ("
    "UPDATE upload_session_file AS f SET ended_at = clock_timestamp(), "
    "outcome = CASE WHEN a.variant_status = 'failed' THEN 'failed' ELSE 'completed' END, "
    "error = CASE WHEN a.variant_status = 'failed' THEN a.variant_error END, "
    f"description = left(a.description, {EXCERPT}) "
    "FROM asset AS a WHERE f.tenant_id = :tenant_id AND f.asset_id = :asset_id AND f.outcome = 'pending' "
    "AND a.tenant_id = f.tenant_id AND a.id = f.asset_id "
    "AND coalesce(a.variant_status, '') NOT IN ('pending', 'processing') "
    "AND coalesce(a.description_status, '') NOT IN ('pending', 'processing') "
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
    await _notify(connection, sorted(set(ended)))
    return len(ended)


async def _notify(connection: AsyncConnection, session_ids: Sequence[UUID]) -> None:
    for session_id in session_ids:
        await connection.execute(text(f"SELECT pg_notify('{CHANNEL}', :payload)"), {"payload": str(session_id)})


# ----------------------------------------------------------------------- upkeep


async def update_dead_readers(connection: AsyncConnection, silent_for: float) -> int:
    """Sessions of any tenant whose reader has not been seen for so many seconds get no more files; returns how many."""
    query = text(
        "UPDATE upload_session SET received_at = now() WHERE received_at IS NULL AND closed_at IS NULL "
        "AND reader_seen_at < now() - make_interval(secs => :silent_for) RETURNING id"
    )
    ids = list((await connection.execute(query, {"silent_for": silent_for})).scalars())
    await _notify(connection, ids)
    return len(ids)


_DELETE_OLD = text(
    "DELETE FROM upload_session AS s WHERE s.created_at < :before AND (s.closed_at < :before OR s.received_at < :before) "
    "AND NOT EXISTS (SELECT 1 FROM upload_session_file AS f "
    "WHERE f.session_id = s.id AND (f.outcome = 'pending' OR f.ended_at >= :before))"
)


async def delete_old_sessions(connection: AsyncConnection, before: datetime) -> int:
    """Forget sessions of any tenant that were over before a moment; returns how many."""
    return (await connection.execute(_DELETE_OLD, {"before": before})).rowcount
