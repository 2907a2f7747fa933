"""Whoever dies, credits come back and work goes on: for the processes that live, and for clients that come back."""

from __future__ import annotations

import asyncio

from tests.services.analyses import check_told, dies
from tests.services.batches import until


async def recover(desk):
    """What a worker does from time to time."""
    await desk.services.analysis_recovery.recover()


def is_left(desk, analysis_id):
    """Whether its client is known to be gone."""
    return desk.row(analysis_id, "watched_until")[0] is not None


async def test_what_is_in_order_is_left_alone(desk, beside, alive, describer):
    """Neither queued again nor charged or given back, by whoever looks."""
    describer.holds = True
    analysis_id = await desk.start()
    running = desk.run(analysis_id)
    await desk.until_held(4)
    await recover(desk)
    await recover(beside)
    assert not desk.is_queued(analysis_id)
    assert (desk.balance, desk.row(analysis_id, "epoch")) == (96, (1,))
    describer.let_all()
    await running
    desk.ended(analysis_id)


async def test_an_analysis_without_a_worker_is_queued_again_once(desk, beside, alive):
    """Its job was lost; however many look, one is made."""
    analysis_id = await desk.start()
    await asyncio.gather(*(recover(one) for one in (desk, beside) * 3))
    assert desk.sql("SELECT count(*) FROM procrastinate_jobs WHERE args->>'analysis_id' = %s", str(analysis_id)) == [
        (1,)
    ]
    assert desk.is_queued(analysis_id)
    assert desk.balance == 96


async def test_the_work_of_a_dead_worker_is_queued_again(desk, beside, alive, describer, monkeypatch):
    """Its client is still told by a process that lives, so nothing is given back."""
    describer.holds = True
    analysis_id = await beside.start()
    running = desk.run(analysis_id)
    await desk.until_held(4)
    await dies(desk, running, monkeypatch)
    alive.keys.discard(desk.services.presence.key)
    await recover(beside)
    assert desk.states(analysis_id) == ["waiting"] * 4
    assert desk.is_queued(analysis_id)
    assert (desk.balance, desk.row(analysis_id, "worked_by", "is_suspended")) == (96, (None, False))
    describer.let_all()
    await beside.services.analysis_work.run(desk.scope, analysis_id)
    assert desk.ended(analysis_id) == (4, 0, 4)


async def test_when_everybody_died_all_credits_come_back(desk, beside, alive, describer, monkeypatch):
    """No reservation is left, nobody works on it; a client that comes back in time goes on, charged once for each image."""
    describer.holds = True
    analysis_id = await desk.start()
    running = desk.run(analysis_id)
    await desk.until_held(4)
    describer.let()
    await dies_later(desk, running, analysis_id, monkeypatch)
    alive.keys = {beside.services.presence.key}
    await recover(beside)
    assert desk.balance == 99
    assert desk.row(analysis_id, "is_suspended", "worked_by") == (True, None)
    assert is_left(desk, analysis_id)
    desk.check(analysis_id)
    assert not desk.is_queued(analysis_id)
    for _ in range(2):
        await recover(beside)
        await beside.services.analysis_work.run(desk.scope, analysis_id)
    assert desk.balance == 99
    assert len(describer.asked) == 4
    await beside.services.analyses.watch(desk.scope, analysis_id)
    assert desk.balance == 96
    assert desk.is_queued(analysis_id)
    describer.let_all()
    assert await beside.work(analysis_id) == (4, 0, 4)
    check_told(await desk.events(analysis_id), 4)
    assert desk.balance == 96


async def dies_later(desk, running, analysis_id, monkeypatch):
    """The worker dies once its first result is stored."""
    await until(lambda: "completed" in desk.states(analysis_id))
    await dies(desk, running, monkeypatch)


async def test_a_suspended_analysis_whose_client_stays_away_ends(desk, beside, alive):
    """After the grace, at no cost; a client that comes later is told so."""
    analysis_id = await desk.start()
    alive.keys = {beside.services.presence.key}
    await recover(beside)
    assert desk.balance == 100
    await desk.leave(analysis_id)
    await recover(beside)
    assert desk.ended(analysis_id) == (4, 4, 0)
    assert set(desk.codes(analysis_id)) == {"CANCELLED"}
    check_told(await desk.events(analysis_id), 4)


async def test_a_client_that_went_away_is_given_up_by_whoever_looks_first(desk, beside, alive, describer):
    """The worker that works on it, before it begins with more; and once only."""
    describer.holds = True
    analysis_id = await desk.start(await desk.session([0, 1, 2, 3, 0, 1]))
    running = desk.run(analysis_id)
    await desk.until_held(4)
    await desk.leave(analysis_id)
    describer.let()
    await asyncio.wait([running], timeout=0.01)
    describer.let_all()
    await asyncio.gather(running, recover(desk), recover(beside))
    assert desk.ended(analysis_id) == (6, 2, 4)
    assert desk.codes(analysis_id)[4:] == ["CANCELLED"] * 2
    assert desk.balance == 96


async def test_a_watcher_that_died_is_waited_for_while_the_work_goes_on(desk, beside, alive, describer):
    """Its client has the whole grace from the moment in which that was seen."""
    describer.holds = True
    analysis_id = await desk.start()
    running = beside.run(analysis_id)
    await desk.until_held(4)
    alive.keys = {beside.services.presence.key}
    await recover(beside)
    assert desk.row(analysis_id, "watched_until > now() + interval '20 seconds'", "is_suspended") == (True, False)
    describer.let_all()
    await running
    assert desk.ended(analysis_id) == (4, 0, 4)


async def test_nobody_is_judged_while_the_judge_itself_is_not_seen(desk, beside, alive):
    """The database has just lost all connections: whoever looks first must not take the others for dead."""
    analysis_id = await desk.start()
    alive.keys = set()
    await recover(beside)
    assert (desk.balance, desk.row(analysis_id, "is_suspended")) == (96, (False,))
    assert not is_left(desk, analysis_id)
    assert not desk.is_queued(analysis_id)


async def test_one_that_cannot_be_mended_keeps_no_other_from_it(desk, beside, alive, monkeypatch):
    """A fault with one analysis is noted, and the rest is looked after."""
    analyses = [await desk.start(images=[0]) for _ in range(4)]
    mend = beside.services.analysis_recovery._mend
    broken = min(analyses)

    async def partly(connection, analysis):
        if analysis.id == broken:
            raise ValueError("broken")
        await mend(connection, analysis)

    monkeypatch.setattr(beside.services.analysis_recovery, "_mend", partly)
    await recover(beside)
    assert [each for each in analyses if desk.is_queued(each)] == [each for each in analyses if each != broken]


async def test_recovery_waits_for_the_grace_it_was_given(desk, beside, alive, monkeypatch):
    """A grace of nothing ends what has not begun in the next round, not before."""
    monkeypatch.setattr(beside.services.analysis_recovery, "_grace", 0.0)
    analysis_id = await desk.start()
    alive.keys = {beside.services.presence.key}
    await recover(beside)
    assert desk.balance == 100
    assert desk.states(analysis_id) == ["waiting"] * 4
    await recover(beside)
    assert desk.ended(analysis_id) == (4, 4, 0)
