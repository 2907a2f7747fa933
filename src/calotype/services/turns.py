"""Taking turns: how many pieces of work of one kind run at once, and when to ask again where there is no room."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

_PATIENCE = 1.0  # seconds; who would wait longer does so in the queue
_LONGEST = 600.0
_SHARE = 0.25  # of the newest in the mean of how long one takes


@dataclass(frozen=True, slots=True)
class Turn:
    """It is one's turn, or one should come back after so many seconds."""

    seconds_to_wait: float | None


@dataclass(slots=True)
class _Kind:
    room: asyncio.Semaphore
    users: int = 0
    takes: float = 0.1
    free_at: float = field(default_factory=time.monotonic)


class Turns:
    """At most so many at once of each kind; those beyond are spread over the time that the ones before them will take."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kinds: dict[Hashable, _Kind] = {}

    @asynccontextmanager
    async def turn(self, kind: Hashable) -> AsyncIterator[Turn]:
        """Wait for a turn, though not for long."""
        state = self._kinds.setdefault(kind, _Kind(asyncio.Semaphore(self._most)))
        state.users += 1
        try:
            if await self._enter(state):
                began = time.monotonic()
                try:
                    yield Turn(None)
                finally:
                    state.room.release()
                    state.takes += _SHARE * (time.monotonic() - began - state.takes)
            else:
                yield Turn(self._slot(state))
        finally:
            state.users -= 1
            if not state.users:
                del self._kinds[kind]

    async def _enter(self, state: _Kind) -> bool:
        if not state.room.locked():
            await state.room.acquire()
            return True
        if state.free_at > time.monotonic() + _PATIENCE:
            return False  # there is a queue already
        try:
            async with asyncio.timeout(_PATIENCE):
                await state.room.acquire()
        except TimeoutError:
            return False
        return True

    def _slot(self, state: _Kind) -> float:
        now = time.monotonic()
        state.free_at = max(now + _PATIENCE, state.free_at) + state.takes / self._most
        return min(_LONGEST, state.free_at - now)
