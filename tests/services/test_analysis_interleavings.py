"""Whatever happens to an analysis, in whatever order: its rows add up at every moment, and its end is told once."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from calotype.domain.analysis import Complete
from calotype.domain.errors import DescriptionFailed
from calotype.services import analysis_work
from tests.examples import examples
from tests.running import PATIENCE
from tests.services.analyses import Alive, Desk, Scripted, check_told, dies, saying
from tests.services.batches import until

IMAGES = 4
ANSWERS = {
    "result": saying(filename="name"),
    "failure": DescriptionFailed("no"),
    "poison": saying(description="\x00"),
}
WHICH = st.integers(0, 1)  # of the two processes
STEPS = st.one_of(
    st.tuples(st.sampled_from(["run", "run", "stop", "die", "ghost", "revive"]), WHICH),
    st.tuples(st.sampled_from(["result", "result", "failure", "poison"]), st.integers(0, IMAGES - 1)),
    st.tuples(st.sampled_from(["recover", "recover", "watch"]), WHICH),
    st.tuples(st.sampled_from(["leave", "lapse", "orphan", "call off", "unlimited", "limited", "spend"]), st.just(0)),
    st.tuples(st.sampled_from(["trash", "restore", "develop", "undevelop"]), st.integers(0, IMAGES - 1)),
    st.tuples(st.just("settle"), st.integers(1, 20)),
)


class Play:
    """One analysis, two processes, a describer that answers when it is told, and whatever may happen."""

    def __init__(self, desks, alive, describer, analysis_id):
        self.desks = desks
        self.alive = alive
        self.describer = describer
        self.analysis_id = analysis_id
        self.running = {}
        self.told = []

    @property
    def desk(self):
        return self.desks[0]

    @property
    def is_over(self):
        """Whether its end was told."""
        return bool(self.told) and isinstance(self.told[-1].told, Complete)

    async def step(self, what, which):
        """One thing happens; then everything must add up."""
        desk = self.desks[which % 2]
        if what in ANSWERS:
            self.describer.let(ANSWERS[what], which)
        elif what == "settle":
            for _ in range(which):
                await asyncio.sleep(0.001)
        elif what in {"run", "stop", "die", "ghost", "revive"}:
            await self.working(what, desk, which)
        else:
            await self.outside(what, desk, which)
        await self.check()

    async def working(self, what, desk, which):
        """What becomes of workers."""
        key, running = desk.services.presence.key, self.running.get(which)
        if what == "run" and (running is None or running.done()):
            self.running[which] = desk.run(self.analysis_id)
        elif what == "revive":
            self.alive.keys.add(key)
        elif what in {"ghost", "die"}:
            self.alive.keys.discard(key)
        if what == "stop" and running:
            running.cancel()
            await asyncio.wait([running])
        elif what == "die" and running:
            with pytest.MonkeyPatch.context() as patch:
                await dies(desk, running, patch)

    async def outside(self, what, desk, which):
        """What clients, operators and other workers do."""
        services, scope = desk.services, desk.scope
        if what == "recover":
            await services.analysis_recovery.recover()
        elif what == "watch":
            await services.analyses.watch(scope, self.analysis_id)
        elif what == "leave":
            await desk.leave(self.analysis_id, 600)
        elif what == "lapse":
            await desk.leave(self.analysis_id, -1)
        elif what == "orphan":
            await desk.change(
                "UPDATE analysis SET watched_by = 5, watched_until = NULL WHERE id = %s", self.analysis_id
            )
        elif what == "call off":
            await services.analyses.call_off(scope, self.analysis_id)
        elif what in {"unlimited", "limited"}:
            await services.credits.set_unlimited(scope, is_unlimited=what == "unlimited")
        elif what == "spend":
            if balance := desk.balance:
                await services.credits.grant(scope, -balance)
        else:
            column, value = {
                "trash": ("deleted_at", "now()"),
                "restore": ("deleted_at", "NULL"),
                "develop": ("variant_status", "'completed'"),
                "undevelop": ("variant_status", "'pending'"),
            }[what]
            await desk.change(f"UPDATE asset SET {column} = {value} WHERE id = %s", desk.assets[which])

    async def check(self):
        """Everything adds up; what was told stays as it was, and an end stays the end."""
        self.desk.check(self.analysis_id)
        events = await self.desk.events(self.analysis_id)
        assert [event.number for event in events] == list(range(1, len(events) + 1))
        assert events[: len(self.told)] == self.told
        assert not self.is_over or events == self.told
        self.told = events

    async def finish(self):
        """Everybody lives and comes back: then the analysis ends, and everything was told once."""
        await self.desk.change("UPDATE asset SET variant_status = 'completed' WHERE id = ANY(%s)", self.desk.assets)
        self.describer.let_all()
        await asyncio.gather(*self.running.values(), return_exceptions=True)
        self.alive.keys = {desk.services.presence.key for desk in self.desks}
        for _ in range(IMAGES):
            await self.desk.services.analyses.watch(self.desk.scope, self.analysis_id)
            for desk in self.desks:  # each finds out by itself that it works no more on what rows say it does
                await desk.services.analysis_recovery.recover()
            await self.desk.services.analysis_work.run(self.desk.scope, self.analysis_id)
        await self.check()
        check_told(self.told, IMAGES)
        held = await until(lambda: [desk.services.analysis_work._slots.take_free(99) for desk in self.desks])
        for desk, count in zip(self.desks, held, strict=True):
            desk.services.analysis_work._slots.give_back(count)
        assert held == [4, 4]


# Shrinking would run the database for minutes, longer than a test may take.
@settings(
    max_examples=examples(10),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(st.lists(STEPS, min_size=8, max_size=30), st.booleans())
async def test_any_order_of_events_leaves_rows_that_add_up(desk, beside, steps, is_unlimited):
    """Each image begins once and ends once, numbers have no gaps, credits go and come in turn, the end is last."""
    describer = Scripted()
    describer.holds = True
    fresh = Desk(desk.library, desk.assets, describer)
    await desk.services.credits.set_unlimited(desk.scope, is_unlimited=False)
    if desk.balance < 50:
        await desk.services.credits.grant(desk.scope, 50)
    await desk.services.credits.set_unlimited(desk.scope, is_unlimited=is_unlimited)
    await desk.change(
        "UPDATE asset SET variant_status = 'completed', deleted_at = NULL WHERE tenant_id = %s", desk.scope.tenant_id
    )
    alive = Alive(*(one.services.presence.key for one in (desk, beside)))
    with pytest.MonkeyPatch.context() as patch:
        alive.patch(patch)
        patch.setattr(analysis_work, "_FIRST_PAUSE", 0.001)
        patch.setattr(analysis_work, "_LONGEST_PAUSE", 0.005)
        for one in (desk, beside):
            patch.setattr(one.services.describing, "_describer", describer)
        play = Play([fresh, fresh.seen_by(beside.services)], alive, describer, await fresh.start())
        try:
            async with asyncio.timeout(PATIENCE):
                for step in steps:
                    await play.step(*step)
                await play.finish()
        finally:
            await describer.leave_off()
