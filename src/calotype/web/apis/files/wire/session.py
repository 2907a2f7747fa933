"""Upload sessions."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from calotype.web.apis.files.wire.batch import Ended
from calotype.web.shared.wire_model import Wire
from calotype.web.shared.wire_values import WireBool, WireInt

# ---------------------------------------------------------------- requests


class ResultsQuery(Wire):
    """Query of a session's results."""

    include_failed: WireBool = True
    offset: Annotated[WireInt, Field(ge=0)] = 0
    limit: Annotated[WireInt, Field(ge=1, le=500)] = 100


class SessionsQuery(Wire):
    """Query of the list of sessions."""

    status: Literal["pending", "uploading", "processing", "completed", "failed", "expired", "cancelled"] | None = None
    upload_method: Literal["streaming", "presigned"] | None = None
    limit: Annotated[WireInt, Field(ge=1, le=100)] = 20
    offset: Annotated[WireInt, Field(ge=0)] = 0


# ----------------------------------------------------------------- answers


class RecentCompletion(Wire):
    """One of the files that ended last."""

    filename: str
    image_id: UUID
    status: Ended
    description: str | None
    processing_time_ms: float | None
    error_message: str | None


class RecentError(Wire):
    """One of the files that failed last."""

    filename: str
    index: int
    error: str
    retryable: bool


class SessionAnswer(Wire):
    """Where a session stands; also the `data` of its WebSocket frames."""

    session_id: UUID
    status: str
    total_files: int
    completed_files: int
    failed_files: int
    skipped_files: int
    pending_files: int
    progress_percentage: float
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    estimated_completion_time: datetime | None
    recent_completions: list[RecentCompletion]
    recent_errors: list[RecentError]
    results_url: str
    websocket_channel: str


class SessionResult(Wire):
    """One file that has ended."""

    image_id: UUID
    filename: str
    object_key: str
    status: Ended
    description: str | None
    visible_text: str | None
    tags: list[str]
    processing_time_ms: float | None
    error_message: str | None
    thumbnail_url: str | None
    created_at: datetime


class ResultsSummary(Wire):
    """A session in numbers."""

    total_files: int
    completed: int
    failed: int
    skipped: int


class ResultsAnswer(Wire):
    """A page of a session's results."""

    session_id: UUID
    results: list[SessionResult]
    total_count: int
    offset: int
    limit: int
    has_more: bool
    summary: ResultsSummary


class SessionItem(Wire):
    """One session of a list."""

    session_id: UUID
    status: str
    upload_method: Literal["streaming"] = "streaming"
    total_files: int
    completed_files: int
    failed_files: int
    skipped_files: int
    progress_percentage: float
    created_at: datetime
    completed_at: datetime | None


class SessionList(Wire):
    """A page of sessions."""

    sessions: list[SessionItem]
    total_count: int
    offset: int
    limit: int
    has_more: bool


class Frame(Wire):
    """One WebSocket frame of the server."""

    channel: str | None
    event: str
    data: SessionAnswer | dict[str, str]
