"""Rows of upload sessions; counts and status are always computed from their files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from calotype.db import tables
from calotype.db.scoped import of_tenant
from calotype.domain.scope import Scope
from calotype.domain.upload_session import NewSession, SessionStatus, SessionSummary

CHANNEL = "calotype_session"
"""Where the id of every session is notified whose state has changed."""

_S = tables.upload_session
_NOTIFY = text(f"SELECT pg_notify('{CHANNEL}', :payload)")


@dataclass(frozen=True, slots=True)
class ClosedSession:
    """A session as it was at the moment in which it was closed."""

    was_being_read: bool


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
    await notify_sessions(connection, [session_id])


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
    await notify_sessions(connection, [session_id])
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


_LOCK_OPEN = text(
    "SELECT 1 FROM upload_session WHERE tenant_id = :tenant_id AND id = :session_id "
    "AND closed_at IS NULL AND received_at IS NULL FOR SHARE"
)


async def lock_open_session(connection: AsyncConnection, scope: Scope, session_id: UUID) -> bool:
    """Keep a session from being closed until the transaction ends; False when it takes no more files."""
    found = await connection.execute(_LOCK_OPEN, {"tenant_id": scope.tenant_id, "session_id": session_id})
    return found.first() is not None


async def notify_sessions(connection: AsyncConnection, session_ids: Sequence[UUID]) -> None:
    """Tell everybody who listens that the state of these sessions has changed, once the transaction has committed."""
    for session_id in session_ids:
        await connection.execute(_NOTIFY, {"payload": str(session_id)})


async def update_dead_readers(connection: AsyncConnection, silent_for: float) -> int:
    """Sessions of any tenant whose reader has not been seen for so many seconds get no more files; returns how many."""
    query = text(
        "UPDATE upload_session SET received_at = now() WHERE received_at IS NULL AND closed_at IS NULL "
        "AND reader_seen_at < now() - make_interval(secs => :silent_for) RETURNING id"
    )
    ids = list((await connection.execute(query, {"silent_for": silent_for})).scalars())
    await notify_sessions(connection, ids)
    return len(ids)


_DELETE_OLD = text(
    "DELETE FROM upload_session AS s WHERE s.created_at < :before AND (s.closed_at < :before OR s.received_at < :before) "
    "AND NOT EXISTS (SELECT 1 FROM upload_session_file AS f "
    "WHERE f.session_id = s.id AND (f.outcome = 'pending' OR f.ended_at >= :before))"
)


async def delete_old_sessions(connection: AsyncConnection, before: datetime) -> int:
    """Forget sessions of any tenant that were over before a moment; returns how many."""
    return (await connection.execute(_DELETE_OLD, {"before": before})).rowcount
