"""Events that somebody wants to be told of, each with what is to be delivered to whom."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from calotype.db import tables
from calotype.db.scoped import of_tenant
from calotype.domain.event import Event
from calotype.domain.scope import Scope

_W = tables.webhook

# Where nobody has subscribed this is one look at an index. The lock is the one that references take anyway, but taken first, a
# webhook that is being deleted is waited for and then passed over, instead of failing what happened.
INSERT_EVENTS = (
    "WITH wanted AS MATERIALIZED ("
    "SELECT webhook.id AS webhook_id, e.id, e.type, e.body, e.occurred_at "
    "FROM unnest(CAST(:event_id AS uuid[]), CAST(:type AS text[]), CAST(:body AS text[]), CAST(:occurred_at AS timestamptz[])) "
    "AS e (id, type, body, occurred_at) "
    "JOIN webhook ON webhook.tenant_id = :tenant_id AND e.type = ANY(webhook.events) FOR KEY SHARE OF webhook), "
    "event AS (INSERT INTO webhook_event (id, tenant_id, type, body, created_at) "
    "SELECT DISTINCT ON (id) id, CAST(:tenant_id AS uuid), type, body, occurred_at FROM wanted), "
    "written AS (INSERT INTO webhook_delivery "
    "(id, webhook_id, event_id, tenant_id, status, attempts, created_at, next_attempt_at) "
    "SELECT gen_random_uuid(), webhook_id, id, CAST(:tenant_id AS uuid), 'pending', 0, occurred_at, occurred_at "
    "FROM wanted RETURNING tenant_id, id)"
)
"""Writes events and one delivery for each webhook that wants them; the queue completes it, see `enqueue_written`."""


def insert_values(scope: Scope, events: Sequence[Event], bodies: Sequence[str]) -> dict[str, Any]:
    """The parameters of `INSERT_EVENTS`."""
    return {
        "tenant_id": scope.tenant_id,
        "event_id": [event.id for event in events],
        "type": [event.type.value for event in events],
        "body": list(bodies),
        "occurred_at": [event.occurred_at for event in events],
    }


async def select_is_wanted(connection: AsyncConnection, scope: Scope, types: Collection[str]) -> bool:
    """Whether a webhook of the tenant wants any of some types of events."""
    query = select(func.count()).select_from(_W).where(of_tenant(scope, _W), _W.c.events.overlap(list(types)))
    return bool((await connection.execute(query)).scalar_one())


_DELETE_OLD = text(
    "DELETE FROM webhook_event WHERE id IN ("
    "SELECT e.id FROM webhook_event AS e WHERE e.created_at < :before "
    "AND NOT EXISTS (SELECT 1 FROM webhook_delivery AS d WHERE d.event_id = e.id AND d.status = 'pending') "
    "ORDER BY e.created_at LIMIT :limit)"
)


async def delete_old_events(connection: AsyncConnection, before: datetime, limit: int) -> int:
    """Forget events of all tenants older than a time, with what is noted of their deliveries; returns how many.

    Those that somebody still waits for stay.
    """
    return (await connection.execute(_DELETE_OLD, {"before": before, "limit": limit})).rowcount
