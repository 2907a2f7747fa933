"""Objects in a bucket: S3 and whatever speaks it, Google Cloud Storage, Azure Blob Storage."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

import obstore

from calotype.domain.errors import InvalidInput, NotFound
from calotype.storage.failure import bucket_failures, disk_failures
from calotype.storage.key import check_key, check_prefix, check_range
from calotype.storage.probe import probe
from calotype.storage.remote_writer import RemoteWriter, put_whole
from calotype.storage.store import ObjectWriter, StoredObject
from calotype.storage.threads import Threads

_AT_ONCE = 8  # requests of one `put_many`
_DOWNLOAD_PIECE = 4 * 1024 * 1024
_TEMPORARY_PREFIX = "download-"
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class RemoteStore:
    """An object store in a bucket, below the prefix that the URL names.

    Uploads above 8 MiB are multipart, in equal parts, because some stores refuse others; checksums beyond the
    signature are sent only when the environment asks for them (AWS_CHECKSUM_ALGORITHM), because some stores
    refuse those too. An upload whose process died leaves parts in the bucket that cannot be seen from here:
    a lifecycle rule of the bucket ("abort incomplete multipart uploads") removes them.
    """

    keeps_files = False

    def __init__(
        self,
        url: str,
        *,
        scratch: Path | None = None,
        options: Mapping[str, str] | None = None,
        retries: int = 4,
    ) -> None:
        """Open the bucket at `url`; nothing is sent yet.

        `scratch` is the folder for downloads of `local_path`. `options` stand above the environment; they are
        obstore's names, such as `endpoint`, `region`, `access_key_id`. Unencrypted HTTP is allowed to this
        machine only, unless AWS_ALLOW_HTTP says otherwise. Raises `InvalidInput`.
        """
        from obstore.exceptions import BaseError

        try:
            self._bucket: Any = obstore.store.from_url(
                url,
                config=dict(options or {}) or None,
                client_options=_client_options(options or {}),
                retry_config={
                    "max_retries": retries,
                    "backoff": {
                        "init_backoff": timedelta(milliseconds=100),
                        "max_backoff": timedelta(seconds=2),
                        "base": 2,
                    },
                    "retry_timeout": timedelta(seconds=30),
                },
            )
        except (BaseError, ValueError) as error:
            reason = str(error).split("\n", 1)[0]
            raise InvalidInput(f"The object store's URL cannot be used: {reason}", field="url") from error
        self._scratch = scratch or Path(tempfile.gettempdir()) / "calotype"
        self._threads = Threads()

    def writer(self, key: str, size_hint: int | None = None) -> AbstractAsyncContextManager[ObjectWriter]:
        """Write one object as its bytes arrive; `size_hint` makes the parts of very large objects larger."""
        return RemoteWriter(self._bucket, self._threads, check_key(key), size_hint)

    async def put(self, key: str, data: bytes) -> StoredObject:
        """Store a small object in one request; `modified_at` is this machine's time."""
        return await put_whole(self._bucket, self._threads, check_key(key), data)

    async def put_many(self, items: Sequence[tuple[str, bytes]]) -> tuple[StoredObject, ...]:
        """Store several small objects, eight at a time."""
        places = asyncio.Semaphore(_AT_ONCE)

        async def put(key: str, data: bytes) -> StoredObject:
            async with places:
                return await self.put(key, data)

        for key, _ in items:
            check_key(key)
        return tuple(await asyncio.gather(*(put(key, data) for key, data in items)))

    async def get(self, key: str) -> bytes:
        """The whole content."""
        with bucket_failures(check_key(key)):
            answer = await obstore.get_async(self._bucket, key)
            return bytes(await answer.bytes_async())

    async def read_at(self, key: str, offset: int, length: int) -> bytes:
        """At most `length` bytes from `offset`."""
        check_range(offset, length)
        pieces = [piece async for piece in self.stream(key, offset, offset + length, max(length, 1))]
        return b"".join(pieces)

    async def stream(
        self, key: str, start: int = 0, end: int | None = None, chunk: int = 256 * 1024
    ) -> AsyncIterator[bytes]:
        """The bytes from `start` up to `end`, in pieces of at least `chunk` bytes but for the last."""
        check_range(start, end)
        answer = await self._open(check_key(key), start, end)
        if answer is None:
            return
        with bucket_failures(key):
            async for piece in answer.stream(min_chunk_size=chunk):
                yield bytes(piece)

    async def head(self, key: str) -> StoredObject:
        """What is known of an object without reading it."""
        with bucket_failures(check_key(key)):
            return describe(await obstore.head_async(self._bucket, key))

    async def delete(self, key: str) -> None:
        """Remove an object, if it exists."""
        with bucket_failures(check_key(key)), contextlib.suppress(FileNotFoundError):
            await obstore.delete_async(self._bucket, key)

    async def delete_many(self, keys: Sequence[str]) -> None:
        """Remove several objects in as few requests as the store allows."""
        for key in keys:
            check_key(key)
        if not keys:
            return
        try:
            with bucket_failures(keys[0]):
                await obstore.delete_async(self._bucket, list(keys))
        except NotFound:  # a store without bulk deletion stops at the first missing object
            for key in keys:
                await self.delete(key)

    async def list(self, prefix: str = "", older_than: datetime | None = None) -> AsyncIterator[StoredObject]:
        """Everything in a folder and its folders."""
        folder = check_prefix(prefix)
        with bucket_failures(folder, must_exist=False):
            async for batch in obstore.list(self._bucket, folder or None, chunk_size=1000):
                for found in batch:
                    stored = describe(found)
                    if older_than is None or stored.modified_at < older_than:
                        yield stored

    @contextlib.asynccontextmanager
    async def local_path(self, key: str, *, edges: int | None = None) -> AsyncIterator[Path]:
        """A copy of the object, or of its ends, on this machine's disk, which is removed afterwards."""
        size = None if edges is None else (await self.head(key)).size
        path = await self._threads.run(self._make_scratch_file, check_key(key))
        try:
            with disk_failures(key, must_exist=False):
                file = await self._threads.run(path.open, "wb")
            with file:
                if edges is None or size is None or size <= 2 * edges:
                    await self._copy(key, file, 0, None)
                else:
                    await self._copy(key, file, 0, edges)
                    await self._copy(key, file, size - edges, size)
            yield path
        finally:
            path.unlink(missing_ok=True)

    async def _copy(self, key: str, file: BinaryIO, start: int, end: int | None) -> None:
        """Write a part of an object to the same place of a file; what is passed over stays a hole."""
        file.seek(start)
        async for piece in self.stream(key, start, end, chunk=_DOWNLOAD_PIECE):
            with disk_failures(key, must_exist=False):
                await self._threads.run(file.write, piece)

    async def check(self) -> None:
        """Write, read and delete a probe."""
        await probe(self)

    async def sweep_temporary(self, older_than: datetime) -> int:
        """Remove downloads that a dead process left behind."""
        return await self._threads.run(self._sweep, older_than)

    async def aclose(self) -> None:
        """Let running work end and give the threads back."""
        await self._threads.aclose()

    async def _open(self, key: str, start: int, end: int | None) -> Any | None:
        """Begin to read a range, or return None when no byte of the object is in it."""
        from obstore.exceptions import GenericError

        if end is not None and end <= start:
            await self.head(key)
            return None
        options: Any = None
        if start > 0 or end is not None:
            options = {"range": {"offset": start} if end is None else (start, end)}
        try:
            with bucket_failures(key):
                return await obstore.get_async(self._bucket, key, options=options)
        except Exception as error:
            # A range wholly behind the end is an error in HTTP (416) and none here.
            if options and isinstance(error.__cause__, GenericError) and (await self.head(key)).size <= start:
                return None
            raise

    def _make_scratch_file(self, key: str) -> Path:
        with disk_failures(key, must_exist=False):
            self._scratch.mkdir(parents=True, exist_ok=True)
            descriptor, path = tempfile.mkstemp(prefix=_TEMPORARY_PREFIX, dir=self._scratch)
            os.close(descriptor)
            return Path(path)

    def _sweep(self, older_than: datetime) -> int:
        removed = 0
        with disk_failures(""), contextlib.suppress(FileNotFoundError):
            for path in self._scratch.glob(f"{_TEMPORARY_PREFIX}*"):
                if path.stat().st_mtime < older_than.timestamp():
                    path.unlink(missing_ok=True)
                    removed += 1
        return removed


def describe(found: Mapping[str, Any]) -> StoredObject:
    """What a bucket tells about an object."""
    etag = (found.get("e_tag") or "").strip('"')
    return StoredObject(found["path"], found["size"], etag, found["last_modified"].astimezone(UTC))


def _client_options(options: Mapping[str, str]) -> dict[str, Any]:
    chosen: dict[str, Any] = {
        "connect_timeout": "5s",
        # A stalled connection is given up; a slow one that still moves is not, however large the object.
        "read_timeout": "120s",
        "timeout": "24h",
    }
    endpoint = options.get("endpoint") or os.environ.get("AWS_ENDPOINT_URL") or os.environ.get("AWS_ENDPOINT")
    if endpoint and urlsplit(endpoint).hostname in _LOOPBACK:
        chosen["allow_http"] = True
    return chosen
