"""Whatever is done to videos in whatever order, several things at a time: rows, objects and jobs add up in the end."""

from __future__ import annotations

import asyncio
import random

import pytest

from calotype.domain.errors import CalotypeError, Conflict, NotFound, UndecodablePicture, UndecodableVideo
from calotype.domain.video import NewVideo
from tests.services.batches import deadlocks
from tests.services.films import CRASH, NO_START

ROUNDS = 6
FAULTS = {
    "scan": [UndecodableVideo("cut off"), CRASH, NO_START],
    "develop": [UndecodablePicture("odd"), NO_START],
}


class Play:
    """Videos that are there, live or in the trash, beside what the services say of them."""

    def __init__(self, cinema, seed: int) -> None:
        self.cinema = cinema
        self.chance = random.Random(seed)
        self.live: set = set()
        self.trashed: set = set()

    async def upload(self) -> None:
        """One more video, to be indexed or not."""
        said = NewVideo("", None, has_storyboard=self.chance.random() < 0.5)
        self.live.add(await self.cinema.upload(index=self.chance.random() < 0.8, video=said))

    async def work(self, video_id) -> None:
        """What a worker does; sometimes it is killed, wherever it is."""
        working = asyncio.create_task(self.cinema.index(video_id))
        if self.chance.random() < 0.3:
            for _ in range(self.chance.randrange(200)):
                await asyncio.sleep(0)
            working.cancel()
        (outcome,) = await asyncio.gather(working, return_exceptions=True)
        assert outcome is None or isinstance(outcome, CalotypeError | asyncio.CancelledError), outcome

    async def reprocess(self, video_id) -> None:
        """Have it indexed anew; not there once it is deleted."""
        try:
            await self.cinema.services.videos.reprocess(self.cinema.scope, [video_id])
        except NotFound:
            assert video_id not in self.live

    async def retry(self, video_id) -> None:
        """Try its newest run again, where that is allowed."""
        try:
            run = await self.cinema.services.indexing.newest(self.cinema.scope, video_id)
            await self.cinema.services.indexing.retry(self.cinema.scope, run.id, video_id)
        except (NotFound, Conflict):
            pass

    async def delete(self, video_id) -> None:
        """To the trash, if it is not there."""
        gone = await self.cinema.services.videos.delete(self.cinema.scope, [video_id])
        assert gone == {video_id} & self.live
        self.live -= gone
        self.trashed |= gone

    async def restore(self, video_id) -> None:
        """Back from the trash, if it is there."""
        try:
            await self.cinema.services.trash.restore(self.cinema.scope, video_id)
        except Conflict:
            assert video_id in self.live
        self.trashed.discard(video_id)
        self.live.add(video_id)

    async def purge(self) -> None:
        """Nothing is left of the trash."""
        await self.cinema.services.trash.purge_due()
        self.trashed.clear()

    async def round(self) -> None:
        """Several things at a time: each video is deleted or restored at most once, and anything else happens to it."""
        for name, faults in FAULTS.items():
            self.cinema.children.fail(name, *self.chance.choices(faults, k=self.chance.randrange(3)))
        self.cinema.children.scenes = self.chance.randint(1, 4)
        videos = [*sorted(self.live | self.trashed)]
        actions = [self.upload()]
        for video_id in videos:
            steps = [self.work, self.work, self.reprocess, self.retry]
            actions += [self.chance.choice(steps)(video_id) for _ in range(self.chance.randrange(3))]
            if self.chance.random() < 0.4:
                actions.append((self.delete if video_id in self.live else self.restore)(video_id))
        self.chance.shuffle(actions)
        await asyncio.gather(*actions)
        if self.chance.random() < 0.2:
            await self.purge()

    async def end(self) -> None:
        """All faults are over, the queue has forgotten everything: what rows lack is done."""
        self.cinema.children.faults.clear()
        for video_id in [*self.trashed]:
            await self.restore(video_id)
        for video_id in self.live:
            self.cinema.library.lose_jobs(video_id)
        await self.cinema.services.upkeep.requeue_missing()
        for video_id in self.live:
            jobs = self.cinema.library.jobs(video_id)
            is_open = (await self.cinema.state(video_id))[0] in ("pending", "processing")
            assert jobs.count("index_video") == is_open
            await self.cinema.services.pictures.make_variants(self.cinema.scope, video_id, 1)
            await self.cinema.index(video_id)
            if is_open:
                assert (await self.cinema.state(video_id))[0] == "completed"
        await self.cinema.services.upkeep.sweep()


@pytest.mark.parametrize("seed", range(3))
async def test_everything_adds_up(cinema, seed):
    """After each round every video is whole; after all work nothing is missing, and nothing beside."""
    before = deadlocks(cinema.library)
    play = Play(cinema, seed)
    for _ in range(ROUNDS):
        await play.round()
        assert {found.asset.id for found in await cinema.services.videos.every(cinema.scope)} == play.live
        for video_id in play.live | play.trashed:
            await cinema.expect_whole(video_id, swept=False)
    await play.end()
    known = set()
    for video_id in play.live:
        await cinema.expect_whole(video_id)
        asset = (await cinema.one(video_id)).asset
        known |= {asset.object_key, *(variant.object_key for variant in asset.variants.values())} | cinema.made(
            video_id
        )
    assert cinema.library.objects() == known
    for table in ("video", "indexing_run", "scene", "transcript_segment"):
        rows = cinema.library.sql(f"SELECT DISTINCT asset_id FROM {table} WHERE tenant_id = %s", cinema.scope.tenant_id)
        assert {video_id for (video_id,) in rows} <= play.live
    assert deadlocks(cinema.library) == before
