"""Deliveries: at least once, again at the right time, for a day, and none in the way of another."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from calotype.crawling.fetcher import Answer
from calotype.domain.event import Event, EventType
from calotype.services.webhook_delivery import pause_asked_for
from tests.crawling.sites import Names, answer, redirect, site
from tests.services.hooks import PAUSE, age, deliveries, delivering, due, queued, subscribe, take_jobs


async def emit(library, count=1):
    """Let something happen."""
    database, events = library.services.upkeep._database, library.services.trash._events
    made = [Event(EventType.ASSET_DELETED, {"asset_id": str(index)}) for index in range(count)]
    async with database.write() as connection:
        await events.emit(connection, library.scope, *made)


async def deliver(service, library):
    """Run every waiting attempt, as workers do."""
    waiting = list(queued(library))
    take_jobs(library)
    await asyncio.gather(*(service.deliver(library.scope, delivery_id) for delivery_id in waiting))


async def test_what_is_taken_is_over(library):
    """One call, noted with its status; nothing is left in the queue, and the job run again calls nobody."""
    async with site({"/": answer(b"", "202 Accepted")}) as web, delivering(library) as service:
        await subscribe(library, web.url())
        await emit(library)
        ((delivery_id, *_),) = deliveries(library)
        await deliver(service, library)
        ((_, status, attempts, response, error, next_at, ended_at),) = deliveries(library)
        assert (status, attempts, response, error, next_at) == ("delivered", 1, 202, None, None)
        assert ended_at is not None
        assert queued(library) == {}
        await service.deliver(library.scope, delivery_id)
    assert len(web.asked) == 1


async def test_what_fails_waits_for_its_time(library):
    """It is queued for when the pause is over; a job that comes earlier calls nobody and loses nothing."""
    async with site({"/": answer(b"", "500 Oops")}) as web, delivering(library) as service:
        await subscribe(library, web.url())
        await emit(library)
        before = datetime.now(UTC)
        await deliver(service, library)
        ((delivery_id, status, attempts, response, error, next_at, ended_at),) = deliveries(library)
        assert (status, attempts, response, ended_at) == ("pending", 1, 500, None)
        assert error == "the server answered 500"
        assert before + PAUSE <= next_at <= datetime.now(UTC) + PAUSE
        assert queued(library) == {str(delivery_id): next_at}
        # The job of a worker that died after it had queued the next one.
        await service.deliver(library.scope, delivery_id)
        take_jobs(library)
        await service.deliver(library.scope, delivery_id)
        assert queued(library) == {str(delivery_id): next_at}
    assert len(web.asked) == 1


async def test_after_a_day_it_has_failed(library):
    """Pauses grow until then; the last attempt is the end, and the log keeps its reason."""
    async with site({"/": answer(b"", "500 Oops")}) as web, delivering(library) as service:
        await subscribe(library, web.url())
        await emit(library)
        await deliver(service, library)
        due(library)
        await deliver(service, library)
        ((_, _, attempts, _, _, next_at, _),) = deliveries(library)
        assert attempts == 2
        assert next_at > datetime.now(UTC) + 3.9 * PAUSE
        age(library, 1)
        due(library)
        await deliver(service, library)
        ((_, status, attempts, response, error, next_at, ended_at),) = deliveries(library)
        assert (status, attempts, response, error) == ("failed", 3, 500, "the server answered 500")
        assert (next_at, ended_at is not None) == (None, True)
        assert queued(library) == {}
    assert len(web.asked) == 3


async def test_reasons_without_an_answer_are_noted(library):
    """A name that leads somewhere private, a redirect, silence."""

    async def silent(reader, writer):
        await reader.read()

    names = Names(inside_example=[["10.0.0.1"]], here_example=[["127.0.0.1"]])
    answers = {"/silent": silent, "/moved": redirect("/there")}
    async with site(answers) as web, delivering(library, lookup=names, seconds=0.3) as service:
        for url in (web.url(host="inside.example"), web.url("/silent", "here.example"), web.url("/moved")):
            await subscribe(library, url)
        await emit(library)
        await deliver(service, library)
    noted = {(response, error) for _, _, _, response, error, _, _ in deliveries(library)}
    assert noted == {
        (None, "the host leads to an address that is not public"),
        (None, "there was no answer within 0.3 seconds"),
        (302, "the server answered 302; redirects are not followed"),
    }


async def test_a_receiver_with_too_much_to_do_is_left_alone_for_as_long_as_it_asks(library):
    """Within reason: four hours are the most."""
    answers = {
        f"/{asked}": answer(b"", "429 Slow down", f"Retry-After: {asked}") for asked in ("10", "3000", "9999999")
    }
    async with site(answers) as web, delivering(library) as service:
        for path in answers:
            await subscribe(library, web.url(path))
        await emit(library)
        before = datetime.now(UTC)
        await deliver(service, library)
    pauses = sorted(round((next_at - before).total_seconds() / 100) * 100 for *_, next_at, _ in deliveries(library))
    assert pauses == [100, 3000, 14400]


async def test_a_success_is_noted_whoever_tried_at_the_same_time(library):
    """Two workers that both have the job: what one of them delivered is never sent again, and a failure counts once."""
    arrived, go = asyncio.Event(), asyncio.Event()

    async def first_slow(reader, writer):
        if not arrived.is_set():
            arrived.set()
            await go.wait()
            writer.write(answer(b"", "200 OK"))
        else:
            writer.write(answer(b"", "500 Oops"))
        await writer.drain()

    async with site({"/": first_slow}) as web, delivering(library) as service, delivering(library) as other:
        await subscribe(library, web.url())
        await emit(library)
        ((delivery_id, *_),) = deliveries(library)
        slow = asyncio.create_task(service.deliver(library.scope, delivery_id))
        await arrived.wait()
        await other.deliver(library.scope, delivery_id)
        assert deliveries(library)[0][1:4] == ("pending", 1, 500)
        go.set()
        await slow
        assert deliveries(library)[0][1:4] == ("delivered", 2, 200)
        due(library)
        await deliver(service, library)
    assert len(web.asked) == 2


async def test_a_failure_that_comes_second_changes_nothing(library):
    """The one noted first has set the time of the next attempt."""
    arrived, go = asyncio.Event(), asyncio.Event()

    async def first_slow(reader, writer):
        if not arrived.is_set():
            arrived.set()
            await go.wait()
        writer.write(answer(b"", "500 Oops"))
        await writer.drain()

    async with site({"/": first_slow}) as web, delivering(library) as service, delivering(library) as other:
        await subscribe(library, web.url())
        await emit(library)
        ((delivery_id, *_),) = deliveries(library)
        slow = asyncio.create_task(service.deliver(library.scope, delivery_id))
        await arrived.wait()
        await other.deliver(library.scope, delivery_id)
        noted = deliveries(library)
        go.set()
        await slow
        assert deliveries(library) == noted


async def test_a_job_the_queue_lost_is_queued_again_once(library):
    """What is due and unknown to the queue is found; what waits for its time, or is over, is not."""
    async with site({"/": answer()}) as web, delivering(library) as service:
        await subscribe(library, web.url())
        await emit(library, 3)
        lost, waiting, over = (row[0] for row in deliveries(library))
        take_jobs(library)
        await service.deliver(library.scope, over)
        library.sql(
            "UPDATE webhook_delivery SET next_attempt_at = now() - interval '1 hour' WHERE id = %s AND status = 'pending'",
            lost,
        )
        library.sql("UPDATE webhook_delivery SET next_attempt_at = now() + interval '1 hour' WHERE id = %s", waiting)
        assert await library.services.upkeep.requeue_missing() == 1
        assert await library.services.upkeep.requeue_missing() == 0
        assert set(queued(library)) == {str(lost)}


async def test_more_than_a_batch_of_lost_jobs_are_queued_again(library):
    """However many there are."""
    await subscribe(library)
    await emit(library, 1200)
    take_jobs(library)
    library.sql(
        "UPDATE webhook_delivery SET next_attempt_at = now() - interval '1 hour' WHERE tenant_id = %s",
        library.scope.tenant_id,
    )
    async with delivering(library) as service:
        assert await service.requeue_overdue() == 1200
        assert await service.requeue_overdue() == 0
    assert len(queued(library)) == 1200


async def test_old_events_are_forgotten_but_not_what_still_waits(library):
    """With the log of their deliveries, once the days they are kept for are over."""
    async with site({"/": answer()}) as web, delivering(library, keep=30) as service:
        await subscribe(library, web.url())
        await emit(library, 2)
        old, waiting = (row[0] for row in deliveries(library))
        await service.deliver(library.scope, old)
        age(library, 29)
        await service.clean()
        assert {row[0] for row in deliveries(library)} == {old, waiting}
        age(library, 2)
        await service.clean()
        assert {row[0] for row in deliveries(library)} == {waiting}
        await service.deliver(library.scope, waiting)
        await service.clean()
    assert deliveries(library) == []


async def test_one_that_is_silent_does_not_hold_up_another(library):
    """Only a few attempts at one webhook run at once; so there is room for another."""
    gone = asyncio.Event()
    running: list[int] = [0, 0]

    async def silent(reader, writer):
        running[0] += 1
        running[1] = max(running)
        await gone.wait()
        running[0] -= 1

    async with site({"/silent": silent, "/alive": answer()}) as web, delivering(library) as service:
        await subscribe(library, web.url("/silent"))
        await emit(library, 30)
        slow = [asyncio.create_task(service.deliver(library.scope, row[0])) for row in deliveries(library)]
        take_jobs(library)
        alive = await subscribe(library, web.url("/alive"))
        await emit(library, 1)
        ((delivery_id,),) = library.sql("SELECT id FROM webhook_delivery WHERE webhook_id = %s", alive)
        await service.deliver(library.scope, delivery_id)
        assert [asked.path for asked in web.asked].count("/alive") == 1
        gone.set()
        await asyncio.gather(*slow)
    assert running[1] == 6


async def test_those_that_step_aside_come_back_one_after_another(library):
    """They are not counted as attempts, wait in the queue for different times, and upkeep leaves them there."""
    gone = asyncio.Event()

    async def silent(reader, writer):
        await gone.wait()
        writer.write(answer())
        await writer.drain()

    async with site({"/": silent}) as web, delivering(library) as service:
        await subscribe(library, web.url())
        await emit(library, 40)
        ids = [row[0] for row in deliveries(library)]
        take_jobs(library)
        tasks = [asyncio.create_task(service.deliver(library.scope, delivery_id)) for delivery_id in ids]
        done, running = await asyncio.wait(tasks, timeout=20, return_when=asyncio.FIRST_COMPLETED)
        while len(running) > 6:
            more, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            done |= more
        times = sorted(queued(library).values())
        assert len(times) == 34
        assert len(set(times)) == 34
        assert times[0] > datetime.now(UTC) - timedelta(seconds=20)
        assert [row[2] for row in deliveries(library)] == [0] * 40
        gone.set()
        await asyncio.gather(*running, *done)
    states = [row[1] for row in deliveries(library)]
    assert (states.count("delivered"), states.count("pending")) == (6, 34)


@pytest.mark.parametrize(
    ("status", "header", "seconds"),
    [
        (429, "120", 120),
        (503, " 7 ", 7),
        (429, None, 0),
        (429, "", 0),
        (429, "soon", 0),
        (429, "-5", 0),
        (429, "1.5", 0),
        (429, "٣", 0),
        (429, "Thu, 01 Jan 2026 00:01:00 GMT", 60),
        (503, "Wed, 31 Dec 2025 23:59:00 GMT", 0),
        (429, "Thu, 01 Jan 2026 00:01:00", 60),
        (429, "Thu, 99 Jan 2026 00:01:00 GMT", 0),
        (500, "120", 0),
        (200, "120", 0),
    ],
)
def test_a_wish_for_a_pause_is_read_as_http_has_it(status, header, seconds):
    """Seconds or a date; whatever else stands there is no wish."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert pause_asked_for(Answer(status, header), now) == timedelta(seconds=seconds)


def test_no_answer_is_no_wish():
    """Nobody asked for anything."""
    assert pause_asked_for(None, datetime.now(UTC)) == timedelta()


def test_a_very_long_number_is_a_long_pause():
    """And no fault."""
    asked = pause_asked_for(Answer(429, "9" * 5000), datetime.now(UTC))
    assert asked > timedelta(days=1000)
