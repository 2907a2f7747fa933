"""How much is done at once, shared fairly: whoever waits is served in turn, whatever they have asked for before."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


class Slots:
    """So many pieces of work at once; free slots go round between the owners that wait for one."""

    def __init__(self, count: int) -> None:
        self._free = count
        self._waiting: dict[Hashable, deque[asyncio.Future[None]]] = {}

    def ask(self, owner: Hashable) -> asyncio.Future[None]:
        """What ends when there is a slot, which then must be given back; cancelled before, it takes none."""
        turn = asyncio.get_running_loop().create_future()
        if self._free and not self._waiting:
            self._free -= 1
            turn.set_result(None)
        else:
            self._waiting.setdefault(owner, deque()).append(turn)
        return turn

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


@dataclass(slots=True)
class Unused:
    """How many of some slots have not been used."""

    count: int


class Room:
    """The slots of one owner for one piece of work: asked for in good time, and never kept for nothing."""

    def __init__(self, slots: Slots, owner: Hashable) -> None:
        self._slots = slots
        self._owner = owner
        self._turn: asyncio.Future[None] | None = None

    def ask(self) -> asyncio.Future[None]:
        """What ends when there is a slot, which `taken` then counts."""
        if self._turn is None:
            self._turn = self._slots.ask(self._owner)
        return self._turn

    def taken(self, most: int) -> int:
        """What there is now of what was asked for, and of what nobody else wants, at most so many."""
        if self._turn is None or not self._turn.done():
            return 0
        self._turn = None
        return 1 + self._slots.take_free(most - 1)

    @contextmanager
    def returning(self, count: int) -> Iterator[Unused]:
        """Give back what has not been used of so many slots; all of them when the block fails."""
        unused = Unused(count)
        try:
            yield unused
        except BaseException:
            unused.count = count
            raise
        finally:
            self._slots.give_back(unused.count)

    def close(self) -> None:
        """Give back what was asked for."""
        if self._turn is not None and not self._turn.cancel():
            self._slots.give_back()
        self._turn = None
