"""Turns: so many at once of each kind, and no kind in the way of another."""

from __future__ import annotations

import asyncio

from calotype.services.turns import Turns
from tests.services.batches import until


class Work:
    """Pieces of work that go on until they are let go."""

    def __init__(self, turns: Turns, kind: str) -> None:
        self.turns = turns
        self.kind = kind
        self.go = asyncio.Event()
        self.running = 0
        self.waits: list[float] = []

    async def one(self) -> None:
        """One piece, if it gets its turn."""
        async with self.turns.turn(self.kind) as turn:
            if turn.seconds_to_wait is not None:
                self.waits.append(turn.seconds_to_wait)
                return
            self.running += 1
            await self.go.wait()
            self.running -= 1


async def test_no_more_than_so_many_run_at_once():
    """The others are sent away, each to another time, the later the more there are."""
    work = Work(Turns(2), "a")
    tasks = [asyncio.create_task(work.one()) for _ in range(50)]
    await until(lambda: len(work.waits) == 48)
    assert work.running == 2
    assert len(set(work.waits)) == 48
    assert min(work.waits) > 0
    assert max(work.waits) <= 600
    work.go.set()
    await asyncio.gather(*tasks)
    assert work.turns._kinds == {}


async def test_who_comes_while_there_is_a_queue_is_sent_away_at_once():
    """Only the first few wait in person."""
    work = Work(Turns(1), "a")
    first = [asyncio.create_task(work.one()) for _ in range(30)]
    await until(lambda: len(work.waits) == 29)
    async with asyncio.timeout(0.5):  # half of what the first waited
        await work.one()
    assert len(work.waits) == 30
    work.go.set()
    await asyncio.gather(*first)


async def test_quick_work_waits_in_person():
    """Where turns come round at once nobody is sent away."""
    work = Work(Turns(3), "a")
    work.go.set()
    await asyncio.gather(*(work.one() for _ in range(200)))
    assert work.waits == []


async def test_kinds_do_not_know_of_each_other():
    """One that is full leaves room to another."""
    turns = Turns(1)
    full, other = Work(turns, "full"), Work(turns, "other")
    tasks = [asyncio.create_task(full.one()) for _ in range(5)]
    await until(lambda: full.running == 1)
    other.go.set()
    await other.one()
    assert other.waits == []
    full.go.set()
    await asyncio.gather(*tasks)


async def test_a_turn_that_is_cancelled_is_free_again():
    """Whether it ran or waited."""
    work = Work(Turns(1), "a")
    tasks = [asyncio.create_task(work.one()) for _ in range(2)]
    await until(lambda: work.running == 1)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert work.turns._kinds == {}
    work.go.set()
    await work.one()
    assert work.waits == []
