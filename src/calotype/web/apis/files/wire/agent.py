"""Searching for programs that act for people."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from calotype.web.shared.wire_model import Wire
from calotype.web.shared.wire_values import MAX_WORDS, JsonInt, ManyUuids, WireText, WireUuid

DocumentType = Literal["pdf", "docx", "txt", "md"]
Mode = Literal["text", "vector", "hybrid", "browse"]


class SearchRequest(Wire):
    """What the bodies of all searches have."""

    query: Annotated[WireText, Field(min_length=1, max_length=2000, pattern=r"\S")]
    limit: Annotated[JsonInt, Field(ge=1, le=500)] = 50


class ImageRequest(SearchRequest):
    """Body of the search of images."""

    folder_id: WireUuid | None = None
    image_ids: ManyUuids | None = None


class DocumentRequest(SearchRequest):
    """Body of the search of documents."""

    document_types: Annotated[list[DocumentType], Field(max_length=MAX_WORDS)] | None = None
    document_ids: ManyUuids | None = None


class VideoRequest(SearchRequest):
    """Body of the search of videos."""

    folder_id: WireUuid | None = None
    video_ids: ManyUuids | None = None


class ResultRef(Wire):
    """What a number of a summary counts."""

    count: int
    ids: list[str]
    image_ids: list[str]
    id_type: Literal["image", "document", "chunk", "video", "link"]
    label: str


class Answer(Wire):
    """What all answers have beside their results."""

    success: Literal[True] = True
    count: int
    summary: str
    summary_raw: str
    result_refs: dict[str, ResultRef]
    search_strategy: dict[str, Any] | None
    execution_time_ms: int
    iterations: int = 1
    token_usage: None = None


class ImageResult(Wire):
    """One image."""

    image_id: str
    score: float
    filename: str | None
    title: str | None
    description: str | None
    folder_id: str | None
    thumbnail_url: str | None
    features: list[dict[str, Any]] | None


class ImageAnswer(Answer):
    """The images that fit."""

    results: list[ImageResult]
    result_ids: list[str]


class ChunkResult(Wire):
    """One passage of a document."""

    chunk_id: str
    document_id: str
    document_filename: str
    text: str
    score: float
    page_numbers: list[int] | None
    chunk_index: int | None


class DocumentAnswer(Answer):
    """The passages that fit."""

    results: list[ChunkResult]
    chunk_ids: list[str]
    document_ids: list[str]
    search_mode: Mode


class MatchedScene(Wire):
    """A scene that fits; times in seconds."""

    scene_id: UUID
    scene_index: int
    start_time: float
    end_time: float
    time_range_formatted: str
    description: str
    tags: list[str]
    score: float
    thumbnail_url: str | None


class VideoResult(Wire):
    """One video."""

    video_id: str
    video_filename: str
    video_description: str
    duration_seconds: float | None
    resolution: str | None
    thumbnail_url: str | None
    score: float
    matched_scenes: list[MatchedScene]


class VideoAnswer(Answer):
    """The videos that fit."""

    results: list[VideoResult]
    video_ids: list[str]
    search_mode: Mode
