"""Exports: a batch as a ZIP file that is sent while it is made, in the formats that training tools load."""

from __future__ import annotations

import asyncio
import tempfile
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from uuid import UUID

import structlog

from calotype.db.engine import Database
from calotype.db.export import select_batch_contents, select_export_sources
from calotype.domain.errors import NotFound, Refused
from calotype.domain.export import (
    IMAGES,
    BatchContents,
    Document,
    ExportedImage,
    ExportedPicture,
    ExportFormat,
    ExportSource,
    Labels,
    Listing,
    export_format,
    file_name,
    missing_text,
)
from calotype.domain.export_coco import CocoLabels
from calotype.domain.export_jsonl import JsonLines
from calotype.domain.export_yolo import YoloLabels
from calotype.domain.scope import Scope
from calotype.services.export_picture import MissingPicture, OpenedPicture, PictureSource
from calotype.services.zip_stream import ZipStream

MOST_CLASSES = 50_000
_PAGE = 10  # images; each may have a megabyte of annotations
_AHEAD = 3  # pictures that are opened while one is sent
_LABELS: dict[ExportFormat, type[Labels]] = {
    ExportFormat.COCO: CocoLabels,
    ExportFormat.YOLO: YoloLabels,
    ExportFormat.JSONL: JsonLines,
}
_log = structlog.get_logger(__name__)
T = TypeVar("T")


class ExportService:
    """Sends batches; what is asked of the database is asked in short statements while the client takes its time."""

    def __init__(self, database: Database, pictures: PictureSource) -> None:
        self._database = database
        self._pictures = pictures

    async def export(
        self, scope: Scope, batch_id: UUID, format_name: str, *, tell: Callable[[int, int], None] | None = None
    ) -> tuple[str, AsyncGenerator[bytes, None]]:
        """What to call the file, and its bytes, for what is in the batch at this moment.

        `tell` is called with the number of pictures that have been sent, and of all, as the file grows.
        Images whose original is missing are left out and named in `missing.txt`. Whatever else goes wrong while the bytes are
        made is raised, and the file breaks off without its directory, so that nobody takes it for whole. Raises, before the
        first byte, InvalidInput for an unknown format, NotFound for an unknown batch, and Refused for more than 50,000 classes.
        """
        wanted = export_format(format_name)
        async with self._database.snapshot() as connection:
            contents = await select_batch_contents(connection, scope, batch_id, MOST_CLASSES)
        if contents is None:
            raise NotFound("Batch not found")
        if wanted is not ExportFormat.JSONL and len({name for name, _ in contents.seen}) > MOST_CLASSES:
            raise Refused(f"The batch has more than {MOST_CLASSES} classes; only jsonl can hold them", field="format")
        run = _Run(self._database, self._pictures, scope, contents, _LABELS[wanted](contents))
        # In the other formats pixels on disk must be those that the labels are of, whatever reads them.
        stream = run.stream(turns=wanted is not ExportFormat.JSONL, tell=tell or _tell_nobody)
        return f"batch_{batch_id}_{wanted}.zip", stream


@dataclass(frozen=True, slots=True)
class _Numbered:
    """A picture about to be sent, with its number in the batch."""

    number: int
    source: ExportSource
    opened: OpenedPicture | MissingPicture


class _Run:
    """One export under way."""

    def __init__(
        self, database: Database, pictures: PictureSource, scope: Scope, contents: BatchContents, labels: Labels
    ) -> None:
        self._database = database
        self._pictures = pictures
        self._scope = scope
        self._contents = contents
        self._labels = labels
        self._zip = ZipStream()
        self._sent: list[ExportedPicture] = []
        self._missing: list[tuple[str, UUID, str]] = []

    async def stream(self, *, turns: bool, tell: Callable[[int, int], None]) -> AsyncGenerator[bytes, None]:
        """All of the file; the pictures first, since only then is it known which of them there are."""
        modified = self._contents.modified_at
        with tempfile.TemporaryDirectory(prefix="calotype-export-", ignore_cleanup_errors=True) as folder:
            async with aclosing(self._opened(Path(folder) if turns else None)) as pictures:
                async for picture in pictures:
                    async with aclosing(self._picture(picture)) as chunks:
                        async for chunk in chunks:
                            yield chunk
                    tell(picture.number, len(self._contents.image_ids))
        for document in self._labels.documents():
            async with aclosing(self._document(document)) as chunks:
                async for chunk in chunks:
                    yield chunk
        if self._missing:
            yield await self._zip.whole("missing.txt", modified, missing_text(self._missing).encode("ascii"))
        yield await self._zip.end()

    async def _opened(self, folder: Path | None) -> AsyncGenerator[_Numbered, None]:
        """All pictures in their order, some of them being opened while one is sent."""
        waiting: deque[asyncio.Task[_Numbered]] = deque()

        async def open_one(number: int, source: ExportSource) -> _Numbered:
            return _Numbered(number, source, await self._pictures.open(source, folder))

        numbers = {asset_id: number for number, asset_id in enumerate(self._contents.image_ids, 1)}
        try:
            for ids in _pages(self._contents.image_ids):
                for source in await self._read(self._scope, ids):
                    number = numbers[source.image.asset_id]
                    waiting.append(asyncio.create_task(open_one(number, source)))
                    if len(waiting) > _AHEAD:
                        yield await waiting.popleft()
            while waiting:
                yield await waiting.popleft()
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

    async def _picture(self, picture: _Numbered) -> AsyncGenerator[bytes, None]:
        image, opened = picture.source.image, picture.opened
        name = file_name(image.asset_id, image.filename, picture.source.format)
        if isinstance(opened, MissingPicture):
            _log.warning("picture not exported", asset_id=str(image.asset_id), reason=opened.reason)
            self._missing.append((name, image.asset_id, opened.reason))
            return
        chunks = self._pictures.chunks(opened)
        async with aclosing(self._zip.stored(IMAGES + name, opened.size, image.created_at, chunks)) as pieces:
            async for piece in pieces:
                yield piece
        upright = opened.upright
        sent = ExportedPicture(
            picture.number, image.asset_id, name, upright.width, upright.height, upright.orientation, opened.is_turned
        )
        self._sent.append(sent)
        beside = await asyncio.to_thread(self._labels.beside, ExportedImage(sent, picture.source))
        if beside is not None:
            yield await self._zip.whole(beside[0], image.created_at, beside[1].encode("ascii"))

    async def _document(self, document: Document) -> AsyncGenerator[bytes, None]:
        modified = self._contents.modified_at
        if not any(isinstance(part, Listing) for part in document.parts):
            text = "".join(part for part in document.parts if isinstance(part, str))
            yield await self._zip.whole(document.name, modified, text.encode("ascii"))
            return
        async with aclosing(self._zip.deflated(document.name, modified, self._texts(document))) as pieces:
            async for piece in pieces:
                yield piece

    async def _texts(self, document: Document) -> AsyncGenerator[bytes, None]:
        for part in document.parts:
            if isinstance(part, str):
                yield part.encode("ascii")
                continue
            between = ""
            async with aclosing(self._images()) as pages:
                async for images in pages:
                    if text := await asyncio.to_thread(_format, part, images):
                        yield (between + text).encode("ascii")
                        between = part.separator

    async def _images(self) -> AsyncGenerator[list[ExportedImage], None]:
        """The pictures that were sent, with what was said of them, a page at a time."""
        # One that was put into the trash meanwhile was sent all the same, and must keep its labels.
        scope = self._scope.any()
        for pictures in _pages(self._sent):
            sources = await self._read(scope, [picture.asset_id for picture in pictures])
            if len(sources) != len(pictures):
                raise NotFound("An image was deleted for good while its batch was exported")
            yield [ExportedImage(picture, source) for picture, source in zip(pictures, sources, strict=True)]

    async def _read(self, scope: Scope, ids: Sequence[UUID]) -> list[ExportSource]:
        async with self._database.read() as connection:
            return await select_export_sources(connection, scope, ids)


def _tell_nobody(_done: int, _total: int) -> None:
    """For exports that nobody watches."""


def _pages(items: Sequence[T]) -> list[Sequence[T]]:
    return [items[first : first + _PAGE] for first in range(0, len(items), _PAGE)]


def _format(listing: Listing, images: Sequence[ExportedImage]) -> str:
    return listing.separator.join(entry for image in images for entry in listing.entries(image))
