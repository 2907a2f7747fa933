"""Slots go round between their owners, and none is ever lost or made."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from calotype.services.slots import Slots


async def settle():
    """Let everything that can go on do so."""
    for _ in range(5):
        await asyncio.sleep(0)


async def take(slots, owner):
    """Wait for a slot; one that is given in the very moment in which it is no longer wanted goes back."""
    turn = slots.ask(owner)
    try:
        await turn
    except asyncio.CancelledError:
        if not turn.cancelled():
            slots.give_back()
        raise


async def test_owners_take_turns():
    """Whoever asked for many waits behind one who asked for one."""
    slots = Slots(1)
    await take(slots, "greedy")
    served = []

    async def serve(owner):
        await take(slots, owner)
        served.append(owner)

    tasks = [asyncio.create_task(serve(owner)) for owner in ("greedy", "greedy", "greedy", "modest", "late", "late")]
    await settle()
    for _ in tasks:
        slots.give_back()
        await settle()
    assert served == ["greedy", "modest", "late", "greedy", "late", "greedy"]


async def test_free_slots_are_not_taken_from_those_who_wait():
    """Without waiting only what nobody waits for can be had."""
    slots = Slots(3)
    assert slots.take_free(2) == 2
    await take(slots, "a")
    assert slots.take_free(5) == 0
    waiting = asyncio.create_task(take(slots, "b"))
    await settle()
    slots.give_back(2)
    await waiting
    assert slots.take_free(5) == 1


@given(st.lists(st.tuples(st.sampled_from(["take", "cancel", "give", "free", "both"]), st.integers(0, 3)), max_size=60))
async def test_no_slot_is_lost_or_made(steps):
    """However takers come, go and are cancelled, also in the moment in which they are served."""
    slots, total, held = Slots(3), 3, 0
    waiting = []
    for step, which in steps:
        if step == "take":
            waiting.append(asyncio.create_task(take(slots, which)))
            if which % 2:
                await settle()
        elif step == "cancel" and waiting:
            waiting[which % len(waiting)].cancel()
        elif step == "give" and held:
            held -= 1
            slots.give_back()
        elif step == "both" and held and waiting:
            held -= 1
            slots.give_back()  # served and cancelled before it noticed
            waiting[which % len(waiting)].cancel()
        elif step == "free":
            held += slots.take_free(which)
        if which == 3:
            await settle()
        held += sum(task.done() and not task.cancelled() for task in waiting)
        waiting = [task for task in waiting if not task.done()]
        assert held <= total
    await settle()
    held += sum(task.done() and not task.cancelled() for task in waiting)
    waiting = [task for task in waiting if not task.done()]
    assert not waiting or held == total
    for task in waiting:
        task.cancel()
    await settle()
    slots.give_back(held)
    assert slots.take_free(99) == total
