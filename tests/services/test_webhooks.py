"""Webhooks come and go while things happen, and nothing that happens suffers from it."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest

from calotype.domain.errors import Conflict, NotFound
from calotype.domain.event import Event, EventType
from calotype.domain.listing import Window
from calotype.domain.webhook import MOST_WEBHOOKS
from tests.crawling.sites import answer, site
from tests.services.batches import until_blocked
from tests.services.hooks import deliveries, delivering, queued, subscribe, told
from tests.services.test_webhook_delivery import emit


async def test_a_deletion_drops_what_waits(library):
    """Rows and jobs; those of another webhook stay."""
    doomed, other = await subscribe(library), await subscribe(library)
    await emit(library, 3)
    assert len(queued(library)) == 6
    await library.services.webhooks.delete(library.scope, doomed)
    assert len(queued(library)) == len(deliveries(library)) == 3
    with pytest.raises(NotFound):
        await library.services.webhooks.delete(library.scope, doomed)
    assert (await library.services.webhooks.get(library.scope, other)).id == other


async def test_an_attempt_that_runs_while_its_webhook_is_deleted_ends_quietly(library):
    """It finds nothing to note its end in, and queues nothing."""
    arrived, go = asyncio.Event(), asyncio.Event()

    async def slow(reader, writer):
        arrived.set()
        await go.wait()
        writer.write(answer(b"", "500 Oops"))
        await writer.drain()

    async with site({"/": slow}) as web, delivering(library) as service:
        doomed = await subscribe(library, web.url())
        await emit(library)
        ((delivery_id, *_),) = deliveries(library)
        attempt = asyncio.create_task(service.deliver(library.scope, delivery_id))
        await arrived.wait()
        await library.services.webhooks.delete(library.scope, doomed)
        go.set()
        await attempt
    assert deliveries(library) == []
    assert queued(library) == {}


async def test_what_happens_while_a_webhook_is_deleted_goes_well(library):
    """The event waits for the deletion and then has nobody to be told to."""
    doomed = await subscribe(library)
    database = library.services.upkeep._database
    async with database.write() as connection:
        driver = (await connection.get_raw_connection()).driver_connection
        await driver.execute("DELETE FROM webhook WHERE id = %s", [doomed])
        emitting = asyncio.create_task(emit(library))
        await until_blocked(library)
    await emitting
    assert told(library) == []


async def test_a_deletion_waits_for_what_is_happening(library):
    """An event being written keeps its webhook until it is; then both go."""
    doomed = await subscribe(library)
    database, events = library.services.upkeep._database, library.services.trash._events
    async with database.write() as connection:
        await events.emit(connection, library.scope, Event(EventType.ASSET_DELETED, {"asset_id": str(uuid4())}))
        deleting = asyncio.create_task(library.services.webhooks.delete(library.scope, doomed))
        await until_blocked(library)
    await deleting
    assert deliveries(library) == []


async def test_two_who_take_the_last_place_do_not_both_get_it(library):
    """One is told that there are too many."""
    for _ in range(MOST_WEBHOOKS - 1):
        await subscribe(library)
    made = await asyncio.gather(*(subscribe(library) for _ in range(4)), return_exceptions=True)
    assert sum(isinstance(outcome, Conflict) for outcome in made) == 3
    _, total = await library.services.webhooks.page(library.scope, Window(100, 0))
    assert total == MOST_WEBHOOKS


async def test_another_tenant_sees_and_touches_nothing(library):
    """Neither webhook nor log, and its events go elsewhere."""
    mine = await subscribe(library)
    neighbour = await library.neighbour()
    for call in (
        neighbour.services.webhooks.get(neighbour.scope, mine),
        neighbour.services.webhooks.delete(neighbour.scope, mine),
        neighbour.services.webhooks.deliveries(neighbour.scope, mine, Window(20, 0)),
    ):
        with pytest.raises(NotFound):
            await call
    await emit(neighbour)
    assert deliveries(library) == deliveries(neighbour) == []
    async with site({"/": answer()}) as web, delivering(neighbour) as service:
        library.sql("UPDATE webhook SET url = %s WHERE id = %s", web.url(), mine)
        await emit(library)
        ((delivery_id, *_),) = deliveries(library)
        await service.deliver(neighbour.scope, delivery_id)
    assert web.asked == []
    assert deliveries(library)[0][1:3] == ("pending", 0)
