"""Receiving files: their bytes are checked, hashed and stored as they arrive; rows are another matter."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from uuid import UUID, uuid4

from calotype.documents.plain_text import TextCheck
from calotype.documents.sniff import sniff_document, why_unsupported
from calotype.domain.document import DOCUMENT, DOCX, MARKDOWN, PLAIN_TEXT
from calotype.domain.errors import CalotypeError, EmptyFile, Unsupported
from calotype.domain.image import IMAGE
from calotype.domain.object_keys import original_key
from calotype.domain.picture import MediaType
from calotype.domain.scope import Scope
from calotype.domain.values import clean_filename
from calotype.domain.video import VIDEO, VideoProbe
from calotype.imaging.sniff import sniff
from calotype.services import leftovers
from calotype.services.document_check import DocumentCheck
from calotype.services.ingest_limits import IngestLimits
from calotype.services.picture_check import PictureCheck
from calotype.services.probing import ProbeService
from calotype.storage.store import ObjectStore, ObjectWriter, StoredObject

SNIFF_BYTES = 64 * 1024  # enough to tell every kind of content
HEAD_BYTES = 1024 * 1024  # kept of each upload, so that nearly every header is read without going back to the store


@dataclass(frozen=True, slots=True)
class WholeFile:
    """A small file that is wholly in memory, under its new id and its clean name; `declared` is the type its sender gave it."""

    id: UUID
    filename: str
    data: bytes
    declared: str | None = None


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
    probe: VideoProbe | None = None
    """What the container says, of a video."""


class ReceiveService:
    """The way in for the bytes of every file, whatever door it comes through.

    `probing` is needed where videos are accepted, `documents` where documents are.
    """

    def __init__(
        self,
        store: ObjectStore,
        limits: IngestLimits,
        probing: ProbeService | None = None,
        documents: DocumentCheck | None = None,
    ) -> None:
        self._store = store
        self._limits = limits
        self._pictures = PictureCheck(store, limits.pictures)
        self._probing = probing
        self._documents = documents

    async def receive(
        self,
        scope: Scope,
        filename: str,
        chunks: AsyncIterator[bytes],
        *,
        file_id: UUID | None = None,
        key: str | None = None,
        declared: str | None = None,
    ) -> ReceivedFile:
        """Check and store a file while it arrives, under a new id and its usual key unless they are given.

        Memory does not grow with its size. The type that was `declared` counts for plain text only, which nothing else tells.

        Raises EmptyFile, Unsupported, UndecodablePicture, UndecodableVideo, UndecodableDocument, TooLarge, Unavailable.
        Nothing is kept then.
        """
        name = clean_filename(filename)
        head = await self._read_start(chunks)
        media = self._accepted(bytes(head[:SNIFF_BYTES]), name, declared)
        text = _text_check(media)
        file_id = file_id or uuid4()
        key = key or original_key(scope.tenant_id, file_id, name)
        is_picture = media.media_type == IMAGE
        is_checked, is_looked_through, fault = True, True, None
        async with self._store.writer(key) as writer:
            self._limits.check_size(len(head), media)
            text.accepts(bytes(head))
            await writer.write(head)
            async for chunk in chunks:
                self._limits.check_size(writer.size + len(chunk), media)
                text.accepts(chunk)
                if len(head) < HEAD_BYTES:
                    head += chunk[: HEAD_BYTES - len(head)]
                await writer.write(chunk)
            text.finish()
            if is_picture:
                is_checked = await self._pictures.check_head(bytes(head), writer.size, media)
                is_looked_through = not self._pictures.looks_through
                if not is_looked_through and len(head) == writer.size:
                    fault = await self._pictures.fault_of(bytes(head), media)
                    is_looked_through = True
            stored = await self._publish(writer)
        assert stored.checksum is not None
        received = ReceivedFile(file_id, scope.tenant_id, key, name, media, stored.size, stored.checksum, fault)
        try:
            if not is_checked:
                await self._pictures.check_stored(key, stored.size, media)
            if not is_looked_through:
                received = replace(received, fault=await self._pictures.fault_of_stored(key, media))
            return await self._looked_into(received)
        except BaseException:
            await self.discard(received)
            raise

    async def _looked_into(self, received: ReceivedFile) -> ReceivedFile:
        """A stored video with what its container says, a stored document if it is what it seems; others as they are.

        Raises Unsupported, UndecodableVideo, UndecodableDocument, Unavailable.
        """
        if received.media == DOCX:
            assert self._documents is not None
            await self._documents.check_docx(received.object_key)
        if received.media.media_type != VIDEO:
            return received
        assert self._probing is not None
        probe = await self._probing.probe(received.object_key, received.size_bytes, received.media.format)
        return replace(received, probe=probe)

    async def accept_stored(self, key: str, size: int, filename: str) -> MediaType:
        """The kind of image that lies in the store already, `size` bytes of it; how many it may have is the caller's matter.

        Raises EmptyFile, Unsupported for anything but an image that is accepted, UndecodablePicture, NotFound.
        """
        media = self._accepted(await self._store.read_at(key, 0, SNIFF_BYTES), filename, None)
        if media.media_type != IMAGE:
            raise Unsupported(f"{media.content_type} files are not accepted here", content_type=media.content_type)
        await self._pictures.check_stored(key, size, media)
        return media

    async def _read_start(self, chunks: AsyncIterator[bytes]) -> bytearray:
        """As much as tells the kind of content. Raises TooLarge at the first byte too many."""
        head = bytearray()
        async for chunk in chunks:
            head += chunk
            self._limits.check_size(len(head))
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
                await leftovers.remove(self._store, [publishing.result().key])
            raise

    async def receive_many(self, scope: Scope, files: Sequence[WholeFile]) -> list[ReceivedFile | CalotypeError]:
        """Check and store small files that are wholly in memory, together; what is wrong with one is its outcome alone."""
        outcomes: list[ReceivedFile | CalotypeError] = []
        checked = [await self._check_whole(file) for file in files]
        keys = [original_key(scope.tenant_id, file.id, file.filename) for file in files]
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
                received = ReceivedFile(
                    file.id, scope.tenant_id, key, file.filename, media, stored.size, stored.checksum, fault
                )
                outcomes.append(await self._looked_into_or_refused(received))
            else:
                outcomes.append(stored)
        return outcomes

    async def _looked_into_or_refused(self, received: ReceivedFile) -> ReceivedFile | CalotypeError:
        try:
            return await self._looked_into(received)
        except CalotypeError as error:
            await self.discard(received)
            return error

    async def _check_whole(self, file: WholeFile) -> tuple[MediaType, str | None] | CalotypeError:
        """What a file is, and what is wrong with it where that is only noted."""
        data = file.data
        try:
            media = self._accepted(data[:SNIFF_BYTES], file.filename, file.declared)
            self._limits.check_size(len(data), media)
            text = _text_check(media)
            text.accepts(data)
            text.finish()
            fault = None
            if media.media_type == IMAGE:
                await self._pictures.check_head(data, len(data), media)
                fault = await self._pictures.fault_of(data, media) if self._pictures.looks_through else None
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

    def _accepted(self, head: bytes, filename: str, declared: str | None) -> MediaType:
        media = sniffed(head, filename, declared)
        if not self._limits.accepts(media):
            said = why_unsupported(head, filename) or f"{media.content_type} files are not accepted here"
            raise Unsupported(said, content_type=media.content_type)
        return media

    async def discard(self, received: ReceivedFile) -> None:
        """Remove the object of a file that will get no row; what cannot be removed now is left to the sweep."""
        await leftovers.remove(self._store, [received.object_key])


class _AnyBytes:
    """What any bytes pass."""

    def accepts(self, chunk: bytes) -> None:
        """Accept some bytes."""

    def finish(self) -> None:
        """Accept the end."""


def _text_check(media: MediaType) -> TextCheck | _AnyBytes:
    """What the bytes of a file have to pass as they arrive: those of text no sign at their beginning vouches for."""
    return TextCheck() if media in {PLAIN_TEXT, MARKDOWN} else _AnyBytes()


def sniffed(head: bytes, filename: str = "", declared: str | None = None) -> MediaType:
    """The kind of file some first bytes are; of plain text its name or the type its sender declared tells that it is.

    Raises EmptyFile, and Unsupported for what is of no known kind.
    """
    if not head:
        raise EmptyFile("The file is empty", field="file")
    media = sniff(head)
    if media is None or media.media_type == DOCUMENT:
        media = sniff_document(head, filename, declared) or media
    if media is None:
        raise Unsupported(why_unsupported(head, filename) or "The content of this file is of no supported type")
    return media
