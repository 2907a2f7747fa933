"""Analyses are begun whole or not at all, in any order of events, and nobody is told or charged twice."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import uuid4

import psycopg
import pytest

from calotype.domain.analysis import Failed, FailureCode, Outcome, WantedImage
from calotype.domain.errors import (
    DescriptionFailed,
    Expired,
    ImageNotFound,
    InsufficientCredits,
    InvalidInput,
    SessionNotFound,
)
from calotype.domain.listing import Window
from calotype.services.analysis import Place
from tests.services.analyses import Desk, check_told, open_desk
from tests.services.batches import until


async def test_an_analysis_is_told_from_its_rows_in_order(desk, describer):
    """Results, an error and the end, numbered from one on, and the same from any place on."""
    describer.answers[2] = DescriptionFailed("nothing to see")
    analysis_id = await desk.start()
    assert await desk.work(analysis_id) == (4, 1, 3)
    events = await desk.events(analysis_id)
    end = check_told(events, 4)
    assert (end.outcome, end.credits_remaining) == (Outcome.PARTIAL, 97)
    (failed,) = [event.told for event in events if isinstance(event.told, Failed)]
    assert (failed.image_id, failed.failure.code, failed.failure.message) == (
        "img_003",
        FailureCode.FAILED,
        "nothing to see",
    )
    for after in range(len(events) + 1):
        assert await desk.events(analysis_id, after) == events[after:]


async def test_fifty_races_for_twenty_credits(shared, developed, monkeypatch, describer):
    """Twenty begin and thirty are refused; nothing is left, nothing below zero, and the ledger says so."""
    desk = await open_desk(shared, developed, monkeypatch, describer, count=1, granted=20)
    sessions = [await desk.session() for _ in range(10)]

    async def begin(session_id, wanted):
        try:
            await desk.services.analyses.start(desk.scope, session_id, wanted, uuid4())
        except InsufficientCredits as error:
            return error.context["required"], error.context["available"]
        return None

    wanted = {session_id: await desk.wanted(session_id) for session_id in sessions}
    outcomes = await asyncio.gather(*(begin(*pair) for pair in list(wanted.items()) * 5))
    assert outcomes.count(None) == 20
    assert outcomes.count((1, 0)) == 30
    assert desk.balance == 0
    desk.check()
    assert desk.sql("SELECT count(*) FROM analysis WHERE session_id = ANY(%s)", sessions) == [(20,)]


async def test_too_few_credits_for_all_begin_nothing(shared, developed, monkeypatch, describer):
    """What is asked for is refused as a whole: no row, no entry, no job."""
    desk = await open_desk(shared, developed, monkeypatch, describer, count=3, granted=2)
    session_id = await desk.session()
    with pytest.raises(InsufficientCredits) as refused:
        await desk.start(session_id)
    assert (refused.value.context["required"], refused.value.context["available"]) == (3, 2)
    assert desk.balance == 2
    assert desk.sql("SELECT count(*) FROM analysis WHERE session_id = %s", session_id) == [(0,)]
    assert desk.sql("SELECT count(*) FROM credit_entry WHERE tenant_id = %s", desk.scope.tenant_id) == [(1,)]
    assert desk.sql("SELECT 1 FROM procrastinate_jobs WHERE args->>'tenant_id' = %s", str(desk.scope.tenant_id)) == []


_ALIASES = [
    "img_1",
    "img_0001",
    "img_00\uff11",
    "img_+1",
    "img_1_0",
    "img_000",
    "img_",
    "img_" + "9" * 30,
    "img_" + "9" * 5000,
]
_HOSTILE = [
    *_ALIASES,
    "IMG_001",
    "img_001 ",
    " img_001",
    "img_001\n",
    "\x00",
    "img_\ud800",
    "",
    "img_-01",
    "img_2147483648",
]


@pytest.mark.parametrize("image_id", _HOSTILE, ids=range(len(_HOSTILE)))
async def test_an_image_has_one_name_only(desk, image_id):
    """Whatever else a client writes is an image that is not there, however the number in it could be read."""
    session_id = await desk.session()
    first = (await desk.wanted(session_id))[0]
    with pytest.raises(ImageNotFound):
        await desk.services.analyses.start(desk.scope, session_id, [WantedImage(image_id, first.upload_path)], uuid4())
    assert desk.balance == 100


@pytest.mark.parametrize("path", ["", "../x", "\x00", "\ud800", "/etc/passwd", "/tmp/sessions/x/1.jpg"], ids=range(6))
async def test_an_upload_path_is_only_compared(desk, path):
    """One that is not that of the image is an image that is not there."""
    session_id = await desk.session()
    with pytest.raises(ImageNotFound):
        await desk.services.analyses.start(desk.scope, session_id, [WantedImage("img_001", path)], uuid4())


_SESSIONS = [
    "",
    "sess_",
    "\x00",
    "sess_" + "\x00" * 24,
    "sess_\ud800",
    "sess_" + "A" * 24,
    "sess_" + "a" * 24,
    "a" * 9999,
]


@pytest.mark.parametrize("session_id", _SESSIONS, ids=range(len(_SESSIONS)))
async def test_a_session_that_is_not_there_is_not_found(desk, session_id):
    """Whatever is taken for its id, by every way in."""
    wanted = [WantedImage("img_001", "x")]
    analyses, sessions = desk.services.analyses, desk.services.analysis_sessions
    for asking in (
        analyses.start(desk.scope, session_id, wanted, uuid4()),
        analyses.come_back(desk.scope, session_id, "x", wanted),
        analyses.end_session(desk.scope, session_id),
        sessions.get(desk.scope, session_id),
        sessions.check(desk.scope, session_id),
    ):
        with pytest.raises(SessionNotFound):
            await asking


async def test_nothing_of_another_tenant_can_be_used(desk, shared):
    """Neither its session nor its analysis, nor its images under another session's name."""
    stranger = Desk(await shared.neighbour(), [], None)
    await stranger.services.credits.grant(stranger.scope, 10)
    session_id = await desk.session()
    wanted = await desk.wanted(session_id)
    analysis_id = await desk.start(session_id)
    analyses = desk.services.analyses
    with pytest.raises(SessionNotFound):
        await analyses.start(stranger.scope, session_id, wanted, uuid4())
    with pytest.raises(SessionNotFound):
        await analyses.come_back(stranger.scope, session_id, str(Place(analysis_id)), wanted)
    with pytest.raises(SessionNotFound):
        await analyses.news(stranger.scope, Place(analysis_id))
    with pytest.raises(SessionNotFound):
        await analyses.end_session(stranger.scope, session_id)
    await analyses.call_off(stranger.scope, analysis_id)
    await analyses.watch(stranger.scope, analysis_id)
    await stranger.services.analysis_work.run(stranger.scope, analysis_id)
    assert desk.states(analysis_id) == ["waiting"] * 4
    stranger.check()


async def test_an_expired_session_begins_nothing_but_tells_what_was_begun(desk):
    """Nobody loses the results of a session that ended on the clock."""
    session_id = await desk.session()
    wanted = await desk.wanted(session_id)
    analysis_id = await desk.start(session_id)
    await desk.change("UPDATE analysis_session SET expires_at = now() WHERE id = %s", session_id)
    with pytest.raises(Expired):
        await desk.services.analyses.start(desk.scope, session_id, wanted, uuid4())
    with pytest.raises(Expired):
        await desk.services.analysis_sessions.get(desk.scope, session_id)
    place = await desk.services.analyses.come_back(desk.scope, session_id, str(Place(analysis_id)), wanted)
    assert place == Place(analysis_id, 0)
    assert await desk.work(analysis_id) == (4, 0, 4)


async def test_coming_back_takes_the_same_request_and_an_event_of_it(desk):
    """Anything else is refused in the same way: another analysis, other images or order, a number to come, and nonsense."""
    session_id = await desk.session()
    wanted = await desk.wanted(session_id)
    analysis_id = await desk.start(session_id)
    other_id = await desk.start(await desk.session())
    await desk.work(analysis_id)
    analyses = desk.services.analyses
    assert await analyses.come_back(desk.scope, session_id, f"{analysis_id.hex}-9", wanted) == Place(analysis_id, 9)
    refused = [
        (f"{analysis_id.hex}-10", wanted),
        (f"{analysis_id.hex}-99999", wanted),
        (f"{analysis_id.hex}-999999999999999999999", wanted),
        (f"{analysis_id.hex}-\uff11", wanted),
        (f"{analysis_id.hex}--1", wanted),
        (f"{analysis_id}-1", wanted),
        (f"{analysis_id.hex.upper()}-1", wanted),
        (f"{analysis_id.hex}-1\n", wanted),
        (f"{other_id.hex}-0", wanted),
        (f"{uuid4().hex}-1", wanted),
        ("1", wanted),
        ("\x00", wanted),
        (f"{analysis_id.hex}-1", wanted[:3]),
        (f"{analysis_id.hex}-1", [wanted[1], wanted[0], *wanted[2:]]),
    ]
    for last_event_id, images in refused:
        with pytest.raises(InvalidInput) as told:
            await analyses.come_back(desk.scope, session_id, last_event_id, images)
        assert told.value.context["field"] == "Last-Event-ID"


async def test_an_image_that_was_deleted_begins_nothing(desk):
    """Not even from the trash is it analysed, and the others are not charged."""
    session_id = await desk.session()
    await desk.change("UPDATE asset SET deleted_at = now() WHERE id = %s", desk.assets[1])
    with pytest.raises(ImageNotFound) as refused:
        await desk.start(session_id)
    assert refused.value.context["field"] == "images[1]"
    assert desk.balance == 100


async def test_a_session_that_is_ended_calls_off_what_waits(desk, describer):
    """What has begun is finished and told; credits of the rest come back, and the session is not found any more."""
    describer.holds = True
    session_id = await desk.session([0, 1, 2, 3])
    first, second = await desk.start(session_id, [0, 1]), await desk.start(session_id, [2, 3])
    running = desk.run(first)
    await desk.until_held(2)
    await desk.services.analyses.end_session(desk.scope, session_id)
    assert desk.codes(second) == ["CANCELLED"] * 2
    with pytest.raises(SessionNotFound):
        await desk.services.analysis_sessions.get(desk.scope, session_id)
    describer.let_all()
    await running
    assert desk.ended(first) == (2, 0, 2)
    assert desk.balance == 98
    check_told(await desk.events(first), 2)
    check_told(await desk.events(second), 2)


async def test_ending_a_session_locks_all_its_analyses_before_the_account(desk):
    """Who holds one of them gets the account at once, while the session's end waits for that one with the others locked."""
    session_id = await desk.session()
    first, last = sorted([await desk.start(session_id, [0, 1]), await desk.start(session_id, [2, 3])])
    account = "SELECT 1 FROM credit_account WHERE tenant_id = %s FOR UPDATE NOWAIT"
    waits = "SELECT 1 FROM pg_stat_activity WHERE %s = ANY(pg_blocking_pids(pid))"
    with psycopg.connect(desk.library._database_url) as holder:
        holder.execute("SELECT 1 FROM analysis WHERE id = %s FOR UPDATE", [last])
        ending = asyncio.create_task(desk.services.analyses.end_session(desk.scope, session_id))
        await until(lambda: desk.sql(waits, holder.info.backend_pid))
        with pytest.raises(psycopg.errors.LockNotAvailable):
            desk.sql("SELECT 1 FROM analysis WHERE id = %s FOR UPDATE NOWAIT", first)
        assert holder.execute(account, [desk.scope.tenant_id]).fetchall() == [(1,)]
    await ending
    assert [desk.codes(analysis_id) for analysis_id in (first, last)] == [["CANCELLED"] * 2] * 2
    assert desk.balance == 100
    desk.check()


async def test_unlimited_tenants_are_counted_and_not_charged(desk):
    """What they use is in the ledger with amounts of nothing, and nothing is said to remain."""
    await desk.services.credits.set_unlimited(desk.scope, is_unlimited=True)
    analysis_id = await desk.start()
    await desk.services.credits.set_unlimited(desk.scope, is_unlimited=False)
    desk.services.describing._describer.answers[0] = DescriptionFailed("no")
    other = await desk.start()
    await desk.services.credits.set_unlimited(desk.scope, is_unlimited=True)
    assert await desk.work(analysis_id) == (4, 1, 3)
    assert await desk.work(other) == (4, 1, 3)
    usage = await desk.services.credits.usage(desk.scope)
    assert (usage.account.remaining, usage.account.balance, usage.used_30d) == (None, 97, 6)
    assert (await desk.events(analysis_id))[-1].told.credits_remaining is None
    entries, total = await desk.services.credits.ledger(desk.scope, Window(3, 0))
    assert (len(entries), total) == (3, 17)


async def test_waiting_pictures_are_developed_before_others(desk):
    """A picture somebody asks about is no longer behind those of everybody else."""
    await desk.change(
        "UPDATE asset SET variant_status = 'pending' WHERE id = %s",
        desk.assets[0],
    )
    desk.sql(
        "INSERT INTO procrastinate_jobs (queue_name, task_name, priority, queueing_lock, args, status) "
        "VALUES ('pictures', 'make_variants', 10, %s, '{}', 'todo')",
        f"make_variants:{desk.assets[0]}",
    )
    await desk.start()
    found = desk.sql(
        "DELETE FROM procrastinate_jobs WHERE queueing_lock = %s RETURNING priority", f"make_variants:{desk.assets[0]}"
    )
    assert found == [(20,)]


async def test_old_sessions_are_forgotten_when_nothing_is_open_in_them(desk):
    """With images, analyses and names, a week after their end; the ledger stays, and so do the assets."""
    session_id, busy, young = [await desk.session() for _ in range(3)]
    ended, still_open = await desk.start(session_id), await desk.start(busy)
    await desk.work(ended)
    for old, days in ((session_id, 8), (busy, 8), (young, 6)):
        await desk.change(
            "UPDATE analysis_session SET expires_at = now() - %s WHERE id = %s", timedelta(days=days), old
        )
    assert await desk.services.analysis_sessions.forget() == 1
    assert desk.sql("SELECT 1 FROM analysis_item WHERE analysis_id = %s", ended) == []
    assert desk.sql("SELECT 1 FROM analysis_image WHERE session_id = %s", session_id) == []
    with pytest.raises(SessionNotFound):
        await desk.services.analyses.news(desk.scope, Place(ended))
    await desk.work(still_open)
    assert await desk.services.analysis_sessions.forget() == 1
    with pytest.raises(Expired):
        await desk.services.analysis_sessions.get(desk.scope, young)
    usage = await desk.services.credits.usage(desk.scope)
    assert (usage.account.balance, usage.used_30d) == (92, 8)
    desk.check()
    assert (await desk.library.asset(desk.assets[0])).has_description
