"""Webhooks as tests of services use them: made in one line, called by a service whose fetcher asks a receiver on loopback."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from datetime import timedelta

from calotype.crawling.addresses import Allowed
from calotype.crawling.fetcher import Fetcher
from calotype.db.engine import Database
from calotype.domain.event import EventType
from calotype.services.webhook_delivery import DeliveryTerms, WebhookDeliveryService

ALL = [event_type.value for event_type in EventType]
PAUSE = timedelta(seconds=100)


async def subscribe(library, url="https://hooks.example/", *events):
    """A webhook of the library's tenant, on loopback too, which the library's own settings do not allow; returns its id."""
    made = await library.services.webhooks.create(library.scope, "https://hooks.example/", events or ALL, None)
    library.sql("UPDATE webhook SET url = %s WHERE id = %s", url, made.webhook.id)
    return made.webhook.id


def told(library):
    """(type, data) of every event that waits for somebody, in their order."""
    rows = library.sql(
        "SELECT body FROM webhook_event WHERE tenant_id = %s ORDER BY created_at, id", library.scope.tenant_id
    )
    return [(event["type"], event["data"]) for event in (json.loads(body) for (body,) in rows)]


def deliveries(library):
    """The rows of deliveries, oldest first."""
    return library.sql(
        "SELECT id, status, attempts, response_status, error, next_attempt_at, ended_at FROM webhook_delivery "
        "WHERE tenant_id = %s ORDER BY created_at, id",
        library.scope.tenant_id,
    )


def queued(library):
    """(delivery id, time) of all waiting attempts of the tenant."""
    rows = library.sql(
        "SELECT args->>'delivery_id', scheduled_at FROM procrastinate_jobs "
        "WHERE status = 'todo' AND task_name = 'deliver_event' AND args->>'tenant_id' = %s",
        str(library.scope.tenant_id),
    )
    return dict(rows)


def take_jobs(library):
    """Let the attempts that wait be taken by a worker, as far as the queue knows."""
    library.sql(
        "DELETE FROM procrastinate_jobs WHERE task_name = 'deliver_event' AND args->>'tenant_id' = %s",
        str(library.scope.tenant_id),
    )


def due(library):
    """Let the time of every next attempt have come."""
    library.sql(
        "UPDATE webhook_delivery SET next_attempt_at = now() - interval '1 second' "
        "WHERE tenant_id = %s AND status = 'pending'",
        library.scope.tenant_id,
    )


def age(library, days):
    """Let everything have happened some days earlier."""
    for table in ("webhook_event", "webhook_delivery"):
        library.sql(
            f"UPDATE {table} SET created_at = created_at - make_interval(secs => %s * 86400) WHERE tenant_id = %s",
            days,
            library.scope.tenant_id,
        )


@asynccontextmanager
async def delivering(library, *, lookup=None, seconds=5.0, keep=30):
    """The delivery service of a worker process of its own; no jitter, and a pause that nobody waits for."""
    fetcher = Fetcher(Allowed.parse("127.0.0.1"), version="1.2.3", lookup=lookup)
    database = Database(library.services.upkeep._database.url, pool_size=4)
    terms = DeliveryTerms(seconds, PAUSE, timedelta(days=keep))
    queue = library.services.upkeep._queue
    try:
        yield WebhookDeliveryService(database, queue, fetcher, terms, jitter=lambda: 0.0)
    finally:
        await fetcher.aclose()
        await database.aclose()
