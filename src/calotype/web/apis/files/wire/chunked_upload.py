"""Videos uploaded in chunks."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from calotype.domain.chunked_upload import MAX_CHUNKS
from calotype.domain.values import MAX_FILENAME_LENGTH
from calotype.web.apis.files.wire.video_metadata import VideoMetadata
from calotype.web.shared.wire_model import Wire
from calotype.web.shared.wire_values import JsonBool, JsonFloat, JsonInt, JsonTags, Title, WireText, WireUuid

MAX_VIDEOS = 10
_MAX_TAGS = 20
ChunkNumber = Annotated[JsonInt, Field(ge=1, le=MAX_CHUNKS)]


class InitiateVideoRequest(Wire):
    """Body of `video-uploads/initiate`."""

    filename: Annotated[WireText, Field(min_length=1, max_length=MAX_FILENAME_LENGTH)]
    content_type: Literal["video/mp4", "video/quicktime", "video/x-m4v", "video/webm", "video/x-msvideo"]
    size_bytes: Annotated[JsonInt, Field(ge=1)]
    title: Title = None
    tags: Annotated[JsonTags, Field(max_length=_MAX_TAGS)] = ()
    metadata: dict[WireText, WireText] | None = None


class InitiateBatchRequest(Wire):
    """Body of `video-uploads/batch/initiate`; the videos are worked on in any case, unless `complete` says otherwise."""

    videos: Annotated[list[InitiateVideoRequest], Field(min_length=1, max_length=MAX_VIDEOS)]
    auto_process: JsonBool = True
    processing_priority: Literal["low", "normal", "high"] = "normal"


class ConfirmChunkRequest(Wire):
    """Body of `video-uploads/chunks/confirm`."""

    media_id: WireUuid
    upload_id: WireText
    chunk_number: ChunkNumber
    etag: WireText
    size_bytes: Annotated[JsonInt, Field(ge=1)]


class RetryChunkRequest(Wire):
    """Body of `video-uploads/chunks/retry`."""

    media_id: WireUuid
    upload_id: WireText
    chunk_number: ChunkNumber


class AbortRequest(Wire):
    """Body of `video-uploads/abort`."""

    media_id: WireUuid
    upload_id: WireText
    reason: Annotated[WireText, Field(max_length=500)] | None = None


class CompleteRequest(Wire):
    """Body of `video-uploads/complete`; the provider and the model are those of the installation, whatever is asked for."""

    media_id: WireUuid
    upload_id: WireText
    duration_seconds: Annotated[JsonFloat, Field(gt=0)]
    auto_analyze: JsonBool = True
    analysis_type: Literal["full_vlm", "frame_sample", "scene_detection", "transcript"] = "full_vlm"
    duration_extraction_failed: JsonBool = False
    analysis_provider: WireText | None = None
    analysis_model: WireText | None = None


class ChunkItem(Wire):
    """Where one chunk is put."""

    chunk_number: int
    size_bytes: int
    upload_url: str
    upload_method: Literal["PUT"] = "PUT"
    expires_at: datetime


class InitiateVideoAnswer(Wire):
    """What a client needs to send a video."""

    media_id: UUID
    upload_id: str
    chunks: list[ChunkItem]
    total_chunks: int
    chunk_size_bytes: int
    expires_at: datetime
    storage_path: str
    concurrent_upload_limit: int
    retry_attempts: int


class InitiateBatchAnswer(Wire):
    """The same for several videos, in the order sent."""

    batch_id: UUID
    videos: list[InitiateVideoAnswer]
    total_videos: int
    total_size_bytes: int
    estimated_time_seconds: float
    processing_priority: str


class ConfirmChunkAnswer(Wire):
    """A confirmed chunk, and how far its upload is."""

    chunk_number: int
    status: Literal["completed"] = "completed"
    chunks_completed: int
    total_chunks: int
    progress_percent: float
    estimated_time_remaining: int | None


class RetryChunkAnswer(Wire):
    """A target for a chunk that went wrong."""

    chunk_number: int
    upload_url: str
    expires_at: datetime
    retry_attempt: int
    max_retries: int


class ProgressAnswer(Wire):
    """How far an upload is."""

    media_id: UUID
    upload_id: str
    status: Literal["uploading", "processing", "completed", "failed", "aborted"]
    chunks_completed: int
    total_chunks: int
    bytes_uploaded: int
    total_bytes: int
    progress_percent: float
    estimated_time_remaining: int | None
    current_chunk: int | None
    failed_chunks: list[int]
    last_updated: datetime


class AbortAnswer(Wire):
    """An aborted upload."""

    media_id: UUID
    status: Literal["aborted"] = "aborted"
    cleaned_up: bool
    chunks_removed: int
    s3_cleanup: bool


class CompleteAnswer(Wire):
    """The video an upload became."""

    media_id: UUID
    status: Literal["completed"] = "completed"
    metadata: VideoMetadata
    thumbnail_url: str | None = None
    video_url: str
    analysis_job_id: UUID | None
    processing_status: Literal["pending", "queued", "processing", "completed", "failed"]
    created_at: datetime
