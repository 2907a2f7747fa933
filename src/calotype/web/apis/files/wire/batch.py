"""Batch uploads."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from calotype.web.shared.wire_model import Wire
from calotype.web.shared.wire_values import FormTags, WireBool, WireText

Ended = Literal["completed", "failed", "skipped"]
"""What can have become of an accepted file."""


class BatchForm(Wire):
    """Text fields of `upload/stream-batch`."""

    auto_describe: WireBool = True
    skip_duplicates: WireBool = False
    tags: FormTags = ()
    storage_target: Literal["default", "custom"] = "default"
    intent: Literal["describe", "verify", "rules"] | None = None
    verification_level: Annotated[WireText, Field(max_length=50)] | None = None


class BatchItem(Wire):
    """One accepted file."""

    image_id: UUID
    filename: str
    object_key: str
    status: Ended
    processing_time_ms: float | None
    skipped: bool
    skipped_existing_image_id: UUID | None
    error: str | None
    storage_target: str
    media_type: str | None
    document_type: str | None
    text_extraction_status: str | None


class Rejection(Wire):
    """One file that was refused before it was stored."""

    filename: str
    index: int
    reason: str
    retryable: bool


class BatchAnswer(Wire):
    """What became of a batch, as far as storing goes."""

    session_id: UUID
    total_files: int
    accepted_files: int
    rejected_files: int
    status: Literal["completed", "partial", "failed", "rejected"]
    immediate_results: list[BatchItem] | None
    status_url: str
    websocket_channel: str
    rejections: list[Rejection] | None
