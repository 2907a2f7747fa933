"""Turns at hosts: one visit to each at a time, with a pause between two, and when to come back where that takes long."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from calotype.crawling.urls import host_of
from calotype.services.turns import Turn

_PATIENCE = 1.0  # seconds; who would wait longer does so in the queue
_LONGEST = 600.0
_SHARE = 0.25  # of the newest in the mean of how long a visit takes
_TIDY_AT = 256  # hosts


@dataclass(slots=True)
class _Host:
    """What is known of one host; times are those of the monotonic clock.

    `pause` is the one the last visit asked for; `waiting` counts those in person; until `given_until` its time is given away to
    those who were sent away.
    """

    door: asyncio.Lock = field(default_factory=asyncio.Lock)
    users: int = 0
    waiting: int = 0
    takes: float = 0.1
    pause: float = 0.0
    began: float = float("-inf")
    ended: float = float("-inf")
    given_until: float = 0.0

    def opens(self, pause: float) -> float:
        """When the next visit may begin, if nobody is there."""
        return self.ended + max(self.pause, pause)

    def expected(self, pause: float, now: float) -> float:
        """When somebody who comes now would have a turn, if all take as long as those before them."""
        pause = max(self.pause, pause)
        step = self.takes + pause
        if not self.door.locked():
            return max(now, self.ended + pause)
        ahead = self.waiting - (
            self.began <= self.ended
        )  # between two visits the door is held by one of those who wait
        first = self.ended + pause + step if self.began <= self.ended else max(now, self.began + self.takes) + pause
        return first + ahead * step

    def is_forgettable(self, now: float) -> bool:
        """Whether it makes no difference to know the host no longer."""
        return not self.users and max(self.opens(0), self.given_until) <= now


class HostTurns:
    """At most one at a time at each host, and so many seconds from the end of one visit to the beginning of the next.

    A host is a name, however it is spelled, whatever the port. All of this holds for one process: as many workers as there are
    each keep a pace of their own, so that a host may have one visitor from each of them.
    """

    def __init__(self, pause: float, *, jitter: Callable[[], float] = random.random) -> None:
        self._pause = pause
        self._jitter = jitter
        self._hosts: dict[str, _Host] = {}
        self._tidy_at = _TIDY_AT

    @asynccontextmanager
    async def turn(self, url: str, pause: float | None = None) -> AsyncIterator[Turn]:
        """Wait for a turn at a URL's host, though not for long; `pause`, in seconds, counts where it is more than the usual one.

        Who would wait longer than about a second is told when to come back instead. Raises AddressNotAllowed for a URL without
        a host.
        """
        host = self._host(host_of(url))
        wanted = max(self._pause, pause or 0.0)
        host.users += 1
        try:
            if await _enter(host, wanted):
                host.began, host.pause = time.monotonic(), wanted
                try:
                    yield Turn(None)
                finally:
                    host.ended = time.monotonic()
                    host.takes += _SHARE * (host.ended - host.began - host.takes)
                    host.door.release()
            else:
                yield Turn(self._slot(host, wanted))
        finally:
            host.users -= 1

    def _host(self, name: str) -> _Host:
        if name not in self._hosts and len(self._hosts) >= self._tidy_at:
            now = time.monotonic()
            self._hosts = {name: host for name, host in self._hosts.items() if not host.is_forgettable(now)}
            self._tidy_at = max(_TIDY_AT, 2 * len(self._hosts))
        return self._hosts.setdefault(name, _Host())

    def _slot(self, host: _Host, pause: float) -> float:
        """Seconds until a time that was given to nobody else; where all of them are, some time before the longest."""
        now = time.monotonic()
        at = max(host.expected(pause, now), host.given_until)
        until = at + host.takes + max(host.pause, pause)
        if until > now + _LONGEST:
            return _LONGEST * (1 + self._jitter()) / 2
        host.given_until = until
        return at - now


async def _enter(host: _Host, pause: float) -> bool:
    deadline = time.monotonic() + _PATIENCE
    if host.expected(pause, time.monotonic()) > deadline:
        return False
    host.waiting += 1
    try:
        try:
            async with asyncio.timeout(_PATIENCE):
                await host.door.acquire()
        except TimeoutError:
            return False
        is_mine = False
        try:
            if host.opens(pause) <= deadline:
                await asyncio.sleep(max(0.0, host.opens(pause) - time.monotonic()))
                is_mine = True
        finally:
            if not is_mine:
                host.door.release()
        return is_mine
    finally:
        host.waiting -= 1
