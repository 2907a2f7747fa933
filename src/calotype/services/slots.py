"""How much is done at once, shared fairly: whoever waits is served in turn, whatever they have asked for before."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Hashable


class Slots:
    """So many pieces of work at once; free slots go round between the owners that wait for one."""

    def __init__(self, count: int) -> None:
        self._free = count
        self._waiting: dict[Hashable, deque[asyncio.Future[None]]] = {}

    async def take(self, owner: Hashable) -> None:
        """Wait for a slot, which must be given back."""
        if self._free and not self._waiting:
            self._free -= 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(owner, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give_back()  # it was given in the very moment
            raise

    def take_free(self, most: int) -> int:
        """Take slots nobody waits for, without waiting; returns how many."""
        taken = 0 if self._waiting else min(most, self._free)
        self._free -= taken
        return taken

    def give_back(self, count: int = 1) -> None:
        """Give slots back; the owner who has waited longest since its last one is next."""
        for _ in range(count):
            self._free += 1
            while self._waiting:
                owner, turns = next(iter(self._waiting.items()))
                del self._waiting[owner]
                turn = turns.popleft()
                if turns:
                    self._waiting[owner] = turns  # behind all others
                if not turn.done():
                    self._free -= 1
                    turn.set_result(None)
                    break
