"""Watchers of a session are told everything once, in order, whatever becomes of the notifications."""

from __future__ import annotations

import asyncio
import contextlib
from contextlib import aclosing
from uuid import uuid4

import pytest

from calotype.db.upload_session import CHANNEL, update_received
from calotype.domain.errors import NotFound, Unavailable
from calotype.domain.upload_session import ProgressKind, SessionStatus
from calotype.services import session_watch, wakeups
from tests.services.batches import Deputy, counts, photos, send, until, work
from tests.services.library import photo

SUBSCRIBED, COMPLETED, FAILED, OVER = ProgressKind


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """Nobody looks by himself, so what is told was notified; a lost connection is soon made again."""
    monkeypatch.setattr(session_watch, "_LOOK", 600.0)
    monkeypatch.setattr(wakeups, "_RECONNECT", 0.01)


@pytest.fixture
async def watch(library):
    """The watch of a web process, listening."""
    async with library.services.session_watch.running():
        await until(lambda: listeners(library))
        yield library.services.session_watch
    assert not library.services.session_watch._wakeups._watchers


def listeners(library):
    """The database processes that serve those who listen."""
    return [
        row[0]
        for row in library.sql(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'"
        )
    ]


class Watcher:
    """Somebody who watches a session until it is over."""

    def __init__(self, library, session_id):
        self.events = []
        self._task = asyncio.create_task(self._follow(library, session_id))

    async def _follow(self, library, session_id):
        async with aclosing(library.services.session_watch.watch(library.scope, session_id)) as events:
            async for event in events:
                self.events.append(event)

    @property
    def kinds(self):
        """What was told, in order."""
        return [event.kind for event in self.events]

    async def told(self, count):
        """Wait until so many events were told."""
        await until(lambda: len(self.events) >= count or self._task.done())
        assert len(self.events) >= count, self._task

    async def end(self):
        """Wait until it was told everything."""
        async with asyncio.timeout(30):
            await self._task


async def test_a_watcher_is_told_the_state_each_file_that_ends_and_the_end_once(library, watch):
    """One event for every file, with the numbers of that moment, and nothing after the end."""
    result = await send(library, [*photos(3), ("last.jpg", photo())])
    ids = [item.asset_id for item in result.items]
    await work(library, ids[0])

    watcher = Watcher(library, result.session_id)
    await watcher.told(1)
    for place, asset_id in enumerate(ids[1:3], 2):
        await work(library, asset_id)
        await watcher.told(place)
    await library.services.pictures._fail(await library.asset(ids[3]), "broken")
    await watcher.end()

    assert watcher.kinds == [SUBSCRIBED, COMPLETED, COMPLETED, FAILED, OVER]
    seen = [counts(event.progress.summary) for event in watcher.events]
    assert seen == [(1, 0, 0, 3), (2, 0, 0, 2), (3, 0, 0, 1), (3, 1, 0, 0), (3, 1, 0, 0)]
    assert watcher.events[-1].progress.summary.status is SessionStatus.COMPLETED


async def test_files_that_ended_together_are_told_in_the_order_of_their_ends(library, watch):
    """Not in the order in which they were sent, nor in none."""
    result = await send(library, photos(4))
    watcher = Watcher(library, result.session_id)
    await watcher.told(1)
    # In one transaction, so that one notification speaks of all of them.
    library.sql(
        "WITH ended AS (UPDATE upload_session_file AS f SET outcome = CASE f.index WHEN 3 THEN 'failed' ELSE 'completed' END, "
        "ended_at = now() - make_interval(secs => f.index) WHERE session_id = %s RETURNING session_id) "
        f"SELECT pg_notify('{CHANNEL}', session_id::text) FROM ended",
        result.session_id,
    )
    await watcher.end()

    assert watcher.kinds == [SUBSCRIBED, FAILED, COMPLETED, COMPLETED, COMPLETED, OVER]


async def test_every_way_to_end_is_told(library, watch):
    """The request that ends after its files, cancelling, deleting, expiry and a dead reader wake the watchers too."""
    sessions = library.services.sessions
    ids = {}
    for name in ("received", "cancelled", "deleted", "expired", "dead"):
        result = await send(library, photos(1))
        ids[name] = (result.session_id, result.items[0].asset_id)
    for name in ("received", "dead"):
        await work(library, ids[name][1])
        library.sql("UPDATE upload_session SET received_at = NULL WHERE id = %s", ids[name][0])
    watchers = {name: Watcher(library, session_id) for name, (session_id, _) in ids.items()}
    for watcher in watchers.values():
        await watcher.told(1)

    async with library.services.batch_uploads.database.write() as connection:
        await update_received(connection, library.scope, ids["received"][0])
    await sessions.cancel(library.scope, ids["cancelled"][0])
    await library.services.trash.delete(library.scope, ids["deleted"][1])
    library.sql("UPDATE upload_session SET received_at = '2020-01-01' WHERE id = %s", ids["expired"][0])
    await sessions.expire()
    library.sql("UPDATE upload_session SET reader_seen_at = '2020-01-01' WHERE id = %s", ids["dead"][0])
    await sessions.end_abandoned()

    for name, watcher in watchers.items():
        await watcher.end()
        middle = {"received": [], "dead": [], "expired": [FAILED]}.get(name, [COMPLETED])
        assert watcher.kinds == [SUBSCRIBED, *middle, OVER], name
    statuses = {name: watcher.events[-1].progress.summary.status.value for name, watcher in watchers.items()}
    assert statuses == {
        "received": "completed",
        "cancelled": "cancelled",
        "deleted": "completed",
        "expired": "expired",
        "dead": "completed",
    }


async def test_who_comes_when_all_is_over_is_told_so_at_once(library, watch):
    """The state and the end, without waiting for anything."""
    result = await send(library, [("a.bin", b"text")])
    watcher = Watcher(library, result.session_id)
    await watcher.end()

    assert watcher.kinds == [SUBSCRIBED, OVER]
    assert watcher.events[-1].progress.summary.status is SessionStatus.FAILED


async def test_what_happened_while_nobody_listened_is_told_after_the_reconnection(library, watch, monkeypatch):
    """The listening connection is killed, everything ends, and only then it is made again: no notification is left."""
    result = await send(library, photos(3))
    watcher = Watcher(library, result.session_id)
    await watcher.told(1)
    is_reachable, listening = asyncio.Event(), wakeups.listening

    @contextlib.asynccontextmanager
    async def later(*arguments):
        await is_reachable.wait()
        async with listening(*arguments) as payloads:
            yield payloads

    monkeypatch.setattr(wakeups, "listening", later)
    for pid in listeners(library):
        library.sql("SELECT pg_terminate_backend(%s, 5000)", pid)
    for item in result.items:
        await work(library, item.asset_id)
    assert watcher.kinds == [SUBSCRIBED]
    is_reachable.set()
    await watcher.end()

    assert watcher.kinds == [SUBSCRIBED, *[COMPLETED] * 3, OVER]


async def test_connections_that_break_over_and_over_lose_nothing(library, watch):
    """Killed between any two files that end."""
    result = await send(library, photos(8))
    watcher = Watcher(library, result.session_id)
    await watcher.told(1)
    for item in result.items:
        for pid in listeners(library):
            library.sql("SELECT pg_terminate_backend(%s, 5000)", pid)
        await work(library, item.asset_id)
    await watcher.end()

    assert watcher.kinds == [SUBSCRIBED, *[COMPLETED] * 8, OVER]


async def test_a_watcher_looks_by_itself_when_no_notification_comes(library, monkeypatch):
    """Nobody listens here at all, and still the end is told."""
    monkeypatch.setattr(session_watch, "_LOOK", 0.01)
    result = await send(library, photos(2))
    watcher = Watcher(library, result.session_id)
    await watcher.told(1)
    for item in result.items:
        await work(library, item.asset_id)
    await watcher.end()

    assert watcher.kinds == [SUBSCRIBED, COMPLETED, COMPLETED, OVER]


async def test_a_database_that_is_away_for_a_moment_ends_no_watching(library, watch, monkeypatch):
    """What could not be read is read when it is back, though nothing is notified any more."""
    monkeypatch.setattr(session_watch, "_AGAIN", 0.01)
    sessions = library.services.sessions
    result = await send(library, photos(3))
    watcher = Watcher(library, result.session_id)
    await watcher.told(1)
    real = sessions._database
    monkeypatch.setattr(sessions, "_database", Away(real))
    for item in result.items:
        await work(library, item.asset_id)
    before = sessions._database.asked
    await until(lambda: sessions._database.asked > before + 1)
    monkeypatch.setattr(sessions, "_database", real)
    await watcher.end()

    assert watcher.kinds == [SUBSCRIBED, COMPLETED, COMPLETED, COMPLETED, OVER]


class Away(Deputy):
    """A database that cannot be reached."""

    asked = 0

    @contextlib.asynccontextmanager
    async def snapshot(self):
        """Nothing."""
        self.asked += 1
        raise Unavailable("the database cannot be reached")
        yield


async def test_what_others_notify_is_ignored(library, watch):
    """Neither junk nor sessions nobody watches wake anybody, and the listening goes on."""
    result = await send(library, photos(1))
    watcher = Watcher(library, result.session_id)
    await watcher.told(1)
    for payload in ("", "junk", "ü" * 1000, str(uuid4()), "{}", f" {result.session_id}x", "0" * 7999):
        library.sql("SELECT pg_notify(%s, %s)", CHANNEL, payload)
    await work(library, result.items[0].asset_id)
    await watcher.end()

    assert watcher.kinds == [SUBSCRIBED, COMPLETED, OVER]
    assert len(listeners(library)) == 1


async def test_a_slow_watcher_is_told_everything_and_nobody_waits_for_it(library, watch):
    """All files end before it takes the second event; then it gets one for each."""
    result = await send(library, photos(30))
    async with aclosing(watch.watch(library.scope, result.session_id)) as events:
        assert (await anext(events)).kind is SUBSCRIBED
        quick = Watcher(library, result.session_id)
        for item in result.items:
            await library.services.pictures._fail(await library.asset(item.asset_id), "broken")
        await quick.end()
        kinds = [event.kind async for event in events]

    assert kinds == [*[FAILED] * 30, OVER]
    assert quick.kinds == [SUBSCRIBED, *kinds]


async def test_watchers_are_independent_of_each_other(library, watch):
    """Whoever comes later, leaves early or watches another session misses nothing and gets nothing foreign."""
    one, other = await send(library, photos(3)), await send(library, photos(2))
    staying, elsewhere = Watcher(library, one.session_id), Watcher(library, other.session_id)
    async with aclosing(watch.watch(library.scope, one.session_id)) as leaving:
        assert (await anext(leaving)).kind is SUBSCRIBED
        await work(library, one.items[0].asset_id)
        assert (await anext(leaving)).kind is COMPLETED
    late = Watcher(library, one.session_id)
    await late.told(1)
    for item in (*one.items[1:], *other.items):
        await work(library, item.asset_id)
    for watcher in (staying, late, elsewhere):
        await watcher.end()

    assert staying.kinds == [SUBSCRIBED, *[COMPLETED] * 3, OVER]
    assert late.kinds == [SUBSCRIBED, *[COMPLETED] * 2, OVER]
    assert elsewhere.kinds == [SUBSCRIBED, *[COMPLETED] * 2, OVER]
    assert {event.progress.summary.id for event in elsewhere.events} == {other.session_id}


@pytest.mark.parametrize("woken", [False, True])
async def test_a_session_of_another_tenant_cannot_be_watched(library, watch, woken):
    """It is not found, also while things happen to it, which must not show in any way."""
    result = await send(library, photos(1))
    other = await library.neighbour()
    for session_id in (result.session_id, uuid4()):
        events = watch.watch(other.scope, session_id)
        first = asyncio.ensure_future(anext(events))
        await asyncio.sleep(0)  # it has registered, and asks the database
        if woken:
            watch._wakeups.wake_all()
        with pytest.raises(NotFound):
            await first
    assert not watch._wakeups._watchers


async def test_watchers_that_leave_are_forgotten(library, watch):
    """However they leave: closed before and after the first event, cancelled while waiting, or at the end."""
    result = await send(library, photos(1))
    unused = watch.watch(library.scope, result.session_id)
    await unused.aclose()
    closed = watch.watch(library.scope, result.session_id)
    await anext(closed)
    assert len(watch._wakeups._watchers[result.session_id]) == 1
    await closed.aclose()
    assert not watch._wakeups._watchers

    async with aclosing(watch.watch(library.scope, result.session_id)) as events:
        async for _ in events:
            break
    assert not watch._wakeups._watchers

    waiting = Watcher(library, result.session_id)
    await waiting.told(1)
    waiting._task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await waiting._task
    assert not watch._wakeups._watchers


async def test_a_watch_that_ends_leaves_no_connection_behind(library):
    """The listening connection goes with its process's last watcher, also when it is just being made."""
    async with library.services.session_watch.running():
        await until(lambda: listeners(library))
    await until(lambda: not listeners(library))
    async with library.services.session_watch.running():
        pass
    await until(lambda: not listeners(library))
