"""What an object store does, whoever keeps the bytes: this machine's disk or a bucket."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

Chunk = bytes | bytearray | memoryview


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One object as its store describes it.

    `size` is in bytes, `modified_at` is in UTC. `etag` is opaque, without quotes, and changes with the
    content. `checksum` is the SHA-256 of the content as lower-case hex; only what has just been written knows
    it, because no store can tell it later without reading everything again.
    """

    key: str
    size: int
    etag: str
    modified_at: datetime
    checksum: str | None = None


class ObjectWriter(Protocol):
    """One object being written as its bytes arrive; nobody sees it before `commit`.

    It is a context manager: leaving without `commit`, by an error, a cancellation or by choice, leaves
    nothing behind.
    """

    @property
    def size(self) -> int:
        """The bytes taken so far."""

    async def write(self, chunk: Chunk) -> None:
        """Take the next bytes, waiting while the store is slower than the sender.

        The chunk may be reused by the caller afterwards. Raises `Unavailable` when the store fails, at the
        latest in `commit`.
        """

    async def commit(self) -> StoredObject:
        """Make the object durable and visible under its key, in place of any older one, before returning.

        Raises `Unavailable`. When this is cancelled while under way the object exists whole or not at all.
        """

    async def __aenter__(self) -> Self:
        """Begin writing."""

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        """Abort unless committed."""


class ObjectStore(Protocol):
    """Objects by key, written once and read often.

    A key is a relative path of our own making (see `calotype.storage.key`); no key may be a folder of
    another. Every operation raises `InvalidInput` for a key that is none, and `Unavailable` with a readable
    reason when the store cannot do its part; where an object must exist, `NotFound`. Nothing else is raised.
    """

    @property
    def keeps_files(self) -> bool:
        """Whether objects are files of this machine, which need no copy to be read by name."""

    def writer(self, key: str, size_hint: int | None = None) -> AbstractAsyncContextManager[ObjectWriter]:
        """Write one object as its bytes arrive; `size_hint` is its size in bytes, as far as anybody knows."""

    async def put(self, key: str, data: bytes) -> StoredObject:
        """Store a small object that is wholly in memory; it is durable on return."""

    async def put_many(self, items: Sequence[tuple[str, bytes]]) -> tuple[StoredObject, ...]:
        """Store several small objects, in the order given; all are durable on return.

        This is cheaper than putting them one by one. When it fails, some of them may have been stored.
        """

    async def get(self, key: str) -> bytes:
        """The whole content. Raises `NotFound`."""

    async def read_at(self, key: str, offset: int, length: int) -> bytes:
        """At most `length` bytes from `offset`; fewer, or none, where the object ends. Raises `NotFound`."""

    def stream(self, key: str, start: int = 0, end: int | None = None, chunk: int = 256 * 1024) -> AsyncIterator[bytes]:
        """The bytes from `start` up to `end` (exclusive), in pieces of about `chunk` bytes.

        What lies beyond the object's end is left out. Raises `NotFound` before the first piece.
        """

    async def head(self, key: str) -> StoredObject:
        """What is known of an object without reading it. Raises `NotFound`."""

    async def delete(self, key: str) -> None:
        """Remove an object; that it does not exist is no error."""

    async def delete_many(self, keys: Sequence[str]) -> None:
        """Remove several objects; those that do not exist are no error."""

    def list(self, prefix: str = "", older_than: datetime | None = None) -> AsyncIterator[StoredObject]:
        """Everything in the folder `prefix` and its folders ("" is the whole store), in no promised order.

        `older_than` (with a time zone) leaves out what was modified at that time or later.
        """

    def local_path(self, key: str, *, edges: int | None = None) -> AbstractAsyncContextManager[Path]:
        """A file with the content, to be read only and only within the context. Raises `NotFound`.

        With `edges` only so many bytes at its beginning and at its end need be right; the rest may read as zeros.
        """

    async def check(self) -> None:
        """Write, read and delete a probe, so that a wrong setting shows early. Raises `Unavailable`."""

    async def sweep_temporary(self, older_than: datetime) -> int:
        """Remove temporary files on this machine that interrupted processes left; returns how many."""

    async def aclose(self) -> None:
        """Let running work end and give the threads back."""
