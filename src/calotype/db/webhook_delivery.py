"""Rows of deliveries: one event for one webhook, and how far it has come."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from calotype.db import tables
from calotype.db.scoped import of_tenant
from calotype.domain.event import EventType
from calotype.domain.listing import Window
from calotype.domain.scope import Scope
from calotype.domain.webhook import Attempt, DeliveryStatus, WaitingDelivery, WebhookDelivery

_D = tables.webhook_delivery
_E = tables.webhook_event
_PENDING = DeliveryStatus.PENDING.value

_WAITING = text(
    "SELECT d.id, d.webhook_id, d.event_id, w.url, w.secret, e.body, d.attempts, d.created_at, d.next_attempt_at "
    "FROM webhook_delivery AS d JOIN webhook AS w ON w.id = d.webhook_id JOIN webhook_event AS e ON e.id = d.event_id "
    "WHERE d.tenant_id = :tenant_id AND d.id = :delivery_id AND d.status = 'pending'"
)


async def select_waiting(connection: AsyncConnection, scope: Scope, delivery_id: UUID) -> WaitingDelivery | None:
    """A delivery with all that an attempt needs; None when it is over, or its webhook is gone."""
    row = (await connection.execute(_WAITING, {"tenant_id": scope.tenant_id, "delivery_id": delivery_id})).one_or_none()
    return WaitingDelivery(*row) if row else None


async def update_attempted(
    connection: AsyncConnection, scope: Scope, waiting: WaitingDelivery, attempt: Attempt
) -> bool:
    """Note how an attempt ended; False when the delivery is over already, or another attempt was noted meanwhile.

    A success is always noted.
    """
    conditions = [of_tenant(scope, _D), _D.c.id == waiting.id, _D.c.status == _PENDING]
    if attempt.status is not DeliveryStatus.DELIVERED:
        conditions.append(_D.c.attempts == waiting.attempts)
    query = (
        update(_D)
        .where(*conditions)
        .values(
            status=attempt.status.value,
            attempts=_D.c.attempts + 1,
            attempted_at=attempt.at,
            next_attempt_at=attempt.next_at,
            response_status=attempt.response_status,
            error=attempt.error,
            ended_at=None if attempt.status is DeliveryStatus.PENDING else func.clock_timestamp(),
        )
    )
    return (await connection.execute(query)).rowcount > 0


async def update_put_off(connection: AsyncConnection, scope: Scope, waiting: WaitingDelivery, until: datetime) -> bool:
    """Move the next attempt of a delivery; False when another attempt was noted meanwhile, or it is over."""
    query = (
        update(_D)
        .where(
            of_tenant(scope, _D),
            _D.c.id == waiting.id,
            _D.c.status == _PENDING,
            _D.c.attempts == waiting.attempts,
        )
        .values(next_attempt_at=until)
    )
    return (await connection.execute(query)).rowcount > 0


async def select_pending_ids(connection: AsyncConnection, scope: Scope, webhook_id: UUID) -> list[UUID]:
    """The deliveries to a webhook that have not ended."""
    query = select(_D.c.id).where(of_tenant(scope, _D), _D.c.webhook_id == webhook_id, _D.c.status == _PENDING)
    return list((await connection.execute(query)).scalars())


async def count_deliveries(connection: AsyncConnection, scope: Scope, webhook_id: UUID) -> int:
    """How many deliveries the log of a webhook holds."""
    query = select(func.count()).select_from(_D).where(of_tenant(scope, _D), _D.c.webhook_id == webhook_id)
    return int((await connection.execute(query)).scalar_one())


async def select_deliveries(
    connection: AsyncConnection, scope: Scope, webhook_id: UUID, window: Window
) -> list[WebhookDelivery]:
    """A window of the log of a webhook, newest first."""
    query = (
        select(
            _D.c.id,
            _D.c.event_id,
            _E.c.type,
            _D.c.status,
            _D.c.attempts,
            _D.c.created_at,
            _D.c.attempted_at,
            _D.c.next_attempt_at,
            _D.c.response_status,
            _D.c.error,
            _D.c.ended_at,
        )
        .join(_E, _E.c.id == _D.c.event_id)
        .where(of_tenant(scope, _D), _D.c.webhook_id == webhook_id)
        .order_by(_D.c.created_at.desc(), _D.c.id.desc())
        .limit(window.limit)
        .offset(window.offset)
    )
    return [
        WebhookDelivery(row.id, row.event_id, EventType(row.type), DeliveryStatus(row.status), *tuple(row)[4:])
        for row in await connection.execute(query)
    ]
