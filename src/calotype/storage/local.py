"""Objects on this machine's disk."""

from __future__ import annotations

import concurrent.futures
import contextlib
import itertools
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from pathlib import Path
from typing import Any

from calotype.storage.disk import Disk, UnfinishedFile
from calotype.storage.key import check_key, check_prefix, check_range
from calotype.storage.probe import probe
from calotype.storage.store import ObjectWriter, StoredObject
from calotype.storage.threads import Threads, settle
from calotype.storage.writer import BatchingWriter

_WRITEBACK_EVERY = 32 * 1024 * 1024  # bytes
_LISTED_AT_ONCE = 500


class LocalStore:
    """An object store in a folder; several processes may use one folder at the same time.

    Everything that blocks is done in the store's own threads. A small object costs one trip to a thread.
    """

    keeps_files = True

    def __init__(self, root: Path) -> None:
        self._disk = Disk(root.absolute())
        self._threads = Threads()

    def writer(self, key: str, size_hint: int | None = None) -> AbstractAsyncContextManager[ObjectWriter]:
        """Write one object as its bytes arrive; a `size_hint` larger than the free space is refused early."""
        return _LocalWriter(self._disk, self._threads, check_key(key), size_hint)

    async def put(self, key: str, data: bytes) -> StoredObject:
        """Store a small object, durable on return."""
        return (await self.put_many([(key, data)]))[0]

    async def put_many(self, items: Sequence[tuple[str, bytes]]) -> tuple[StoredObject, ...]:
        """Store several small objects in one trip to a thread, flushing each folder once."""
        for key, _ in items:
            check_key(key)
        return await self._threads.run(self._disk.store, items)

    async def get(self, key: str) -> bytes:
        """The whole content."""
        return await self._threads.run(self._disk.read, check_key(key))

    async def read_at(self, key: str, offset: int, length: int) -> bytes:
        """At most `length` bytes from `offset`."""
        check_range(offset, length)
        return await self._threads.run(self._disk.read, check_key(key), offset, length)

    async def stream(
        self, key: str, start: int = 0, end: int | None = None, chunk: int = 256 * 1024
    ) -> AsyncIterator[bytes]:
        """The bytes from `start` up to `end` in pieces of `chunk` bytes, all of one version of the object."""
        check_range(start, end)
        descriptor = await self._threads.run(self._disk.open, check_key(key))
        job: concurrent.futures.Future[bytes] | None = None
        try:
            size = os.fstat(descriptor).st_size
            end = size if end is None else min(end, size)
            for offset in range(start, end, chunk):
                job = self._threads.submit(self._disk.read_open, descriptor, key, offset, min(chunk, end - offset))
                yield await settle(job)
        finally:
            _close_after(job, descriptor)

    async def head(self, key: str) -> StoredObject:
        """What is known of an object without reading it."""
        return await self._threads.run(self._disk.head, check_key(key))

    async def delete(self, key: str) -> None:
        """Remove an object, if it exists, and the folders that are empty then."""
        await self.delete_many([key])

    async def delete_many(self, keys: Sequence[str]) -> None:
        """Remove several objects in one trip to a thread."""
        await self._threads.run(self._disk.delete, [check_key(key) for key in keys])

    async def list(self, prefix: str = "", older_than: datetime | None = None) -> AsyncIterator[StoredObject]:
        """Everything in a folder and its folders."""
        found = self._disk.walk(check_prefix(prefix))
        while batch := await self._threads.run(lambda: tuple(itertools.islice(found, _LISTED_AT_ONCE))):
            for stored in batch:
                if older_than is None or stored.modified_at < older_than:
                    yield stored

    @contextlib.asynccontextmanager
    async def local_path(self, key: str, *, edges: int | None = None) -> AsyncIterator[Path]:  # noqa: ARG002 - all of it is there
        """The object's own file, to be read only."""
        await self.head(key)
        yield self._disk.path(key)

    async def check(self) -> None:
        """Write, read and delete a probe."""
        await probe(self)

    async def sweep_temporary(self, older_than: datetime) -> int:
        """Remove unfinished files that were last written to before `older_than`."""
        return await self._threads.run(self._disk.sweep, older_than)

    async def aclose(self) -> None:
        """Let running work end and give the threads back."""
        await self._threads.aclose()


class _LocalWriter(BatchingWriter):
    """Hashes and writes one batch in a thread while the next one arrives; 2 MiB of memory at most."""

    def __init__(self, disk: Disk, threads: Threads, key: str, size_hint: int | None) -> None:
        super().__init__(key)
        self._disk = disk
        self._threads = threads
        self._size_hint = size_hint
        self._file: UnfinishedFile | None = None
        self._job: concurrent.futures.Future[Any] | None = None

    async def _send(self, batch: bytearray) -> None:
        await self._settle()
        self._job = self._threads.submit(self._append, batch)

    async def _finish(self, last: bytearray) -> StoredObject:
        await self._settle()
        if self._file is None:
            stored = await self._threads.run(self._disk.store, [(self.key, last)])
            return stored[0]
        job = self._threads.submit(self._file.finish, last)
        self._job = job
        return await settle(job)

    async def _abandon(self) -> None:
        if self._file is not None:
            self._file.unwanted = True
        if self._job is not None:
            await self._threads.run(self._discard, self._job)

    async def _settle(self) -> None:
        if self._job is not None:
            await settle(self._job)

    def _append(self, batch: bytearray) -> None:
        if self._file is None:
            self._file = UnfinishedFile(self._disk, self.key)
            self._file.require_space(self._size_hint or 0)
        self._file.append(batch)
        self._file.start_writeback(_WRITEBACK_EVERY)

    def _discard(self, job: concurrent.futures.Future[Any]) -> None:
        # Threads take jobs in order, so the one waited for here has a thread already.
        concurrent.futures.wait([job])
        if self._file is not None:
            self._file.discard()


def _close_after(job: concurrent.futures.Future[bytes] | None, descriptor: int) -> None:
    """Close a file when nothing reads from it any more; a reader must not meet a reused descriptor."""
    if job is None:
        os.close(descriptor)
    else:
        job.add_done_callback(lambda _: os.close(descriptor))
