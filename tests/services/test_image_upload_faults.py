"""If one image of an upload is bad, or its request ends early, nothing of it is kept, and the first bad one is named."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace

import pytest

from calotype.domain import errors
from tests.services.batches import Deputy, FailingStore
from tests.services.images import NOTHING, kept, large, send, sized
from tests.services.library import photo

SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'
PDF = b"%PDF-1.7\n" + b"x" * 9_000_000
LARGEST = 20_000_000

BAD = {
    "text": (b"just words", errors.Unsupported),
    "nothing": (b"", errors.EmptyFile),
    "svg": (SVG, errors.Unsupported),
    "large, no picture": (PDF, errors.Unsupported),
    "header cut off": (photo()[:30], errors.UndecodablePicture),
    "too many pixels": (sized(20_000, 20_000), errors.TooManyPixels),
    "too large": (large() + bytes(LARGEST), errors.TooLarge),
}


@pytest.fixture
def receiver(library, monkeypatch):
    """The receiver of uploads, with a limit that a test can exceed."""
    found = library.services.image_uploads.receiver
    monkeypatch.setattr(found, "_limits", replace(found._limits, max_image_bytes=LARGEST))
    return found


@pytest.mark.parametrize("place", [0, 4, 9])
@pytest.mark.parametrize("kind", BAD)
async def test_one_bad_image_refuses_all(library, receiver, kind, place):
    """Whatever is wrong with it and wherever it stands: it is named, and no row and no object of any other stays."""
    data, expected = BAD[kind]
    files = [(f"{index}.jpg", large() if index in {1, 8} else photo()) for index in range(10)]
    files[place] = ("dir/no\ttes.txt", data)
    with pytest.raises(expected) as refused:
        await send(library, files)
    assert type(refused.value) is expected
    context = refused.value.context
    assert (context["index"], context["param"], context["name"]) == (place, f"images[{place}]", "notes.txt")
    assert f"images[{place}] (notes.txt)" in refused.value.message
    assert kept(library) == NOTHING


class UnsteadyStore(Deputy):
    """An object store in which everything takes its own time, so that outcomes come in any order."""

    def __init__(self, original, chance):
        super().__init__(original)
        self._chance = chance

    async def put_many(self, items):
        """Store them, sooner or later."""
        for _ in range(self._chance.randint(0, 30)):
            await asyncio.sleep(0)
        return await self._original.put_many(items)


@pytest.mark.parametrize("seed", range(12))
async def test_the_first_bad_image_is_the_one_that_is_named(library, receiver, monkeypatch, seed):
    """In the order sent, however soon it is known of each that it is bad: large ones at once, small ones when stored."""
    chance = random.Random(seed)
    monkeypatch.setattr(receiver, "_store", UnsteadyStore(receiver._store, chance))
    bad = sorted(chance.sample(range(30), chance.randint(1, 6)))
    files = [(f"{index}.jpg", photo(24, 16)) for index in range(30)]
    for index in bad:
        files[index] = (f"{index}.jpg", chance.choice([PDF, b"words", SVG, photo()[:30]]))
    with pytest.raises(errors.CalotypeError) as refused:
        await send(library, files)
    assert refused.value.context["index"] == bad[0]
    assert kept(library) == NOTHING


@pytest.mark.parametrize("name", ["3.jpg", "1.jpg"])
async def test_a_store_that_fails_for_one_image_refuses_all(library, receiver, monkeypatch, name):
    """A small one in its group or a large one that is streamed: what the others stored is taken back."""
    monkeypatch.setattr(receiver, "_store", FailingStore(receiver._store, name))
    files = [(f"{index}.jpg", large() if index == 1 else photo()) for index in range(10)]
    with pytest.raises(errors.Unavailable):
        await send(library, files)
    assert kept(library) == NOTHING


async def test_what_cannot_be_taken_back_is_swept(library, receiver, monkeypatch):
    """The refusal is told all the same, no row is written, and the sweep removes the rest."""
    with monkeypatch.context() as patch:
        patch.setattr(receiver, "_store", FailingStore(receiver._store, deleting=True))
        with pytest.raises(errors.Unsupported):
            await send(library, [("a.jpg", photo()), ("b.txt", b"words")])
    assert kept(library)[0] == 0
    assert len(library.objects()) == 1
    await library.services.upkeep.sweep()
    assert kept(library) == NOTHING


class GoneError(Exception):
    """The client went away."""


async def broken_off(data, after, fault):
    """A file whose request ends before it does."""
    for start in range(0, after, 50_000):
        yield data[start : min(start + 50_000, after)]
    raise fault


@pytest.mark.parametrize(
    "fault", [GoneError(), errors.InvalidInput("malformed", field="body"), errors.TooLarge("too long")], ids=str
)
@pytest.mark.parametrize("after", [0, 1000, 8_500_000])
async def test_a_request_that_breaks_off_leaves_nothing(library, fault, after):
    """In a small file or a large one that is being stored: the fault is told as it is, and what had arrived is gone."""
    files = [*((f"{index}.jpg", photo()) for index in range(10)), ("last.bmp", broken_off(large(), after, fault))]
    with pytest.raises(type(fault)) as told:
        await send(library, files)
    assert told.value is fault
    assert kept(library) == NOTHING


async def test_a_fault_outside_of_the_files_leaves_nothing(library):
    """As when the fields behind them are not what they should be."""

    async def sending():
        async with library.services.image_uploads.receiving(library.scope) as upload:
            for index in range(10):
                await upload.take(
                    f"{index}.jpg", broken_off(photo(), 0, GoneError()) if index == 20 else whole(photo())
                )
            raise errors.InvalidInput("metadata must be a JSON object", field="metadata")

    with pytest.raises(errors.InvalidInput):
        await sending()
    assert kept(library) == NOTHING


async def whole(data):
    """A file in one piece."""
    yield data


async def test_a_fault_of_our_own_ends_the_request(library, receiver, monkeypatch):
    """It is told as the fault it is, not as one of an image, and nothing gets a row."""

    async def fails(*_):
        raise ZeroDivisionError

    monkeypatch.setattr(receiver, "receive_many", fails)
    with pytest.raises(ZeroDivisionError):
        await send(library, [(f"{index}.jpg", photo()) for index in range(30)])
    assert kept(library) == NOTHING


class HeldStore(Deputy):
    """An object store that says when it is about to publish, and waits."""

    def __init__(self, original):
        super().__init__(original)
        self.reached = asyncio.Event()
        self.goes_on = asyncio.Event()

    async def put_many(self, items):
        """Store when allowed."""
        self.reached.set()
        await self.goes_on.wait()
        return await self._original.put_many(items)

    def writer(self, key, size_hint=None):
        """The real writer, which has published before it says so."""
        writer = self._original.writer(key, size_hint)
        commit = writer.commit

        async def slow():
            stored = await commit()
            self.reached.set()
            await self.goes_on.wait()
            return stored

        writer.commit = slow
        return writer


@pytest.mark.parametrize("kind", ["small", "large"])
async def test_an_upload_that_is_cancelled_while_it_is_stored_leaves_nothing(library, receiver, monkeypatch, kind):
    """Also what becomes an object after the cancellation."""
    store = HeldStore(receiver._store)
    monkeypatch.setattr(receiver, "_store", store)
    files = [("a.jpg", photo()), ("b.bmp", large())] if kind == "large" else [("a.jpg", photo()), ("b.jpg", photo())]
    sending = asyncio.create_task(send(library, files))
    await store.reached.wait()
    sending.cancel()
    asyncio.get_running_loop().call_later(0.01, store.goes_on.set)
    with pytest.raises(asyncio.CancelledError):
        await sending
    assert kept(library) == NOTHING


async def test_an_upload_that_is_cancelled_while_its_rows_are_written_stays_consistent(library):
    """All rows and all objects, or no row: never a row without its object."""
    for pause in range(0, 400, 9):
        sending = asyncio.create_task(send(library, [("a.jpg", photo(24, 16)), ("b.jpg", photo(24, 16))]))
        for _ in range(pause):
            await asyncio.sleep(0)
        sending.cancel()
        await asyncio.wait([sending])
    rows = library.sql("SELECT count(*) FROM asset WHERE tenant_id = %s", library.scope.tenant_id)[0][0]
    assert rows % 2 == 0
    assert await library.services.upkeep.missing_originals() == []
    await library.services.upkeep.sweep()
    assert len(library.objects()) == rows
