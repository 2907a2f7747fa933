"""Writing one object to a bucket, in one request when it is small and in equal parts when it is not."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from datetime import UTC, datetime
from typing import Any

import obstore

from calotype.domain.errors import Unavailable
from calotype.storage.failure import bucket_failures
from calotype.storage.store import Chunk, StoredObject
from calotype.storage.threads import Threads
from calotype.storage.writer import BATCH, BatchingWriter

PART = 8 * 1024 * 1024  # bytes; S3 asks for 5 MiB at least
_MOST_PARTS = 9_000  # S3 allows 10,000; the rest is for claims that were too small
_PARTS_AT_ONCE = 2
_HASHED_HERE = 64 * 1024  # bytes; below, the way to a thread takes longer than the hash


async def put_whole(bucket: Any, threads: Threads, key: str, data: Chunk) -> StoredObject:
    """Store an object in one request; `modified_at` is this machine's time."""
    if len(data) <= _HASHED_HERE:
        checksum = _checksum(data)
    else:
        checksum = await threads.run(_checksum, data)
    with bucket_failures(key, must_exist=False):
        answer = await obstore.put_async(bucket, key, data, use_multipart=False)
    etag = (answer["e_tag"] or "").strip('"')
    return StoredObject(key, len(data), etag, datetime.now(UTC), checksum)


def part_size(size_hint: int | None) -> int:
    """The size of a part in bytes: 8 MiB, or more (in whole MiB) where there would be too many parts."""
    needed = -(-(size_hint or 0) // _MOST_PARTS)
    return max(PART, -(-needed // BATCH) * BATCH)


class RemoteWriter(BatchingWriter):
    """Keeps up to one part in memory, and begins a multipart upload when there is more.

    Memory: one part being filled and two being sent, 24 MiB with the usual parts.
    """

    def __init__(self, bucket: Any, threads: Threads, key: str, size_hint: int | None) -> None:
        super().__init__(key)
        self._bucket = bucket
        self._threads = threads
        self._part = part_size(size_hint)
        self._held: list[bytearray] = []
        self._hash = hashlib.sha256()
        self._upload: Any = None
        self._closing: asyncio.Task[None] | None = None

    async def _send(self, batch: bytearray) -> None:
        self._held.append(batch)
        if self._size <= self._part:
            return
        if self._upload is None:
            self._upload = obstore.open_writer_async(
                self._bucket, self.key, buffer_size=self._part, max_concurrency=_PARTS_AT_ONCE
            )
        held, self._held = self._held, []
        for piece in held:
            await self._forward(piece)

    async def _finish(self, last: bytearray) -> StoredObject:
        if self._upload is None:
            return await put_whole(self._bucket, self._threads, self.key, b"".join([*self._held, last]))
        for piece in [*self._held, last]:
            await self._forward(piece)
        # Once begun, the last step is always ended, so that a cancellation cannot leave parts behind.
        self._closing = asyncio.ensure_future(self._close())
        await asyncio.shield(self._closing)
        return await self._described()

    async def _abandon(self) -> None:
        self._held = []
        if self._closing is not None:
            await asyncio.wait([self._closing])
            if self._closing.exception() is None:
                return
        if self._upload is not None:
            # What cannot be aborted now is left to the bucket's lifecycle rule; the first error is told.
            with contextlib.suppress(Unavailable), bucket_failures(self.key, must_exist=False):
                given_up = RuntimeError("the upload was given up")
                await asyncio.shield(self._upload.__aexit__(RuntimeError, given_up, None))

    async def _forward(self, piece: bytearray) -> None:
        hashing = self._threads.submit(self._hash.update, piece)
        try:
            with bucket_failures(self.key, must_exist=False):
                await self._upload.write(piece)
        finally:
            await asyncio.shield(asyncio.wrap_future(hashing))

    async def _close(self) -> None:
        with bucket_failures(self.key, must_exist=False):
            await self._upload.close()

    async def _described(self) -> StoredObject:
        with bucket_failures(self.key):
            found = await obstore.head_async(self._bucket, self.key)
        if found["size"] != self._size:
            raise Unavailable("The object store kept another size than was sent", key=self.key)
        etag = (found["e_tag"] or "").strip('"')
        modified_at = found["last_modified"].astimezone(UTC)
        return StoredObject(self.key, self._size, etag, modified_at, self._hash.hexdigest())


def _checksum(data: Chunk) -> str:
    return hashlib.sha256(data).hexdigest()
