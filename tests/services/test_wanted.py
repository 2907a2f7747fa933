"""Long work is broken off once nobody wants it, and only then."""

from __future__ import annotations

import asyncio

import pytest

from calotype.domain.errors import Unavailable
from calotype.services import wanted
from calotype.services.wanted import NoLongerWantedError, while_wanted

PATIENCE = 60  # seconds, on a busy machine; nothing here waits for its own sake


@pytest.fixture(autouse=True)
def eager(monkeypatch):
    """Looks follow each other at once."""
    monkeypatch.setattr(wanted, "_LOOK_EVERY", 0)


def answers(*given):
    """What is told at each look; the last one for ever."""
    left = list(given)

    async def look():
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    return look


def cancellations() -> int:
    """How many requests to end the running task are not dealt with."""
    task = asyncio.current_task()
    assert task is not None
    return task.cancelling()


async def test_work_that_is_wanted_is_left_alone():
    """Whatever it gives or raises comes out as it is."""
    async with while_wanted(answers(True)):
        await asyncio.sleep(0)
    with pytest.raises(LookupError):
        async with while_wanted(answers(True)):
            raise LookupError
    assert cancellations() == 0


async def test_work_nobody_wants_is_broken_off():
    """In the middle of its wait; the task itself goes on, and can wait for other things."""
    async with asyncio.timeout(PATIENCE):
        with pytest.raises(NoLongerWantedError):
            async with while_wanted(answers(True, True, False)):
                await asyncio.Event().wait()
        await asyncio.sleep(0)
    assert cancellations() == 0


async def test_what_works_side_by_side_is_broken_off_together():
    """Tasks of a group end with it."""
    ended = []

    async def work(name):
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(name)

    async with asyncio.timeout(PATIENCE):
        with pytest.raises(NoLongerWantedError):  # noqa: PT012 - the group of tasks is what is tested
            async with while_wanted(answers(True, True, True, False)), asyncio.TaskGroup() as group:
                group.create_task(work("one"))
                group.create_task(work("two"))
    assert sorted(ended) == ["one", "two"]
    assert cancellations() == 0


async def test_a_database_that_is_away_tells_nothing():
    """Only an answer ends the work."""
    async with asyncio.timeout(PATIENCE):
        with pytest.raises(NoLongerWantedError):
            async with while_wanted(answers(Unavailable("away"), Unavailable("away"), False)):
                await asyncio.Event().wait()


async def test_being_cancelled_is_not_the_same():
    """A worker that is told to stop says so, whether its work is wanted or not."""

    async def work(look):
        async with while_wanted(look):
            await asyncio.Event().wait()

    async with asyncio.timeout(PATIENCE):
        for look in (answers(True), answers(Unavailable("away"))):
            task = asyncio.create_task(work(look))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task


@pytest.mark.parametrize("answer", [True, False])
async def test_work_that_has_ended_is_not_broken_off_by_a_look_that_went_on(answer):
    """The driver may lose a cancellation: then the look ends by itself, and what it says comes too late to matter."""
    looking = asyncio.Event()

    async def look():
        looking.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return answer

    async with asyncio.timeout(PATIENCE):
        async with while_wanted(look):
            await looking.wait()
        await asyncio.sleep(0)
    assert cancellations() == 0
