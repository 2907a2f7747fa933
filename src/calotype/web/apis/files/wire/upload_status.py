"""How far single uploads are."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from calotype.web.shared.wire_model import Wire
from calotype.web.shared.wire_values import WireInt


class StuckQuery(Wire):
    """Query of the stuck uploads."""

    stuck_minutes: Annotated[WireInt, Field(ge=1, le=5_000_000)] = 30
    limit: Annotated[WireInt, Field(ge=1, le=500)] = 100


class ComponentStatuses(Wire):
    """The parts of an upload; null for parts it does not have."""

    upload_status: str
    variant_status: str | None
    description_status: str | None
    upload_intent_status: str | None
    task_intent_status: None = None


class UploadStatusAnswer(Wire):
    """One upload."""

    image_id: UUID
    tenant_id: UUID
    batch_id: UUID | None
    unified_status: str
    component_statuses: ComponentStatuses
    task_intent_ids: list[str]
    error_message: str | None
    last_error_at: datetime | None
    created_at: datetime | None
    last_updated_at: datetime | None
    completed_at: datetime | None
    retry_count: int
    processing_duration_seconds: float | None
    is_stuck: bool
    is_terminal: bool


class StuckAnswer(Wire):
    """Uploads nothing happens to any more."""

    stuck_count: int
    images: list[UploadStatusAnswer]
