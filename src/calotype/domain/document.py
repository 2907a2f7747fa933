"""A document: what is read in it, and the chunks its text is searched by."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from calotype.domain.asset import Asset
from calotype.domain.picture import MediaType

DOCUMENT = "document"
"""The media type of the assets that are documents."""

PDF = MediaType(DOCUMENT, "application/pdf", "pdf")
DOCX = MediaType(DOCUMENT, "application/vnd.openxmlformats-officedocument.wordprocessingml.document", "docx")
PLAIN_TEXT = MediaType(DOCUMENT, "text/plain", "txt")
MARKDOWN = MediaType(DOCUMENT, "text/markdown", "md")
DOCUMENT_FORMATS = frozenset({"pdf", "docx", "txt", "md"})


def document_type(media: MediaType) -> str | None:
    """The format of a document; None of what is none."""
    return media.format if media.media_type == DOCUMENT else None


class BlockKind(enum.StrEnum):
    """What a piece of a document's text is."""

    HEADING = "heading"
    PARAGRAPH = "paragraph"
    LIST = "list"
    TABLE = "table"
    CODE = "code"


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of text as it stands in a document: never empty, without NUL, lines parted by newlines.

    `level` is that of a heading, from 1; `page` the number of the page it begins on, from 1, None where pages are not known.
    """

    kind: BlockKind
    text: str
    level: int | None = None
    page: int | None = None


@dataclass(frozen=True, slots=True)
class ReadDocument:
    """What was read in a file.

    `page_count` is None where the format knows no pages. `pages_to_read` are those, by number from 1, whose text is in their
    picture only. `properties` are what the file says of itself (title, author, subject, keywords, created_at, modified_at,
    language), those it has. `notes` say in sentences what could not be read although the rest could. `encoding` is that of plain
    text. `picture` is the first page as PNG or JPEG, None where none can be drawn.
    """

    blocks: tuple[Block, ...]
    page_count: int | None = None
    pages_to_read: tuple[int, ...] = ()
    properties: Mapping[str, str] | None = None
    notes: tuple[str, ...] = ()
    encoding: str | None = None
    picture: bytes | None = None


@dataclass(frozen=True, slots=True)
class Chunk:
    """A passage of a document, by which it is searched; `index` counts from 0, pages and heading levels from 1.

    `headings` are those it stands under, the highest first. `page_numbers` are None where pages are not known.
    """

    index: int
    content: str
    page_numbers: tuple[int, ...] | None
    headings: tuple[str, ...]
    kind: BlockKind
    word_count: int


@dataclass(frozen=True, slots=True)
class DocumentChunk:
    """A stored chunk of an asset."""

    id: UUID
    asset_id: UUID
    chunk: Chunk
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Document:
    """One document's row beside its asset; `note` says what of it could not be read although the rest could."""

    asset_id: UUID
    page_count: int | None
    chunk_count: int | None
    properties: Mapping[str, str]
    note: str | None


@dataclass(frozen=True, slots=True)
class LibraryDocument:
    """A document of the library with its asset."""

    asset: Asset
    document: Document


@dataclass(frozen=True, slots=True)
class DocumentPage:
    """One window of the documents of a scope, newest first, and how many there are."""

    documents: tuple[LibraryDocument, ...]
    total_count: int


@dataclass(frozen=True, slots=True)
class DocumentText:
    """A document with all of its text."""

    document: LibraryDocument
    text: str


@dataclass(frozen=True, slots=True)
class DocumentChunks:
    """A document with its chunks in their order, and vectors by the chunk's number where they were asked for."""

    document: LibraryDocument
    chunks: tuple[DocumentChunk, ...]
    vectors: Mapping[int, Sequence[float]]
