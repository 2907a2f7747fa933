"""Clients are told while it happens, are waited for when they go away, and never lose a stream that they still hold."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, asynccontextmanager, suppress

import pytest

from calotype.domain.analysis import Complete, WantedImage
from calotype.domain.errors import (
    InsufficientCredits,
    SessionNotFound,
    Unavailable,
)
from calotype.services import analysis_watch, wakeups
from calotype.services.analysis_watch import AnalysisWatch
from tests.services.analyses import check_told, watching
from tests.services.batches import until


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """Nobody looks by himself, so that what is told was notified; a lost connection is soon made again."""
    monkeypatch.setattr(analysis_watch, "_LOOK", 600.0)
    monkeypatch.setattr(analysis_watch, "_SWEEP", 600.0)
    monkeypatch.setattr(wakeups, "_RECONNECT", 0.01)


@pytest.fixture
async def watch(desk):
    """The watch of this process, which leaves nothing behind."""
    async with watching(desk) as running:
        yield running
    assert not running.wakeups._watchers
    assert not running._streams


class Client:
    """Reads a stream in a task of its own."""

    def __init__(self, stream):
        self.stream = stream
        self.events = []
        self.heartbeats = 0
        self.task = asyncio.create_task(self._read())

    async def _read(self):
        try:
            async with aclosing(self.stream.events()) as events:
                async for event in events:
                    if event is None:
                        self.heartbeats += 1
                    else:
                        self.events.append(event)
        finally:
            self.stream.release()

    async def told(self, count):
        """Wait for so many events."""
        await until(lambda: len(self.events) >= count or self.task.done())
        assert len(self.events) >= count

    async def hang_up(self):
        """Go away, as a closed connection does."""
        self.task.cancel()
        await asyncio.wait([self.task])
        return self.events[-1].number if self.events else 0


async def opened(desk, watch, session_id, last=None):
    """A client of a session; returns it and the analysis."""
    stream = await watch.open(desk.scope, session_id, await desk.wanted(session_id), last_event_id=last)
    return Client(stream), stream.place.analysis_id


def is_left(desk, analysis_id):
    """Whether its client is known to be gone."""
    return desk.row(analysis_id, "watched_until")[0] is not None


async def test_what_happens_is_told_as_it_happens(desk, watch, describer):
    """Each step is notified; nobody has to look by himself."""
    describer.holds = True
    client, analysis_id = await opened(desk, watch, await desk.session())
    running = desk.run(analysis_id)
    await client.told(4)
    await desk.until_held(4)
    for number in range(4):
        describer.let()
        await client.told(5 + number)
    await client.task
    await running
    check_told(client.events, 4)
    assert client.events == await desk.events(analysis_id)


async def test_a_client_that_hangs_up_is_waited_for_and_then_given_up(desk, watch, describer):
    """What has begun is finished and charged; the rest is called off, its credits come back, and both are told later."""
    describer.holds = True
    session_id = await desk.session([0, 1, 2, 3, 0, 1])
    client, analysis_id = await opened(desk, watch, session_id)
    running = desk.run(analysis_id)
    await desk.until_held(4)
    describer.let()
    await client.told(6)
    last = await client.hang_up()
    await until(lambda: is_left(desk, analysis_id))
    assert desk.row(analysis_id, "watched_until > now() + interval '500 seconds'") == (True,)
    await desk.leave(analysis_id)
    await desk.services.analysis_recovery.recover()
    describer.let_all()
    await running
    ended, failed, charged = desk.ended(analysis_id)
    assert (ended, failed + charged) == (6, 6)
    assert charged == desk.codes(analysis_id).count(None) >= 4
    assert desk.balance == 100 - charged
    again, _ = await opened(desk, watch, session_id, f"{analysis_id.hex}-{last}")
    await again.task
    check_told(client.events + again.events, 6)


async def test_a_client_that_comes_back_in_time_loses_nothing(desk, watch, describer):
    """It is watched again, nothing is called off, and each event is told once."""
    describer.holds = True
    session_id = await desk.session()
    client, analysis_id = await opened(desk, watch, session_id)
    running = desk.run(analysis_id)
    await client.told(4)
    last = await client.hang_up()
    await until(lambda: is_left(desk, analysis_id))
    again, _ = await opened(desk, watch, session_id, f"{analysis_id.hex}-{last}")
    await until(lambda: not is_left(desk, analysis_id))
    describer.let_all()
    await again.task
    await running
    check_told(client.events + again.events, 4)
    assert desk.balance == 96


async def test_a_client_that_comes_back_at_once_is_not_taken_for_gone(desk, watch, describer, monkeypatch):
    """Though its old connection is noted as gone only after the new one has looked."""
    session_id = await desk.session()
    client, analysis_id = await opened(desk, watch, session_id)
    await until(lambda: watch.wakeups._watchers)
    is_sweeping, may_sweep, has_swept = asyncio.Event(), asyncio.Event(), asyncio.Event()
    update, sweep = analysis_watch.update_left_by, watch._sweep

    async def late(*arguments):
        is_sweeping.set()
        await may_sweep.wait()
        return await update(*arguments)

    async def sweeping():
        await sweep()
        has_swept.set()

    monkeypatch.setattr(analysis_watch, "update_left_by", late)
    monkeypatch.setattr(watch, "_sweep", sweeping)
    await client.hang_up()
    await is_sweeping.wait()
    looked = asyncio.Event()
    look = watch.look

    async def noted(stream):
        found = await look(stream)
        looked.set()
        return found

    monkeypatch.setattr(watch, "look", noted)
    again, _ = await opened(desk, watch, session_id, f"{analysis_id.hex}-0")
    await looked.wait()
    may_sweep.set()
    await has_swept.wait()
    await until(lambda: not is_left(desk, analysis_id))
    await desk.work(analysis_id)
    await again.task
    check_told(again.events, 4)


async def test_two_clients_of_one_analysis_are_told_the_same(desk, watch, describer):
    """It is left only when the last of them is gone."""
    describer.holds = True
    session_id = await desk.session()
    first, analysis_id = await opened(desk, watch, session_id)
    second, _ = await opened(desk, watch, session_id, f"{analysis_id.hex}-0")
    running = desk.run(analysis_id)
    await first.told(4)
    await first.hang_up()
    await watch._sweep()
    assert not is_left(desk, analysis_id)
    describer.let_all()
    await second.task
    await running
    check_told(second.events, 4)


async def test_another_process_goes_on_telling(desk, beside, describer):
    """The first one's client reconnects there; that the first one notices later takes nothing away."""
    describer.holds = True
    session_id = await desk.session()
    async with watching(desk) as here, watching(beside) as there:
        client, analysis_id = await opened(desk, here, session_id)
        running = desk.run(analysis_id)
        await client.told(4)
        again, _ = await opened(beside, there, session_id, f"{analysis_id.hex}-2")
        await until(lambda: desk.row(analysis_id, "watched_by") == (beside.services.presence.key,))
        await client.hang_up()
        await here._sweep()
        assert not is_left(desk, analysis_id)
        describer.let_all()
        await again.task
        await running
        check_told(client.events[:2] + again.events, 4)


async def test_a_stream_survives_that_its_process_was_taken_for_dead(desk, watch, beside, describer, monkeypatch):
    """It is told at once that its analysis counts as left, says that it is there, and what was suspended goes on."""
    session_id = await desk.session()
    client, analysis_id = await opened(desk, watch, session_id)
    await until(lambda: watch.wakeups._watchers)
    recovery = beside.services.analysis_recovery
    await desk.change("UPDATE analysis SET watched_by = 5 WHERE id = %s", analysis_id)  # nobody's key
    await recovery.recover()
    assert desk.balance in {96, 100}
    await until(lambda: desk.row(analysis_id, "watched_by, is_suspended") == (desk.services.presence.key, False))
    assert not is_left(desk, analysis_id)
    assert desk.is_queued(analysis_id)
    assert desk.balance == 96
    desk.check(analysis_id)
    await desk.work(analysis_id)
    await client.task
    check_told(client.events, 4)


async def test_a_suspended_analysis_whose_credits_are_spent_ends(desk, watch, beside, describer):
    """Its client is told what was paid for, and that there are too few credits for the rest."""
    session_id = await desk.session()
    client, analysis_id = await opened(desk, watch, session_id)
    describer.holds = True
    running = desk.run(analysis_id)
    await desk.until_held(4)
    describer.let()
    await client.told(5)
    await client.hang_up()
    running.cancel()
    await asyncio.wait([running])
    await desk.change("UPDATE analysis SET watched_by = 5, watched_until = NULL WHERE id = %s", analysis_id)
    await beside.services.analysis_recovery.recover()
    assert (desk.balance, desk.row(analysis_id, "is_suspended")) == (99, (True,))
    await desk.services.credits.grant(desk.scope, -97)
    again, _ = await opened(desk, watch, session_id, f"{analysis_id.hex}-0")
    await again.task
    end = check_told(again.events, 4)
    assert (end.credits_used, end.credits_remaining) == (1, 2)
    assert [code for code in desk.codes(analysis_id) if code] == ["INSUFFICIENT_CREDITS"] * 3
    desk.check(analysis_id)


async def test_silence_is_broken_whatever_the_database_does(desk, watch, monkeypatch):
    """While it is away clients hear that they are not forgotten, and afterwards they are told everything."""
    monkeypatch.setattr(analysis_watch, "_SILENCE", 0.02)
    monkeypatch.setattr(analysis_watch, "_AGAIN", 0.01)
    monkeypatch.setattr(analysis_watch, "_LOOK", 0.01)
    client, analysis_id = await opened(desk, watch, await desk.session())
    await until(lambda: client.heartbeats)
    with monkeypatch.context() as patch:
        hung = asyncio.Event()

        async def away(*_):
            hung.set()
            await asyncio.get_running_loop().create_future()

        patch.setattr(desk.services.analyses._database.__class__, "read", Hanging(away).read)
        await hung.wait()
        before = client.heartbeats
        await until(lambda: client.heartbeats > before + 3)
        await client.hang_up()
    monkeypatch.setattr(analysis_watch, "_LOOK", 600.0)
    client, _ = await opened(desk, watch, (desk.row(analysis_id, "session_id"))[0], f"{analysis_id.hex}-0")
    with monkeypatch.context() as patch:
        patch.setattr(desk.services.analyses, "news", refuse)
        await desk.work(analysis_id)  # which nobody sees who is notified of it
        before = client.heartbeats
        await until(lambda: client.heartbeats > before + 3)
    await client.task
    check_told(client.events, 4)


async def refuse(*_):
    """The database is away."""
    raise Unavailable("the database cannot be reached")


class Hanging:
    """A database that does not answer."""

    def __init__(self, away):
        self._away = away

    @property
    def read(self):
        """A transaction that never begins."""
        away = self._away

        @asynccontextmanager
        async def read(_database):
            await away()
            yield

        return read


async def test_lost_notifications_are_made_up_for(desk, watch, monkeypatch):
    """A broken listening connection is made again, and everybody looks."""
    client, analysis_id = await opened(desk, watch, await desk.session())
    listeners = "SELECT pid FROM pg_stat_activity WHERE query LIKE 'LISTEN %calotype_analysis%'"
    await until(lambda: desk.sql(listeners))
    is_back = asyncio.Event()
    listening = wakeups.listening

    @asynccontextmanager
    async def later(*arguments):
        await is_back.wait()
        async with listening(*arguments) as payloads:
            yield payloads

    monkeypatch.setattr(wakeups, "listening", later)
    for (pid,) in desk.sql(listeners):
        desk.sql("SELECT pg_terminate_backend(%s, 5000)", pid)
    await desk.work(analysis_id)
    assert not client.events
    is_back.set()
    await client.task
    check_told(client.events, 4)


async def test_a_process_that_stops_ends_its_streams_and_notes_it(desk, describer):
    """Without the end of the analysis; the client finds the rest at another process."""
    describer.holds = True
    session_id = await desk.session()
    async with watching(desk) as watch:
        client, analysis_id = await opened(desk, watch, session_id)
        running = desk.run(analysis_id)
        await client.told(4)
        watch.stop()
        await client.task
        assert not any(isinstance(event.told, Complete) for event in client.events)
        late, _ = await opened(desk, watch, session_id, f"{analysis_id.hex}-1")
        await late.task
        assert [event.number for event in late.events] == [2, 3, 4]
    assert is_left(desk, analysis_id)
    async with watching(desk) as watch:
        again, _ = await opened(desk, watch, session_id, f"{analysis_id.hex}-4")
        describer.let_all()
        await again.task
    await running
    check_told(client.events + again.events, 4)


async def test_stopping_does_not_wait_for_a_cancellation_that_was_lost(desk, monkeypatch):
    """The driver may lose one; the watch ends all the same."""
    is_sweeping = asyncio.Event()
    watch = AnalysisWatch(
        desk.services.analyses,
        desk.services.analyses._database,
        desk.services.presence,
        grace=1.0,
        single_wait=1.0,
    )

    async def deaf():
        is_sweeping.set()
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(600 if not watch._is_over else 0)

    monkeypatch.setattr(watch, "_sweep", deaf)

    async def live():
        async with watch.running():
            watch._released.set()
            await is_sweeping.wait()

    living = asyncio.create_task(live())
    done, _ = await asyncio.wait([living], timeout=20)
    assert done
    await living


async def test_clients_that_leave_are_forgotten(desk, watch):
    """Whether their stream was never read, closed, or broken off in the middle of a look; no task is left."""
    session_id = await desk.session()
    before = len(asyncio.all_tasks())
    for _ in range(3):
        client, analysis_id = await opened(desk, watch, session_id)
        await until(lambda: watch.wakeups._watchers)
        await client.hang_up()
        unused = await watch.open(
            desk.scope, session_id, await desk.wanted(session_id), last_event_id=f"{analysis_id.hex}-0"
        )
        unused.release()
    assert not watch._streams
    assert not watch.wakeups._watchers
    await until(lambda: len(asyncio.all_tasks()) <= before)


async def test_a_refused_beginning_holds_nothing(desk, watch):
    """Neither too few credits nor a session that is not there leaves a stream."""
    session_id = await desk.session()
    await desk.services.credits.grant(desk.scope, -99)
    with pytest.raises(InsufficientCredits):
        await opened(desk, watch, session_id)
    with pytest.raises(SessionNotFound):
        await watch.open(desk.scope, "sess_" + "a" * 24, [WantedImage("img_001", "x")])
    assert not watch._streams


async def test_a_stream_that_nobody_ever_reads_counts_no_longer(desk, watch, monkeypatch):
    """Its request was lost on the way; after a while its analysis is left like others."""
    session_id = await desk.session()
    stream = await watch.open(desk.scope, session_id, await desk.wanted(session_id))
    analysis_id = stream.place.analysis_id
    await watch._sweep()
    assert not is_left(desk, analysis_id)
    stream.used_at -= 1000
    await watch._sweep()
    assert is_left(desk, analysis_id)
    stream.release()


async def test_a_session_that_is_deleted_is_told_to_its_end(desk, watch, describer):
    """Its stream stays open until what has begun is finished."""
    describer.holds = True
    session_id = await desk.session([0, 1, 2, 3, 0])
    client, analysis_id = await opened(desk, watch, session_id)
    running = desk.run(analysis_id)
    await client.told(4)
    await desk.services.analyses.end_session(desk.scope, session_id)
    describer.let_all()
    await client.task
    await running
    check_told(client.events, 5)
    assert desk.codes(analysis_id).count("CANCELLED") == 1
