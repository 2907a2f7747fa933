"""Rows of webhooks."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from calotype.db import tables
from calotype.db.scoped import of_tenant
from calotype.domain.event import EventType
from calotype.domain.listing import Window
from calotype.domain.scope import Scope
from calotype.domain.webhook import Webhook

_W = tables.webhook
_COLUMNS: tuple[ColumnElement[Any], ...] = (_W.c.id, _W.c.url, _W.c.events, _W.c.created_at)


async def insert_webhook(connection: AsyncConnection, scope: Scope, webhook: Webhook, secret: bytes) -> None:
    """Add a webhook to a tenant."""
    values = {
        "id": webhook.id,
        "tenant_id": scope.tenant_id,
        "url": webhook.url,
        "events": [event_type.value for event_type in webhook.events],
        "secret": secret,
        "created_at": webhook.created_at,
    }
    await connection.execute(_W.insert().values(values))


async def select_webhook(connection: AsyncConnection, scope: Scope, webhook_id: UUID) -> Webhook | None:
    """One webhook of a tenant."""
    row = (await connection.execute(select(*_COLUMNS).where(of_tenant(scope, _W), _W.c.id == webhook_id))).one_or_none()
    return _from_row(row) if row else None


async def count_webhooks(connection: AsyncConnection, scope: Scope) -> int:
    """How many webhooks a tenant has."""
    query = select(func.count()).select_from(_W).where(of_tenant(scope, _W))
    return int((await connection.execute(query)).scalar_one())


async def select_webhooks(connection: AsyncConnection, scope: Scope, window: Window) -> list[Webhook]:
    """A window of the webhooks of a tenant, newest first."""
    query = (
        select(*_COLUMNS)
        .where(of_tenant(scope, _W))
        .order_by(_W.c.created_at.desc(), _W.c.id.desc())
        .limit(window.limit)
        .offset(window.offset)
    )
    return [_from_row(row) for row in await connection.execute(query)]


async def delete_webhook(connection: AsyncConnection, scope: Scope, webhook_id: UUID) -> bool:
    """Remove a webhook with its log; False when there is none."""
    query = _W.delete().where(of_tenant(scope, _W), _W.c.id == webhook_id)
    return (await connection.execute(query)).rowcount > 0


def _from_row(row: Row[Any]) -> Webhook:
    return Webhook(row.id, row.url, tuple(EventType(name) for name in row.events), row.created_at)
