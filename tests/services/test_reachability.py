"""Whether a server can do its work: looked at by one at a time, though anybody may ask."""

from __future__ import annotations

import asyncio

import pytest

from calotype.domain.errors import Unavailable
from calotype.services import doctor as module
from calotype.storage.probe import probe


class Counting:
    """The object store of a library, whose checks are counted; it fails while it is told to."""

    def __init__(self, store):
        self.checks = self.at_once = self.most_at_once = 0
        self.begun = asyncio.Event()
        self.is_broken = False
        self._store = store

    async def check(self):
        """Look at the real store."""
        self.checks += 1
        self.begun.set()
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await self._store.check()
        finally:
            self.at_once -= 1
        if self.is_broken:
            raise Unavailable("The object store is broken")


@pytest.fixture
def store(library, monkeypatch):
    """The counted store of the doctor, who has not looked yet."""
    doctor = library.services.doctor
    counting = Counting(doctor._store)
    monkeypatch.setattr(doctor, "_store", counting)
    monkeypatch.setattr(doctor, "_seen", None)
    return counting


async def test_who_asks_at_once_or_soon_again_shares_one_look(library, store, monkeypatch):
    """However many ask, one object is written."""
    monkeypatch.setattr(module, "_SHARED_FOR", 3600)
    fine = {"database": "ok", "storage": "ok"}
    assert await asyncio.gather(*(library.services.doctor.is_reachable() for _ in range(20))) == [fine] * 20
    assert await library.services.doctor.is_reachable() == fine
    assert store.checks == 1


async def test_an_answer_grows_old(library, store, monkeypatch):
    """After a moment the next to ask learns what is so then, and still only one looks at a time."""
    monkeypatch.setattr(module, "_SHARED_FOR", 0)
    ask = library.services.doctor.is_reachable
    assert (await ask())["storage"] == "ok"
    store.is_broken = True
    told = await asyncio.gather(*(ask() for _ in range(5)))
    assert [parts["storage"] for parts in told] == ["The object store is broken"] * 5
    store.is_broken = False
    assert (await ask())["storage"] == "ok"
    assert store.most_at_once == 1


async def test_who_goes_away_leaves_the_look_to_the_next(library, store, monkeypatch):
    """A call that is ended while it looks spoils nothing for those who wait."""
    monkeypatch.setattr(module, "_SHARED_FOR", 3600)
    first, second = (asyncio.create_task(library.services.doctor.is_reachable()) for _ in range(2))
    await store.begun.wait()
    first.cancel()
    assert (await second)["storage"] == "ok"
    assert store.checks == 2


async def test_what_a_dead_process_left_of_its_look_is_swept(library):
    """The small object of a look that never ended is one that no row knows."""
    store = library.services.upkeep._store

    class Dead(Exception):
        """The process is gone."""

    class Dying:
        """A store whose process dies before it deletes."""

        put = staticmethod(store.put)

        async def get(self, _key):
            raise Dead

        async def delete(self, _key):
            raise Dead

    before = {each.key async for each in store.list()}
    with pytest.raises(Dead):
        await probe(Dying())
    (left,) = {each.key async for each in store.list()} - before
    await library.services.upkeep.sweep()
    assert left not in {each.key async for each in store.list()}
