"""Videos, their scenes, and what is being done with them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from calotype.web.shared.wire_model import Wire
from calotype.web.shared.wire_values import WireText, WireUuid

AnalysisType = Literal["full_vlm", "frame_sample", "scene_detection", "transcript"]
Priority = Literal["low", "normal", "high"]


class AnalysisJob(Wire):
    """One analysis of a video."""

    analysis_job_id: UUID
    media_id: UUID
    status: str
    progress_percent: int
    current_step: str | None
    started_at: datetime | None
    completed_at: datetime | None
    error_message: str | None
    error_code: str | None
    retry_count: int
    max_retries: int
    estimated_completion_time: datetime | None


class RetryRequest(Wire):
    """Body of a retry."""

    media_id: WireUuid
    reason: Annotated[WireText, Field(max_length=500)] | None = None


class RetryAnswer(Wire):
    """An analysis that was begun again."""

    analysis_job_id: UUID
    media_id: UUID
    status: str
    retry_count: int
    max_retries: int
    message: str


class QueueRequest(Wire):
    """Body of `video-analysis/queue`."""

    media_id: WireUuid
    analysis_type: AnalysisType = "full_vlm"
    priority: Priority = "normal"


class QueueAnswer(Wire):
    """An analysis that was asked for."""

    analysis_job_id: UUID
    media_id: UUID
    queue_position: int
    estimated_start_time: datetime | None
    message: str


class Scene(Wire):
    """One scene of a video, its times in seconds."""

    scene_id: UUID
    scene_index: int
    start_time: float
    end_time: float
    time_range_formatted: str
    description: str
    tags: list[str]
    visible_text: str | None
    confidence_score: float | None
    embedding_status: Literal["pending", "completed"]
    thumbnail_url: str | None
    created_at: datetime | None


class Scenes(Wire):
    """The scenes of a video in their order."""

    video_id: UUID
    count: int
    scenes: list[Scene]
