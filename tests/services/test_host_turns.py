"""Turns at hosts: one visit at a time, a pause between two, and another time for those who would wait long."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

import pytest

from calotype.domain.errors import AddressNotAllowed
from calotype.services import host_turns
from calotype.services.host_turns import HostTurns
from tests.services.batches import until

URL = "https://host.example/page"


class Visits:
    """Visits to hosts: when each began and ended, and when those who were sent away are to come back."""

    def __init__(self, turns: HostTurns) -> None:
        self.turns = turns
        self.go = asyncio.Event()
        self.times: list[tuple[float, float]] = []
        self.waits: list[float] = []
        self.running = 0
        self.most = 0

    async def one(self, url: str = URL, pause: float | None = None) -> None:
        """One visit, if it gets its turn; it lasts until visits are let go."""
        async with self.turns.turn(url, pause) as turn:
            if turn.seconds_to_wait is not None:
                self.waits.append(turn.seconds_to_wait)
                return
            began = time.monotonic()
            self.running += 1
            self.most = max(self.most, self.running)
            await self.go.wait()
            self.running -= 1
            self.times.append((began, time.monotonic()))

    def pauses(self) -> Iterator[float]:
        """Seconds from the end of each visit to the beginning of the next."""
        times = sorted(self.times)
        return (later[0] - earlier[1] for earlier, later in pairwise(times))


@contextmanager
def patience(monkeypatch: pytest.MonkeyPatch, seconds: float) -> Iterator[None]:
    """Have everybody wait so long in person."""
    with monkeypatch.context() as patched:
        patched.setattr(host_turns, "_PATIENCE", seconds)
        yield


@pytest.mark.parametrize("pause", [0, 0.05])
async def test_a_host_has_one_visitor_at_a_time(monkeypatch: pytest.MonkeyPatch, pause: float) -> None:
    """From the end of one to the beginning of the next there is the pause; nobody is sent away for a short one."""
    visits = Visits(HostTurns(pause))
    visits.go.set()
    with patience(monkeypatch, 60):
        await asyncio.gather(*(visits.one() for _ in range(8)))
    assert (visits.most, visits.waits) == (1, [])
    assert len(visits.times) == 8
    assert min(visits.pauses()) >= pause - 1e-6


async def test_a_site_may_want_a_longer_pause_and_no_shorter_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """The longer one counts: of the host's usual one, of what the last visitor was told, and of what the next one was."""
    visits = Visits(HostTurns(0.05))
    visits.go.set()
    with patience(monkeypatch, 60):
        for pause in (0.2, None, 0.01, 0.15):
            await visits.one(URL, pause)
    assert [pause >= least - 1e-6 for pause, least in zip(visits.pauses(), (0.2, 0.05, 0.15), strict=True)] == [
        True
    ] * 3


async def test_those_who_would_wait_long_are_spread() -> None:
    """While one is there the others are sent away at once, each to a time of its own, a visit and a pause apart."""
    visits = Visits(HostTurns(10))
    running = asyncio.create_task(visits.one())
    await until(lambda: visits.running == 1)
    for _ in range(40):
        await visits.one()
    assert visits.most == 1
    assert visits.waits == sorted(visits.waits)
    assert min(visits.waits) > 10
    assert all(later - earlier > 9 for earlier, later in pairwise(visits.waits[:40]))
    for _ in range(1000):
        await visits.one()
    assert max(visits.waits) <= 600
    assert min(visits.waits[40:]) > 300
    assert len(set(visits.waits)) == 1040
    visits.go.set()
    await running


async def test_who_comes_within_a_long_pause_comes_back_when_it_is_over() -> None:
    """No earlier, and not a whole visit later."""
    visits = Visits(HostTurns(0))
    visits.go.set()
    await visits.one(URL, 30)
    await visits.one()
    assert [29 < wait <= 30 for wait in visits.waits] == [True]


@pytest.mark.parametrize(
    "url",
    [
        "http://HOST.example/other",
        "https://host.example:8443/",
        "https://host.example./",
        "https://\uff48ost.example",
        "HTTPS://host.example?x",
    ],
)
async def test_a_host_is_a_host_however_it_is_spelled(url: str) -> None:
    """Its case, scheme, port, path and last dot play no part."""
    visits = Visits(HostTurns(5))
    running = asyncio.create_task(visits.one())
    await until(lambda: visits.running == 1)
    await visits.one(url)
    assert len(visits.waits) == 1
    visits.go.set()
    await running


async def test_hosts_do_not_know_of_each_other() -> None:
    """One that is visited leaves all others free; subdomains are others."""
    visits = Visits(HostTurns(60))
    hosts = ["host.example", "www.host.example", "other.example", "8.8.8.8", "[2a00:1450::1]"]
    running = [asyncio.create_task(visits.one(f"https://{host}/")) for host in hosts]
    await until(lambda: visits.running == len(hosts))
    visits.go.set()
    await asyncio.gather(*running)
    assert visits.waits == []


async def test_a_visit_that_is_cancelled_or_fails_leaves_the_host_free(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether it was there, waited at the door, or waited for the end of the pause; the pause is kept all the same."""
    visits = Visits(HostTurns(0.1))
    with patience(monkeypatch, 60):
        tasks = [asyncio.create_task(visits.one()) for _ in range(3)]
        await until(lambda: visits.running == 1)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        with pytest.raises(ZeroDivisionError):
            async with visits.turns.turn(URL):
                raise ZeroDivisionError
        ended = time.monotonic()
        pausing = asyncio.create_task(visits.one())
        await until(visits.turns._hosts["host.example"].door.locked)
        pausing.cancel()
        await asyncio.wait([pausing])
        visits.go.set()
        await visits.one()
    assert visits.waits == []
    assert visits.times[0][0] >= ended + 0.09
    assert visits.turns._hosts["host.example"].users == 0


async def test_patience_ends_when_a_visit_takes_longer_than_those_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waited in person for what was expected to be short is sent away in the end, and blocks nobody."""
    visits = Visits(HostTurns(0))
    with patience(monkeypatch, 0.3):
        running = asyncio.create_task(visits.one())
        await until(lambda: visits.running == 1)
        await visits.one()
        assert len(visits.waits) == 1
        visits.go.set()
        await running
        await visits.one()
    assert len(visits.times) == 2


async def test_hosts_are_forgotten() -> None:
    """Those whose pause is over; the others are kept."""
    turns = HostTurns(0)
    visits = Visits(turns)
    visits.go.set()
    await visits.one("https://kept.example/", 600)
    for number in range(2000):
        await visits.one(f"https://h{number}.example/")
    assert len(turns._hosts) <= 513
    await visits.one("https://kept.example/", 600)
    assert len(visits.waits) == 1


@pytest.mark.parametrize("url", ["", "host.example", "http:///x", "http://a b/"])
async def test_there_is_no_turn_without_a_host(url: str) -> None:
    """As there is nothing to fetch."""
    with pytest.raises(AddressNotAllowed):
        await Visits(HostTurns(0)).one(url)
