"""The part of writing that is the same for every store: gathering small chunks into batches."""

from __future__ import annotations

import abc
from types import TracebackType
from typing import Self

from calotype.storage.store import Chunk, StoredObject

# Large enough that the hop to a thread costs nothing beside the work, small enough that a writer stays small.
BATCH = 1024 * 1024


class BatchingWriter(abc.ABC):
    """Gathers chunks into batches of 1 MiB; what is done with a batch is the subclass's matter."""

    def __init__(self, key: str) -> None:
        self.key = key
        self._buffer = bytearray()
        self._size = 0
        self._ended = False

    @property
    def size(self) -> int:
        """The bytes taken so far."""
        return self._size

    async def write(self, chunk: Chunk) -> None:
        """Take the next bytes, waiting while the store is slower than the sender."""
        self._must_be_open()
        view = memoryview(chunk).cast("B")
        self._size += len(view)
        room = BATCH - len(self._buffer)
        while len(view) > room:
            self._buffer += view[:room]
            view = view[room:]
            batch, self._buffer = self._buffer, bytearray()
            await self._send(batch)
            room = BATCH
        self._buffer += view

    async def commit(self) -> StoredObject:
        """Make the object durable and visible under its key."""
        self._must_be_open()
        last, self._buffer = self._buffer, bytearray()
        stored = await self._finish(last)
        self._ended = True
        return stored

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        if not self._ended:
            self._ended = True
            self._buffer = bytearray()
            await self._abandon()

    def _must_be_open(self) -> None:
        if self._ended:
            raise RuntimeError("this object has been committed or given up already")

    @abc.abstractmethod
    async def _send(self, batch: bytearray) -> None:
        """Take a full batch, which is not touched again here; more bytes will follow it."""

    @abc.abstractmethod
    async def _finish(self, last: bytearray) -> StoredObject:
        """Take the last batch, which may be empty, and publish the object."""

    @abc.abstractmethod
    async def _abandon(self) -> None:
        """Undo everything, also in the middle of a failed or cancelled `_send` or `_finish`."""
