"""The files of one request on their way into the store: small ones are stored together, beside the reading of what follows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Generic, Protocol, TypeVar
from uuid import UUID

from calotype.domain.errors import CalotypeError, TooLarge
from calotype.domain.scope import Scope
from calotype.services.receive import ReceivedFile, ReceiveService, WholeFile

_MOST_HELD = 4 * 1024 * 1024  # bytes of small files that wait in memory before no more is read
_GROUP = 8  # small files stored together, which saves flushing their folder for each
_STORING_AT_ONCE = 2  # groups
_MOST_OF_ALL = 256 * 1024 * 1024  # bytes all requests of a process hold before files are no longer held, however small


class HeldBytes:
    """How many bytes of files all requests of a process hold in memory."""

    def __init__(self) -> None:
        self.total = 0


class ByteLimit:
    """The most bytes all files of one request may have, those counted that are read only to be thrown away; `what` names it."""

    def __init__(self, most: int, what: str) -> None:
        self._most = most
        self._what = what
        self._taken = 0

    async def counted(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The chunks of one file as they are. Raises TooLarge, and what `chunks` raises."""
        async for chunk in chunks:
            self._taken += len(chunk)
            if self._taken > self._most:
                raise TooLarge(f"{self._what} may have at most {self._most} bytes", limit=self._most)
            yield chunk


class Incoming(Protocol):
    """A file that is being sent, as its request knows it: the id it will have and its clean name."""

    @property
    def asset_id(self) -> UUID:
        """The id it will have."""
        ...

    @property
    def filename(self) -> str:
        """Its clean name."""
        ...

    @property
    def declared(self) -> str | None:
        """The type its sender gave it."""
        ...


File = TypeVar("File", bound=Incoming)


class Intake(Generic[File]):
    """Receives the files of one request; `put` is told of each what became of it, in any order.

    Files up to `largest_held` bytes are held in memory until they are stored; larger ones are stored while they arrive, and so is
    every file while the requests that share `held` hold too much together.
    """

    def __init__(
        self,
        receiver: ReceiveService,
        scope: Scope,
        put: Callable[[File, ReceivedFile | CalotypeError], None],
        *,
        largest_held: int,
        held: HeldBytes,
    ) -> None:
        self.broken: BaseException | None = None
        """The fault of the request itself, or of our own code, after which nothing more is received."""
        self._receiver = receiver
        self._scope = scope
        self._put = put
        self._largest_held = largest_held
        self._held_by_all = held
        self._waiting: list[tuple[File, bytes]] = []
        self._held = 0
        self._stored = asyncio.Event()
        self._storing = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def take(self, file: File, chunks: AsyncIterator[bytes]) -> None:
        """Take the next file while it arrives; whatever is wrong with it is told to `put`. Raises what `chunks` raises."""
        chunks = self._watched(chunks)
        head = bytearray()
        by_all = self._held_by_all
        try:
            async for chunk in chunks:
                head += chunk
                by_all.total += len(chunk)
                if len(head) > self._largest_held or by_all.total > _MOST_OF_ALL:
                    break
            else:
                await self._hold(file, bytes(head))
                return
        finally:
            by_all.total -= len(head)
        await self._receive(file, _joined(bytes(head), chunks))
        await drain(chunks)  # of a file that was refused before its end

    async def end(self) -> None:
        """Wait until every file taken is dealt with."""
        while self._tasks:
            await asyncio.wait(self._tasks)
        self._count(-self._held)  # of what a fault has left waiting

    async def _watched(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The chunks; a fault of the request itself is told apart from a fault of the file."""
        try:
            async for chunk in chunks:
                yield chunk
        except Exception as error:
            self.broken = error
            raise

    async def _receive(self, file: File, chunks: AsyncIterator[bytes]) -> None:
        try:
            received = await self._receiver.receive(
                self._scope, file.filename, chunks, file_id=file.asset_id, declared=file.declared
            )
        except CalotypeError as error:
            if error is self.broken:
                raise
            self._put(file, error)
        else:
            self._put(file, received)

    async def _hold(self, file: File, data: bytes) -> None:
        """Let a small file be stored beside the reading of those after it, together with what waits by then."""
        while self._held >= _MOST_HELD and self.broken is None:
            self._stored.clear()
            await self._stored.wait()
        self._count(len(data))
        self._waiting.append((file, data))
        if self._storing < _STORING_AT_ONCE:
            self._storing += 1
            task = asyncio.create_task(self._store_waiting())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _count(self, size: int) -> None:
        self._held += size
        self._held_by_all.total += size

    async def _store_waiting(self) -> None:
        try:
            while self._waiting:
                group, self._waiting = self._waiting[:_GROUP], self._waiting[_GROUP:]
                files = [WholeFile(file.asset_id, file.filename, data, file.declared) for file, data in group]
                outcomes = await self._receiver.receive_many(self._scope, files)
                for (file, _), outcome in zip(group, outcomes, strict=True):
                    self._put(file, outcome)
                self._count(-sum(len(data) for _, data in group))
                self._stored.set()
        except Exception as error:
            # A fault in our own code must end the request, not one file.
            self.broken = self.broken or error
            self._stored.set()
        finally:
            # In the same step in which nothing was found waiting, so that what comes next begins another one.
            self._storing -= 1


async def _joined(head: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield head
    async for chunk in rest:
        yield chunk


async def drain(chunks: AsyncIterator[bytes]) -> None:
    """Read what nobody wants, because most clients look for an answer only after they have sent everything."""
    async for _ in chunks:
        pass
