"""Between documents and the Files API's models: pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from calotype.domain.asset import Asset, State
from calotype.domain.document import (
    DocumentChunk,
    DocumentChunks,
    DocumentPage,
    DocumentText,
    LibraryDocument,
)
from calotype.domain.document_search import FoundChunk
from calotype.domain.listing import Window
from calotype.web.apis.files.wire import document as wire

_FARTHEST = 2**62  # what a database takes for an offset


def window_from_wire(query: wire.ListQuery) -> Window:
    """Which part of the list a page is."""
    return Window(query.page_size, min(_FARTHEST, (query.page - 1) * query.page_size))


def state_from_wire(word: str | None) -> State | None:
    """The state of extraction a word stands for; None for all."""
    return State(word) if word else None


def document_keys(found: LibraryDocument, url: str) -> dict[str, Any]:
    """The keys that a file has only if it is a document, and those whose value only a document has; `url` leads to its bytes."""
    return {
        "document_type": found.asset.format,
        "page_count": found.document.page_count,
        "text_extraction_status": text_status(found.asset),
        "chunk_count": found.document.chunk_count,
        "document_url": url,
    }


def text_status(asset: Asset) -> str | None:
    """The state of an asset's text in the wire's words."""
    return asset.text_status.value if asset.text_status else None


def info_to_wire(found: LibraryDocument) -> wire.DocumentInfo:
    """One document."""
    asset, document = found.asset, found.document
    return wire.DocumentInfo(
        id=asset.id,
        filename=asset.original_filename,
        content_type=asset.content_type,
        size_bytes=asset.size_bytes,
        page_count=document.page_count,
        chunk_count=document.chunk_count,
        extraction_status=text_status(asset),
        text_extraction_status=text_status(asset),
        created_at=asset.created_at,
    )


def page_to_wire(found: DocumentPage, query: wire.ListQuery) -> wire.DocumentList:
    """A page of documents."""
    return wire.DocumentList(
        documents=[info_to_wire(document) for document in found.documents],
        total_count=found.total_count,
        page=query.page,
        page_size=query.page_size,
        has_more=query.page * query.page_size < found.total_count,
    )


def text_to_wire(found: DocumentText) -> wire.DocumentTextAnswer:
    """A document's text, with what the file says of itself and what of it could not be read."""
    document = found.document.document
    note = {"note": document.note} if document.note else {}
    return wire.DocumentTextAnswer(
        document_id=found.document.asset.id,
        filename=found.document.asset.original_filename,
        text=found.text,
        page_count=document.page_count,
        metadata={**document.properties, **note} or None,
    )


def chunks_to_wire(found: DocumentChunks, *, with_vectors: bool) -> wire.ChunkList:
    """The chunks of a document."""
    asset = found.document.asset
    chunks = [
        chunk_to_wire(chunk, asset, vector=found.vectors.get(chunk.chunk.index) if with_vectors else None)
        for chunk in found.chunks
    ]
    return wire.ChunkList(
        document_id=asset.id,
        chunks=chunks,
        total_chunks=len(chunks),
        status_counts=wire.StatusCounts(completed=len(chunks), pending=0, failed=0),
    )


def chunk_to_wire(
    found: DocumentChunk, asset: Asset, *, score: float | None = None, vector: Sequence[float] | None = None
) -> wire.ChunkItem:
    """One chunk of a document, with its score where it was found."""
    chunk = found.chunk
    metadata: dict[str, Any] = {"token_count": chunk.word_count, "chunk_type": chunk.kind.value}
    if vector is not None:
        metadata["embedding"] = list(vector)
    return wire.ChunkItem(
        chunk_id=str(found.id),
        document_id=str(found.asset_id),
        document_filename=asset.original_filename,
        chunk_index=chunk.index,
        content=chunk.content,
        page_numbers=list(chunk.page_numbers) if chunk.page_numbers is not None else None,
        heading_hierarchy=list(chunk.headings),
        similarity_score=score,
        metadata=metadata,
    )


def found_to_wire(query: str, found: Sequence[FoundChunk], milliseconds: int) -> wire.SearchAnswer:
    """The chunks that fit a question, best first."""
    results = [chunk_to_wire(hit.chunk, hit.asset, score=hit.score) for hit in found]
    return wire.SearchAnswer(query=query, results=results, total_count=len(results), search_time_ms=milliseconds)
