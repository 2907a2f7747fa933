"""Receiving files: their bytes are checked, hashed and stored as they arrive; rows are another matter."""

from __future__ import annotations

import asyncio
import contextlib
import mmap
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID, uuid4

from calotype.domain.errors import (
    CalotypeError,
    EmptyFile,
    TooLarge,
    TooManyPixels,
    Unavailable,
    UndecodablePicture,
    Unsupported,
)
from calotype.domain.picture import MediaType, PictureHeader
from calotype.domain.scope import Scope
from calotype.domain.values import clean_filename, safe_filename
from calotype.imaging.completeness import check_complete
from calotype.imaging.header import read_header
from calotype.imaging.sniff import sniff
from calotype.storage.store import ObjectStore, ObjectWriter, StoredObject

SNIFF_BYTES = 64 * 1024  # enough to tell every kind of content
_QUICK_HEADERS = frozenset({"jpeg", "png", "bmp"})
HEAD_BYTES = 1024 * 1024  # kept of each upload, so that nearly every header is read without going back to the store


@dataclass(frozen=True, slots=True)
class IngestLimits:
    """What an upload may be: bytes of one image, pixels of all its frames, formats that are not accepted, or the only ones.

    With `only_whole`, pictures whose files are cut off or damaged are refused; else that is found when they are developed. With
    `notes_faults` they are looked for as well, and taken all the same, those included of which not even the header can be read.
    """

    max_image_bytes: int
    max_pixels: int
    refused_formats: frozenset[str] = frozenset()
    only_formats: frozenset[str] | None = None
    only_whole: bool = False
    notes_faults: bool = False

    @property
    def looks_through(self) -> bool:
        """Whether files are looked through from end to end."""
        return self.only_whole or self.notes_faults


@dataclass(frozen=True, slots=True)
class WholeFile:
    """A small file that is wholly in memory, under its new id and its clean name."""

    id: UUID
    filename: str
    data: bytes


@dataclass(frozen=True, slots=True)
class ReceivedFile:
    """A file that is checked and durably stored, but has no row yet; `fault` says why it is not whole, where that was noted."""

    id: UUID
    tenant_id: UUID
    object_key: str
    filename: str
    media: MediaType
    size_bytes: int
    checksum: str
    fault: str | None = None


class ReceiveService:
    """The way in for the bytes of every file, whatever door it comes through."""

    def __init__(self, store: ObjectStore, limits: IngestLimits) -> None:
        self._store = store
        self._limits = limits

    async def receive(
        self,
        scope: Scope,
        filename: str,
        chunks: AsyncIterator[bytes],
        *,
        file_id: UUID | None = None,
        key: str | None = None,
    ) -> ReceivedFile:
        """Check and store a file while it arrives, under a new id and its usual key unless they are given.

        Memory does not grow with its size.

        Raises EmptyFile, Unsupported, UndecodablePicture, TooLarge, Unavailable. Nothing is kept then.
        """
        name = clean_filename(filename)
        head = await self._read_start(chunks)
        media = self._accepted(bytes(head[:SNIFF_BYTES]))
        file_id = file_id or uuid4()
        key = key or object_key(scope.tenant_id, file_id, name)
        async with self._store.writer(key) as writer:
            await writer.write(head)
            async for chunk in chunks:
                self._check_size(writer.size + len(chunk))
                if len(head) < HEAD_BYTES:
                    head += chunk[: HEAD_BYTES - len(head)]
                await writer.write(chunk)
            self._check_size(writer.size)
            is_checked = await self._check_head(bytes(head), writer.size, media)
            fault = None
            is_looked_through = not self._limits.looks_through
            if not is_looked_through and len(head) == writer.size:
                fault = await self._fault(check_complete, bytes(head), media.format)
                is_looked_through = True
            stored = await self._publish(writer)
        assert stored.checksum is not None
        received = ReceivedFile(file_id, scope.tenant_id, key, name, media, stored.size, stored.checksum, fault)
        try:
            if not is_checked:
                await self.check_stored(key, stored.size, media)
            if not is_looked_through:
                async with self._store.local_path(key) as path:
                    received = replace(received, fault=await self._fault(_check_file, path, media))
        except BaseException:
            await self.discard(received)
            raise
        return received

    async def _fault(self, check: Callable[..., None], *arguments: object) -> str | None:
        """What a check finds wrong with a picture, where that is only noted; else it is raised."""
        try:
            await asyncio.to_thread(check, *arguments)
        except UndecodablePicture as error:
            if self._limits.notes_faults:
                return error.message
            raise
        return None

    async def _read_start(self, chunks: AsyncIterator[bytes]) -> bytearray:
        """As much as tells the kind of content. Raises TooLarge at the first byte too many."""
        head = bytearray()
        async for chunk in chunks:
            head += chunk
            self._check_size(len(head))
            if len(head) >= SNIFF_BYTES:
                break
        return head

    async def _publish(self, writer: ObjectWriter) -> StoredObject:
        """Make an object visible; if nobody waits for that any more, it is removed again once it is there."""
        publishing = asyncio.ensure_future(writer.commit())
        try:
            return await asyncio.shield(publishing)
        except asyncio.CancelledError:
            await asyncio.wait([publishing])
            if publishing.exception() is None:
                await self._remove(publishing.result().key)
            raise

    async def receive_many(self, scope: Scope, files: Sequence[WholeFile]) -> list[ReceivedFile | CalotypeError]:
        """Check and store small files that are wholly in memory, together; what is wrong with one is its outcome alone."""
        outcomes: list[ReceivedFile | CalotypeError] = []
        checked = [await self._check_whole(file.data) for file in files]
        keys = [object_key(scope.tenant_id, file.id, file.filename) for file in files]
        good = [
            (key, file.data)
            for key, file, found in zip(keys, files, checked, strict=True)
            if not isinstance(found, CalotypeError)
        ]
        put = await self._put_many(good)
        for key, file, found in zip(keys, files, checked, strict=True):
            if isinstance(found, CalotypeError):
                outcomes.append(found)
                continue
            media, fault = found
            stored = put[key]
            if isinstance(stored, StoredObject):
                assert stored.checksum is not None
                outcomes.append(
                    ReceivedFile(
                        file.id, scope.tenant_id, key, file.filename, media, stored.size, stored.checksum, fault
                    )
                )
            else:
                outcomes.append(stored)
        return outcomes

    async def _check_whole(self, data: bytes) -> tuple[MediaType, str | None] | CalotypeError:
        """What a file is, and what is wrong with it where that is only noted."""
        try:
            media = self._accepted(data[:SNIFF_BYTES])
            self._check_size(len(data))
            await self._check_head(data, len(data), media)
            looks = self._limits.looks_through
            fault = await self._fault(check_complete, data, media.format) if looks else None
        except CalotypeError as error:
            return error
        return media, fault

    async def _put_many(self, items: Sequence[tuple[str, bytes]]) -> dict[str, StoredObject | CalotypeError]:
        if not items:
            return {}
        try:
            return {stored.key: stored for stored in await self._store.put_many(items)}
        except CalotypeError as error:
            if len(items) == 1:
                return {items[0][0]: error}
        # Only some of them could not be stored: each by itself tells which.
        alone = await asyncio.gather(*(self._put_many([item]) for item in items))
        return {key: outcome for found in alone for key, outcome in found.items()}

    def _accepted(self, head: bytes) -> MediaType:
        media = accepted_picture(head)
        only = self._limits.only_formats
        if media.format in self._limits.refused_formats or (only is not None and media.format not in only):
            raise Unsupported(f"{media.content_type} files are not accepted here", content_type=media.content_type)
        return media

    def _check_size(self, size: int) -> None:
        if size > self._limits.max_image_bytes:
            raise TooLarge(
                f"An image may have at most {self._limits.max_image_bytes} bytes",
                limit=self._limits.max_image_bytes,
            )

    async def _check_head(self, head: bytes, size: int, media: MediaType) -> bool:
        """Read the header from the first bytes; False when it lies further back in the file."""
        if media.format in _QUICK_HEADERS:
            return self._read_head(head, size, media)
        # A hostile GIF can keep the reader busy for half a second, in which other requests must go on.
        return await asyncio.to_thread(self._read_head, head, size, media)

    def _read_head(self, head: bytes, size: int, media: MediaType) -> bool:
        reached_past = False

        def read_at(offset: int, length: int) -> bytes:
            nonlocal reached_past
            if offset + length > len(head) and len(head) < size:
                reached_past = True
            return head[offset : offset + length]

        try:
            header = read_header(read_at, size, media.format)
        except UndecodablePicture:
            if reached_past:
                return False
            if self._limits.notes_faults:
                return True
            raise
        if reached_past:
            return False
        self._check_pixels(header)
        return True

    async def check_stored(self, key: str, size: int, media: MediaType) -> None:
        """Read the header of a stored picture. Raises UndecodablePicture."""
        loop = asyncio.get_running_loop()

        def read_at(offset: int, length: int) -> bytes:
            return asyncio.run_coroutine_threadsafe(self._store.read_at(key, offset, length), loop).result()

        try:
            header = await asyncio.to_thread(read_header, read_at, size, media.format)
        except UndecodablePicture:
            if self._limits.notes_faults:
                return
            raise
        self._check_pixels(header)

    def _check_pixels(self, header: PictureHeader) -> None:
        if header.pixels > self._limits.max_pixels:
            raise TooManyPixels(
                f"The picture has {header.pixels} pixels in {header.frames} frame(s); "
                f"at most {self._limits.max_pixels} are allowed",
                limit=self._limits.max_pixels,
                actual=header.pixels,
            )

    async def discard(self, received: ReceivedFile) -> None:
        """Remove the object of a file that will get no row; what cannot be removed now is left to the sweep."""
        await self._remove(received.object_key)

    async def _remove(self, key: str) -> None:
        with contextlib.suppress(Unavailable):
            await self._store.delete(key)


def accepted_picture(head: bytes) -> MediaType:
    """The kind of picture some first bytes are. Raises EmptyFile, Unsupported for anything else."""
    if not head:
        raise EmptyFile("The file is empty", field="file")
    media = sniff(head)
    if media is None:
        raise Unsupported("The content of this file is of no supported type")
    if media.media_type != "image":
        raise Unsupported(
            f"{media.content_type} files are not accepted by this version", content_type=media.content_type
        )
    return media


def object_key(tenant_id: UUID, file_id: UUID, filename: str) -> str:
    """Where an original lies; only ids and an ASCII form of the name stand in it."""
    return f"uploads/{tenant_id}/{file_id}/{safe_filename(filename)}"


def _check_file(path: Path, media: MediaType) -> None:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        check_complete(data, media.format)
