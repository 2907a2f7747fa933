"""Documents."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from calotype.web.shared.wire_model import Wire
from calotype.web.shared.wire_values import JsonFloat, JsonInt, ManyUuids, UniqueUuids, WireBool, WireInt, WireText

MAX_BATCH = 100


class ListQuery(Wire):
    """Query of the list of documents."""

    page: Annotated[WireInt, Field(ge=1)] = 1
    page_size: Annotated[WireInt, Field(ge=1, le=100)] = 20
    status_filter: Literal["pending", "processing", "completed", "failed"] | None = None


class ChunksQuery(Wire):
    """Query of the chunks of a document."""

    include_embeddings: WireBool = False


class SearchRequest(Wire):
    """Body of the search of chunks."""

    query: Annotated[WireText, Field(min_length=1, max_length=1000, pattern=r"\S")]
    limit: Annotated[JsonInt, Field(ge=1, le=100)] = 20
    similarity_threshold: Annotated[JsonFloat, Field(ge=0, le=1)] = 0.3
    document_ids: ManyUuids | None = None


class BatchDeleteRequest(Wire):
    """Body of `documents/batch-delete`."""

    document_ids: Annotated[UniqueUuids, Field(min_length=1, max_length=MAX_BATCH)]


class DocumentInfo(Wire):
    """One document."""

    id: UUID
    filename: str
    content_type: str | None
    size_bytes: int | None
    page_count: int | None
    chunk_count: int | None
    extraction_status: str | None
    text_extraction_status: str | None
    created_at: datetime


class DocumentList(Wire):
    """A page of documents."""

    documents: list[DocumentInfo]
    total_count: int
    page: int
    page_size: int
    has_more: bool


class DocumentTextAnswer(Wire):
    """A document's text."""

    document_id: UUID
    filename: str
    text: str
    page_count: int | None
    metadata: dict[str, Any] | None


class ChunkItem(Wire):
    """One passage of a document."""

    chunk_id: str
    document_id: str
    document_filename: str
    chunk_index: int
    content: str
    page_numbers: list[int] | None
    heading_hierarchy: list[str] | None
    similarity_score: float | None
    metadata: dict[str, Any] | None


class StatusCounts(Wire):
    """How many chunks are in each state; those of a document are stored together, so that all there are are completed."""

    completed: int
    pending: int
    failed: int


class ChunkList(Wire):
    """The chunks of a document."""

    document_id: UUID
    chunks: list[ChunkItem]
    total_chunks: int
    status_counts: StatusCounts | None


class SearchAnswer(Wire):
    """The chunks that fit a question."""

    query: str
    results: list[ChunkItem]
    total_count: int
    search_time_ms: int
