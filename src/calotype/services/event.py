"""Telling the webhooks of a tenant what happened, in the transaction in which it happens."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from calotype.db.engine import Connection, Pipeline
from calotype.db.event import INSERT_EVENTS, insert_values, select_is_wanted
from calotype.domain.device_ids import batch_id, device_id, image_id
from calotype.domain.event import Event
from calotype.domain.job import Task, Urgency
from calotype.domain.scope import Scope
from calotype.jobs.queue import JobQueue

# Ids of what devices made have their prefix here as they have it in the Devices API; assets are known to every API.
_IDS = {"image_id": image_id, "device_id": device_id, "batch_id": batch_id}
_MANY = 50  # events whose bodies are not worth making for nobody


class EventService:
    """Anybody may emit; what is emitted is delivered by workers, at least once, after the transaction has ended well."""

    def __init__(self, queue: JobQueue) -> None:
        self._queue = queue

    async def emit(self, connection: Connection | Pipeline, scope: Scope, *events: Event) -> None:
        """Have events delivered to those of the tenant's webhooks that want them; one statement, whose result is not seen.

        It locks nothing but its own new rows and, as any reference to them does, the webhooks, so it may come last anywhere.
        """
        if not events:
            return
        if len(events) > _MANY and not isinstance(connection, Pipeline):
            types = {event.type.value for event in events}
            if not await select_is_wanted(connection, scope, types):
                return
        values = insert_values(scope, events, [body_of(event) for event in events])
        await self._queue.enqueue_written(connection, INSERT_EVENTS, values, Task.DELIVER_EVENT, Urgency.DELIVERY)


def body_of(event: Event) -> str:
    """The body that is sent, the same on every attempt. UUIDs and times in the event's data may be objects still."""
    data = {name: _plain(name, value) for name, value in event.data.items()}
    body = {"type": event.type.value, "timestamp": _time(event.occurred_at), "data": data}
    # Escaped, because names of files may hold what no UTF-8 can.
    return json.dumps(body, separators=(",", ":"))


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, UUID):
        return _IDS.get(name, str)(value)
    return _time(value) if isinstance(value, datetime) else value


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
