"""Listing, reading, changing and deleting files."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from calotype.web.apis.files.wire.link import ExtractedImages, OpenGraphData
from calotype.web.apis.files.wire.video_metadata import VideoMetadata
from calotype.web.shared.wire_model import Wire
from calotype.web.shared.wire_values import (
    JsonTags,
    Multi,
    MultiUuid,
    Title,
    UniqueUuids,
    WireBool,
    WireEndTime,
    WireInt,
    WireText,
    WireTime,
)

MAX_IDS = 500
MAX_BATCH = 100
_MEDIA_TYPES = ("image", "video", "document", "link")


def _known(media_types: list[str]) -> list[str]:
    if not set(media_types) <= set(_MEDIA_TYPES):
        raise PydanticCustomError("enum", "Input should be image, video, document or link")
    return media_types


MediaTypes = Annotated[Multi, AfterValidator(_known), Field(json_schema_extra={"items": {"enum": list(_MEDIA_TYPES)}})]


class ListQuery(Wire):
    """Query of the listing."""

    search: Annotated[WireText, Field(max_length=1000)] | None = None
    search_mode: Literal["all", "metadata", "visible_text"] = "all"
    tags: Multi = Field(default_factory=list)
    media_types: MediaTypes = Field(default_factory=list)
    folder_id: str | None = None
    has_description: WireBool | None = None
    ids: Annotated[MultiUuid, Field(max_length=MAX_IDS)] | None = None
    date_from: WireTime | None = None
    date_to: WireEndTime | None = None
    sort_by: Literal["created_at", "content_created_at", "title", "size_bytes"] = "content_created_at"
    sort_order: Literal["asc", "desc"] = "desc"
    limit: Annotated[WireInt, Field(ge=1, le=100)] = 20
    offset: Annotated[WireInt, Field(ge=0)] = 0
    trashed: WireBool = False


class UpdateRequest(Wire):
    """Body of PATCH; what is absent stays, null clears."""

    title: Title = None
    tags: JsonTags = ()


class BatchDeleteRequest(Wire):
    """Body of `batch-delete`."""

    file_ids: Annotated[UniqueUuids, Field(min_length=1, max_length=MAX_BATCH)]


class FileItem(Wire):
    """One file of a listing."""

    id: UUID
    title: str | None
    filename: str | None
    thumbnail_url: str | None
    upload_description: str | None
    visible_text: str | None
    tags: list[str]
    size_bytes: int
    created_at: datetime
    content_created_at: datetime | None
    has_full_description: bool
    dimensions: dict[str, int]
    format: str
    variant_status: str | None
    variant_count: int | None
    medium_url: str | None
    full_url: str | None
    blur_hash: str | None
    description_status: str | None
    description_error: str | None
    confidence_score: float | None
    content_type: str
    media_type: str
    video_metadata: VideoMetadata | None = None
    video_analysis_status: str | None = None
    document_type: str | None = None
    source_url: str | None = None
    folder_id: UUID | None
    deleted_at: datetime | None
    variant_error: str | None


class VideoKeys(Wire):
    """What is known of a video only."""

    video_metadata: VideoMetadata | None
    video_analysis_status: str | None
    video_analysis_job_id: UUID | None
    scene_count: int
    has_audio_transcript: bool
    video_url: str


class DocumentKeys(Wire):
    """What is known of a document only."""

    document_type: str | None
    page_count: int | None
    text_extraction_status: str
    chunk_count: int | None
    document_url: str


# Further keys stand first among the bases, so that they follow the common ones in answers.
class VideoItem(VideoKeys, FileItem):
    """One video of a listing."""


class DocumentItem(DocumentKeys, FileItem):
    """One document of a listing."""


class LinkItem(FileItem):
    """One link of a listing."""

    source_url: str | None
    domain: str
    og_metadata: OpenGraphData | None
    favicon_url: str | None
    crawl_status: str
    crawl_error: str | None
    crawled_at: datetime | None
    page_title: str | None
    extracted_images: ExtractedImages | None
    extracted_images_count: int


class FileList(Wire):
    """A page of files."""

    files: list[VideoItem | DocumentItem | LinkItem | FileItem]
    total_count: int
    has_more: bool


class FullDescription(Wire):
    """One description of a file."""

    id: UUID
    description: str
    visible_text: str | None
    confidence_score: float | None
    providers_used: list[str]
    verification_level: str
    processing_time_ms: int | None
    created_at: datetime


class ProcessingStep(Wire):
    """One step of a file's processing."""

    id: UUID
    operation_type: str
    status: str
    created_at: datetime
    completed_at: datetime | None
    error_message: str | None


class FileDetail(Wire):
    """One file with its history."""

    id: UUID
    object_key: str
    title: str | None
    tags: list[str]
    size_bytes: int
    content_type: str
    dimensions: dict[str, int]
    format: str
    full_url: str | None
    thumbnail_url: str | None
    medium_url: str | None
    original_url: str | None
    variant_status: str | None
    variant_count: int | None
    upload_description: str | None
    visible_text: str | None
    description_generated_at: datetime | None
    full_descriptions: list[FullDescription]
    created_at: datetime
    updated_at: datetime
    content_created_at: datetime | None
    upload_method: str
    original_filename: str | None
    hash: str
    processing_history: list[ProcessingStep]
    blur_hash: str | None
    description_status: str | None
    media_type: str
    folder_id: UUID | None


class AnnotatedFileDetail(FileDetail):
    """The same of an image that a device sent, with what the device saw in it."""

    annotations: list[dict[str, Any]]


class VideoDetail(VideoKeys, FileDetail):
    """The same of a video."""


class DocumentDetail(DocumentKeys, FileDetail):
    """The same of a document."""


class LinkDetail(FileDetail):
    """The same of a link."""

    source_url: str | None
    domain: str
    og_metadata: OpenGraphData | None
    favicon_url: str | None
    page_title: str | None
    crawl_status: str
    crawl_error: str | None
    crawled_at: datetime | None
    extracted_images: ExtractedImages | None
    extracted_images_count: int


Detail = AnnotatedFileDetail | VideoDetail | DocumentDetail | LinkDetail | FileDetail


class UpdateAnswer(Wire):
    """The file after PATCH."""

    id: UUID
    title: str | None
    tags: list[str]
    updated_at: datetime


class DeleteAnswer(Wire):
    """The file after DELETE."""

    id: UUID
    deleted_at: datetime
    message: Literal["File deleted successfully"] = "File deleted successfully"


class RestoreAnswer(Wire):
    """The file after its restoration."""

    id: UUID
    restored_at: datetime
    message: Literal["File restored successfully"] = "File restored successfully"


class BatchDeleteItem(Wire):
    """What became of one file of a batch."""

    id: UUID
    status: Literal["deleted", "skipped", "failed"]
    message: str | None
    deleted_at: datetime | None


class BatchDeleteSummary(Wire):
    """The batch in numbers."""

    total: int
    deleted: int
    skipped: int
    failed: int


class BatchDeleteAnswer(Wire):
    """What became of a batch."""

    deleted: list[BatchDeleteItem]
    skipped: list[BatchDeleteItem]
    failed: list[BatchDeleteItem]
    summary: BatchDeleteSummary


class TriggerAnswer(Wire):
    """A run of variant generation that was queued now."""

    success: Literal[True] = True
    message: str = "Variant generation triggered"
    task_id: str
    current_status: str
    image_id: UUID


class RunningTriggerAnswer(TriggerAnswer):
    """A run that was under way already."""

    message: str = "Variant generation already in progress"
    skipped_duplicate: Literal[True] = True
