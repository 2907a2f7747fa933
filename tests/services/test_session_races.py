"""Whatever happens to a session at once, its numbers add up and its end is final."""

from __future__ import annotations

import asyncio
import contextlib
import random

from calotype.domain.errors import NotFound
from calotype.domain.upload_session import SessionStatus
from tests.services.batches import (
    TERMINAL,
    cancel,
    counts,
    deadlocks,
    expect_consistent,
    options,
    photos,
    rows,
    summary,
    until,
)
from tests.services.library import chunks


async def test_whatever_happens_at_once_the_numbers_add_up_and_the_end_is_final(quick):
    """Storing, developing, deleting, restoring, cancelling and upkeep at once, round after round, under looking eyes."""
    before = deadlocks(quick)
    statuses = set()
    for turn in range(4):
        melee = Melee(await quick.neighbour(), random.Random(turn))
        statuses.add(await melee.fight(cancelled=turn % 3 > 0))
    assert statuses == {SessionStatus.COMPLETED, SessionStatus.CANCELLED}
    assert deadlocks(quick) == before


class Melee:
    """One batch of a new tenant, and everybody who could get into its way."""

    def __init__(self, library, dice):
        self.library = library
        self.dice = dice
        self.is_over = asyncio.Event()
        self.begun = asyncio.get_running_loop().create_future()
        self.ends = []

    async def fight(self, *, cancelled):
        """Let all of them loose until everything is stored and worked on; returns how the session ended."""
        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            storing = group.create_task(self.store())
            session_id = await self.begun
            workers = [group.create_task(self.on_every_file(act)) for act in (self.develop, self.develop, self.delete)]
            group.create_task(self.look(session_id))
            group.create_task(self.keep_up())
            stopped = await group.create_task(self.stop(session_id)) if cancelled else None
            await storing
            self.is_over.set()
            await asyncio.gather(*workers)
            # Those deleted before the session knew them are settled by upkeep.
            await self.library.services.sessions.settle_missed()
        final = await summary(self.library, session_id)
        assert final.status in TERMINAL, rows(self.library, session_id)
        expect_consistent(self.library, session_id, final)
        assert all(end == final for end in self.ends), "an end is final"
        assert stopped in {None, final}
        return final.status

    async def store(self):
        """Send the batch, with repeats of some of its files."""
        files = photos(20)
        files += [(f"copy-{index}.jpg", data) for index, (_, data) in enumerate(files[:4])]
        self.dice.shuffle(files)
        async with self.library.services.batch_uploads.reading(self.library.scope) as batch:
            self.begun.set_result(batch.session_id)
            for name, data in files:
                await batch.take(name, chunks(data), options(skip_duplicates=True))
            return await batch.finish(options(skip_duplicates=True, tags=("late",)))

    async def stored(self):
        """The ids of all the tenant's files."""
        async with self.library.services.trash._database.read() as connection:
            found = await connection.exec_driver_sql(
                "SELECT id FROM asset WHERE tenant_id = %s ORDER BY id", (self.library.scope.tenant_id,)
            )
            return list(found.scalars())

    async def on_every_file(self, act):
        """Do something with every file as soon as it is there."""
        done = set()
        while True:
            was_over = self.is_over.is_set()
            new = set(await self.stored()) - done
            for asset_id in sorted(new):
                await act(asset_id)
            done |= new
            if was_over and not new:
                return
            await asyncio.sleep(0.002)

    async def develop(self, asset_id):
        """What a worker does."""
        await self.library.services.pictures.make_variants(self.library.scope, asset_id, 1)

    async def delete(self, asset_id):
        """Put some files into the trash, and some of those back."""
        if asset_id.int % 4 == 0:
            with contextlib.suppress(NotFound):  # somebody was quicker
                await self.library.services.trash.delete(self.library.scope, asset_id)
                if asset_id.int % 8:
                    await self.library.services.trash.restore(self.library.scope, asset_id)

    async def look(self, session_id):
        """Ask again and again, and remember every end that was told."""
        while True:
            was_over = self.is_over.is_set()
            with contextlib.suppress(NotFound):  # it is just beginning
                found = await summary(self.library, session_id)
                counts(found)
                self.ends += [found] if found.status in TERMINAL else []
            if was_over:
                return
            await asyncio.sleep(0)

    async def stop(self, session_id):
        """Delete a few files and cancel the session when a part of it is there."""
        await until(lambda: len(rows(self.library, session_id)) >= 8)
        ids = await self.stored()
        await self.library.services.trash.delete_many(self.library.scope, self.dice.sample(ids, 3))
        return await cancel(self.library, session_id)

    async def keep_up(self):
        """What workers do beside their jobs."""
        while True:
            await self.library.services.sessions.settle_missed()
            await self.library.services.sessions.expire()
            if self.is_over.is_set():
                return
            await asyncio.sleep(0.01)
