"""One image is analysed while its client waits: whoever is told that it failed is not charged."""

from __future__ import annotations

import asyncio

import pytest

from calotype.domain.analysis import Result
from calotype.domain.errors import AnalysisFailed, DescriptionFailed, Unavailable
from tests.services.analyses import watching
from tests.services.batches import until


@pytest.fixture
async def watch(desk):
    """The watch of this process."""
    async with watching(desk) as running:
        yield running


async def single(desk, watch, number=0):
    """Analyse one image and wait for it."""
    session_id = await desk.session([number])
    (image,) = await desk.wanted(session_id)
    return asyncio.create_task(watch.single(desk.scope, session_id, image))


async def newest(desk):
    """The analysis begun last."""
    query = "SELECT id FROM analysis WHERE tenant_id = %s ORDER BY created_at DESC LIMIT 1"
    return (await until(lambda: desk.sql(query, desk.scope.tenant_id)))[0][0]


async def test_one_image_is_waited_for(desk, watch):
    """Its result comes with what it cost and what is left."""
    waiting = await single(desk, watch)
    await desk.work(await newest(desk))
    result, complete = await waiting
    assert isinstance(result, Result)
    assert (result.image_id, complete.credits_used, complete.credits_remaining) == ("img_001", 1, 99)


async def test_one_image_that_fails_costs_nothing(desk, watch, describer):
    """The reason is told."""
    describer.answers[0] = DescriptionFailed("nothing to see")
    waiting = await single(desk, watch)
    await desk.work(await newest(desk))
    with pytest.raises(AnalysisFailed, match="nothing to see"):
        await waiting
    assert desk.balance == 100


async def test_one_image_that_nobody_begins_is_called_off(desk, monkeypatch):
    """After a while, also when the database is away at that very moment; its credit comes back."""
    attempts = []
    analyses = desk.services.analyses
    async with watching(desk, single_wait=0.01) as watch:
        call_off = analyses.call_off

        async def unsteady(*arguments):
            attempts.append(1)
            if len(attempts) == 1:
                raise Unavailable("the database cannot be reached")
            await call_off(*arguments)

        monkeypatch.setattr(analyses, "call_off", unsteady)
        with pytest.raises(AnalysisFailed):
            await (await single(desk, watch))
    assert desk.balance == 100
    assert len(attempts) == 2


@pytest.mark.parametrize("is_begun", [True, False])
async def test_one_image_is_not_charged_when_its_answer_says_that_it_failed(desk, describer, is_begun):
    """A process that stops calls off what has not begun, and answers for what has: that is charged."""
    describer.holds = True
    async with watching(desk) as watch:
        waiting = await single(desk, watch)
        analysis_id = await newest(desk)
        await until(lambda: watch.wakeups._watchers)
        running = desk.run(analysis_id) if is_begun else None
        if running:
            await desk.until_held(1)
        watch.stop()
        if running:
            await until(lambda: watch.is_stopping)
            describer.let_all()
            result, complete = await waiting
            assert (type(result), complete.credits_used) == (Result, 1)
            await running
        else:
            with pytest.raises(AnalysisFailed):
                await waiting
    assert desk.balance == 100 - is_begun
    desk.ended(analysis_id)
