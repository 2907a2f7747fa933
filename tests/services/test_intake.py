"""The files of one request wait in bounded memory while they are stored, and each has one outcome."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calotype.domain.errors import CalotypeError, TooLarge, Unavailable
from calotype.domain.scope import Scope
from calotype.services import intake as module
from calotype.services.intake import HeldBytes, Intake
from calotype.services.receive import ReceivedFile

MIB = 1024 * 1024
SCOPE = Scope(UUID(int=1))


@dataclass(frozen=True)
class File:
    """A file that is being sent."""

    asset_id: UUID
    filename: str
    declared: str | None = None


class Receiver:
    """Stands for the way into the store: notes what it holds, and stores when and how the test wants."""

    def __init__(self, wait=None):
        self.held = 0
        self.most_held = 0
        self.most_groups = 0
        self.groups = []
        self.stored = {}
        self._running = 0
        self._wait = wait

    async def receive_many(self, _scope, files):
        """Store a group."""
        self._running += 1
        self.most_groups = max(self.most_groups, self._running)
        self.groups.append(len(files))
        if self._wait:
            await self._wait()
        self._running -= 1
        return [self._outcome(file.id, file.filename, file.data) for file in files]

    async def receive(self, _scope, filename, chunks, *, file_id, declared):
        """Store one while it arrives."""
        data = b""
        async for chunk in chunks:
            data += chunk
            if data.startswith(b"BAD"):
                raise TooLarge("too large")
        return self._outcome(file_id, filename, data)

    def _outcome(self, file_id, filename, data):
        self.held -= len(data)
        if data.startswith(b"BAD"):
            return TooLarge("too large")
        self.stored[filename] = data
        return ReceivedFile(file_id, SCOPE.tenant_id, filename, filename, None, len(data), "")


def intake(receiver, largest_held=8 * MIB, held=None):
    """An intake and the outcomes it tells."""
    outcomes = {}

    def put(file, outcome):
        assert file.filename not in outcomes
        outcomes[file.filename] = outcome

    return Intake(receiver, SCOPE, put, largest_held=largest_held, held=held or HeldBytes()), outcomes


async def pieces(receiver, data, size):
    """The chunks of a file, each counted as held once it was taken."""
    for start in range(0, len(data), size):
        chunk = data[start : start + size]
        receiver.held += len(chunk)
        receiver.most_held = max(receiver.most_held, receiver.held)
        yield chunk


@given(
    st.lists(st.tuples(st.integers(0, 3000), st.booleans()), max_size=30), st.integers(1, 500), st.integers(0, 2**32)
)
async def test_every_file_has_its_outcome_and_its_bytes(files, size, seed):
    """Small and large, good and bad, however the store takes its time; nothing is told twice and no byte is mixed up."""
    chance = random.Random(seed)

    async def wait():
        for _ in range(chance.randint(0, 5)):
            await asyncio.sleep(0)

    receiver = Receiver(wait)
    made, outcomes = intake(receiver, largest_held=1000)
    contents = {
        str(index): (b"BAD" if bad else b"") + chance.randbytes(length) for index, (length, bad) in enumerate(files)
    }
    for name, data in contents.items():
        await made.take(File(uuid4(), name), pieces(receiver, data, size))
    await made.end()
    assert made.broken is None
    assert outcomes.keys() == contents.keys()
    for name, data in contents.items():
        assert isinstance(outcomes[name], CalotypeError) == data.startswith(b"BAD")
        assert receiver.stored.get(name) == (None if data.startswith(b"BAD") else data)


async def test_memory_is_bounded_while_the_store_is_slow(monkeypatch):
    """No more is read than fits: what waits may pass its limit by the one file that was being read."""
    monkeypatch.setattr(module, "_MOST_HELD", 100_000)
    going = asyncio.Event()
    receiver = Receiver(going.wait)
    made, outcomes = intake(receiver, largest_held=30_000)
    reading = asyncio.create_task(_take_all(made, receiver, [bytes(20_000)] * 40))
    for _ in range(500):
        await asyncio.sleep(0)
    assert not reading.done()
    assert 100_000 <= receiver.most_held <= 120_000
    going.set()
    await reading
    assert len(outcomes) == 40
    assert receiver.held == 0


async def test_small_files_are_stored_in_groups_beside_the_reading():
    """What arrives while the store is busy is stored together, eight at most, by two at a time."""
    going = asyncio.Event()
    receiver = Receiver(going.wait)
    made, _ = intake(receiver)
    await _take_all(made, receiver, [b"x"] * 30, end=False)
    going.set()
    await made.end()
    assert receiver.most_groups == 2
    assert sum(receiver.groups) == 30
    assert max(receiver.groups) == 8


async def _take_all(made, receiver, contents, *, end=True):
    for index, data in enumerate(contents):
        await made.take(File(uuid4(), str(index)), pieces(receiver, data, 5000))
        await asyncio.sleep(0)
    if end:
        await made.end()


@pytest.mark.parametrize("after", [0, 10, 5000])
@pytest.mark.parametrize("fault", [OSError("gone"), TooLarge("the request is too long"), Unavailable("x")], ids=repr)
async def test_a_fault_of_the_request_is_told_apart_from_one_of_a_file(fault, after):
    """It ends the reading and is kept; files taken before have their outcomes, the broken one has none."""

    async def broken():
        if after:
            yield bytes(after)
        raise fault

    receiver = Receiver()
    made, outcomes = intake(receiver, largest_held=1000)
    await made.take(File(uuid4(), "whole"), pieces(receiver, b"x", 1))
    with pytest.raises(type(fault)) as told:
        await made.take(File(uuid4(), "broken"), broken())
    await made.end()
    assert told.value is made.broken is fault
    assert list(outcomes) == ["whole"]


async def test_the_rest_of_a_refused_file_is_read():
    """The next file begins where this one ends, although nobody wants its bytes."""
    receiver = Receiver()
    made, outcomes = intake(receiver, largest_held=1000)
    rest = pieces(receiver, b"BAD" + bytes(50_000), 100)
    await made.take(File(uuid4(), "bad"), rest)
    assert [chunk async for chunk in rest] == []
    assert isinstance(outcomes["bad"], TooLarge)
    assert made.broken is None


async def test_a_fault_of_our_own_is_kept_and_nobody_waits_for_ever(monkeypatch):
    """Reading goes on to the end of the request, however much more comes."""
    monkeypatch.setattr(module, "_MOST_HELD", 1000)

    async def wait():
        raise ZeroDivisionError

    receiver = Receiver(wait)
    made, _ = intake(receiver)
    async with asyncio.timeout(30):
        await _take_all(made, receiver, [bytes(900)] * 40)
    assert isinstance(made.broken, ZeroDivisionError)


async def test_requests_together_hold_a_bounded_number_of_bytes(monkeypatch):
    """Where others hold too much already, files are stored while they arrive; what is stored or lost is held no longer."""
    monkeypatch.setattr(module, "_MOST_OF_ALL", 3 * MIB)
    release = asyncio.Event()
    held = HeldBytes()
    slow, other = Receiver(wait=release.wait), Receiver()
    first, _ = intake(slow, held=held)
    second, outcomes = intake(other, held=held)

    async def sent(number):
        for _ in range(number):
            yield b"x" * MIB

    for number in range(3):
        await first.take(File(uuid4(), f"{number}.jpg"), sent(1))
    assert held.total == 3 * MIB
    await second.take(File(uuid4(), "a.jpg"), sent(2))
    assert (other.groups, len(other.stored["a.jpg"])) == ([], 2 * MIB)
    assert held.total == 3 * MIB
    release.set()
    await first.end()
    assert held.total == 0
    await second.take(File(uuid4(), "b.jpg"), sent(2))
    await second.end()
    assert other.groups == [1]
    assert outcomes.keys() == {"a.jpg", "b.jpg"}
    assert held.total == 0
    with pytest.raises(RuntimeError):
        await second.take(File(uuid4(), "c.jpg"), broken_off())
    assert held.total == 0


async def broken_off():
    """A file whose request breaks off."""
    yield b"x" * MIB
    raise RuntimeError("broken off")
