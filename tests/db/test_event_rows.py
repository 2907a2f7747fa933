"""Events reach the deliveries of those who want them, and nobody else's, with the transaction they are of."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from calotype.db.engine import pipelined
from calotype.domain.event import Event, EventType
from calotype.services.event import EventService, body_of

SUBSCRIBE = text(
    "INSERT INTO webhook (id, tenant_id, url, events, secret, created_at) "
    "VALUES (:id, :tenant_id, 'https://hooks.example/', :events, 'secret', now())"
)
DELIVERIES = text(
    "SELECT d.id, d.webhook_id, d.event_id, d.status, d.attempts, e.type, e.body, j.queue_name, j.task_name, j.args, j.priority "
    "FROM webhook_delivery AS d JOIN webhook_event AS e ON e.id = d.event_id "
    "LEFT JOIN procrastinate_jobs AS j ON j.queueing_lock = 'deliver_event:' || d.id "
    "WHERE d.tenant_id = :tenant_id ORDER BY d.created_at, d.webhook_id"
)


async def subscribe(database, scope, *types: EventType) -> UUID:
    """A webhook's row."""
    made = uuid4()
    async with database.write() as connection:
        await connection.execute(
            SUBSCRIBE,
            {"id": made, "tenant_id": scope.tenant_id, "events": [event_type.value for event_type in types]},
        )
    return made


async def deliveries(database, scope):
    """What is to be delivered to a tenant's webhooks, with the job of each."""
    async with database.read() as connection:
        return list(await connection.execute(DELIVERIES, {"tenant_id": scope.tenant_id}))


async def count_events(database, scope) -> int:
    """How many events are kept for a tenant."""
    async with database.read() as connection:
        query = text("SELECT count(*) FROM webhook_event WHERE tenant_id = :tenant_id")
        return int((await connection.execute(query, {"tenant_id": scope.tenant_id})).scalar_one())


def deleted() -> Event:
    """Something that happens often."""
    return Event(EventType.ASSET_DELETED, {"asset_id": uuid4(), "deleted_at": datetime.now(UTC)})


@pytest.mark.parametrize("in_pipeline", [False, True])
async def test_an_event_becomes_a_delivery_and_a_job_for_each_webhook_that_wants_it(
    database, scope, other_scope, queue, in_pipeline
):
    """Other types, and other tenants' webhooks, get nothing; the event is kept once."""
    wanting = {await subscribe(database, scope, EventType.ASSET_DELETED, EventType.ASSET_FAILED) for _ in range(2)}
    await subscribe(database, scope, EventType.ASSET_PROCESSED)
    await subscribe(database, other_scope, EventType.ASSET_DELETED)
    event = deleted()
    async with database.write() as connection:
        if in_pipeline:
            async with pipelined(connection) as pipeline:
                await EventService(queue).emit(pipeline, scope, event)
        else:
            await EventService(queue).emit(connection, scope, event)
    rows = await deliveries(database, scope)
    assert {row.webhook_id for row in rows} == wanting
    assert len(rows) == 2
    assert await count_events(database, scope) == 1
    for row in rows:
        assert (row.event_id, row.type, row.body) == (event.id, "asset.deleted", body_of(event))
        assert (row.status, row.attempts) == ("pending", 0)
        assert (row.queue_name, row.task_name, row.priority) == ("webhooks", "deliver_event", -10)
        assert row.args == {"tenant_id": str(scope.tenant_id), "delivery_id": str(row.id)}
    assert await deliveries(database, other_scope) == []


async def test_nothing_is_kept_of_what_nobody_wants(database, scope, queue):
    """Without a webhook for it an event leaves no row."""
    await subscribe(database, scope, EventType.ASSET_PROCESSED)
    async with database.write() as connection:
        await EventService(queue).emit(connection, scope, deleted())
        await EventService(queue).emit(connection, scope, *(deleted() for _ in range(100)))
        await EventService(queue).emit(connection, scope)
    assert await count_events(database, scope) == 0
    assert await deliveries(database, scope) == []


@pytest.mark.parametrize("count", [3, 120])
async def test_many_events_are_one_call(database, scope, queue, count):
    """Each of them is delivered by itself, in the order given."""
    await subscribe(database, scope, EventType.ASSET_DELETED)
    events = [deleted() for _ in range(count)]
    async with database.write() as connection:
        await EventService(queue).emit(connection, scope, *events)
    rows = await deliveries(database, scope)
    assert {row.event_id for row in rows} == {event.id for event in events}
    assert len(rows) == count
    assert all(row.queue_name == "webhooks" for row in rows)


async def test_an_event_of_a_transaction_that_fails_never_happened(database, scope, queue):
    """Neither event nor job outlives what undoes them."""
    await subscribe(database, scope, EventType.ASSET_DELETED)

    async def fail() -> None:
        async with database.write() as connection:
            await EventService(queue).emit(connection, scope, deleted())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert await count_events(database, scope) == 0
