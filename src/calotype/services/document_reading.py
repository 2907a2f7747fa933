"""Reading documents: their text in limited child processes, that of scanned pages by what can be seen on them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import structlog

from calotype.documents.pdf import draw_page
from calotype.documents.read import read_document
from calotype.domain.asset import Asset
from calotype.domain.description import TextReading
from calotype.domain.document import Block, BlockKind, ReadDocument
from calotype.domain.errors import SandboxFailure, UndecodableDocument, UndecodablePicture
from calotype.sandbox.pool import Sandbox
from calotype.services.attempts import try_again
from calotype.services.document_words import DocumentWords, words_of
from calotype.storage.store import ObjectStore

PICTURE_SIDE = 1024
"""The longer side of the picture of a first page, in pixels: that of the largest variant."""

_SCANNED_SIDE = 2000  # pixels of the longer side of a page whose text is read from its picture: 170 dots an inch of A4
_MOST_UNREAD_SHOWN = 10
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class DocumentLimits:
    """What reading one document may take.

    The most characters and pages that are read, the most scanned pages whose text is read from their pictures (0: none), and the
    seconds that the whole document, and one scanned page, may take.
    """

    max_characters: int
    max_pages: int
    max_scanned_pages: int
    timeout: float
    page_timeout: float


class DocumentReader:
    """Runs in workers; stores nothing."""

    def __init__(self, store: ObjectStore, documents: Sandbox, texts: Sandbox, limits: DocumentLimits) -> None:
        self._store = store
        self._documents = documents
        self._texts = texts
        self._limits = limits

    async def read(self, asset: Asset) -> ReadDocument:
        """Read one document. Raises UndecodableDocument, NotFound, Unavailable, SandboxFailure."""
        limits = self._limits
        async with self._store.local_path(asset.object_key) as path:
            found: ReadDocument = await try_again(
                lambda: self._documents.run(
                    read_document,
                    str(path),
                    asset.format,
                    max_characters=limits.max_characters,
                    max_pages=limits.max_pages,
                    picture_side=PICTURE_SIDE,
                    timeout=limits.timeout,
                ),
                is_long=True,
            )
            return await self._with_scans(asset, path, found) if found.pages_to_read else found

    async def words(self, asset: Asset, read: ReadDocument) -> DocumentWords:
        """Prepare what was read to be stored. Raises SandboxFailure and Unavailable."""
        made: DocumentWords = await try_again(
            lambda: self._documents.run(words_of, read.blocks, asset.original_filename, timeout=self._limits.timeout)
        )
        return made

    async def _with_scans(self, asset: Asset, path: Path, found: ReadDocument) -> ReadDocument:
        """What was read, with the text of its scanned pages in its place."""
        wanted = found.pages_to_read[: self._limits.max_scanned_pages]
        notes = list(found.notes)
        left_out = len(found.pages_to_read) - len(wanted)
        if left_out:
            notes.append(f"The text of {left_out} scanned pages was not read")
        seen: list[Block] = []
        failed: list[int] = []
        for number in wanted:
            try:
                text = await self._read_scan(path, number)
            except (SandboxFailure, UndecodableDocument, UndecodablePicture) as error:
                if error.context.get("reason") == "start":
                    raise
                _log.warning("page not read", asset_id=str(asset.id), page=number, reason=error.message)
                failed.append(number)
                continue
            if text:
                seen.append(Block(BlockKind.PARAGRAPH, text, page=number))
        if failed:
            notes.append(_unread(failed))
        # Sorting is stable, so that what a scanned page has of its own text comes first.
        blocks = sorted([*found.blocks, *seen], key=lambda block: block.page or 0)
        return replace(found, blocks=tuple(blocks), notes=tuple(notes))

    async def _read_scan(self, path: Path, number: int) -> str:
        from calotype.ai.rapidocr_reader import read_text

        timeout = self._limits.page_timeout
        drawn: bytes = await try_again(
            lambda: self._documents.run(draw_page, str(path), number, longest_side=_SCANNED_SIDE, timeout=timeout)
        )
        reading: TextReading = await try_again(lambda: self._texts.run(read_text, drawn, careful=True, timeout=timeout))
        return reading.text


def _unread(numbers: list[int]) -> str:
    shown = ", ".join(str(number) for number in numbers[:_MOST_UNREAD_SHOWN])
    more = f" and {len(numbers) - _MOST_UNREAD_SHOWN} more" if len(numbers) > _MOST_UNREAD_SHOWN else ""
    return f"The text of these scanned pages could not be read: {shown}{more}"
