"""Uploads of single files."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from calotype.domain.values import MAX_FILENAME_LENGTH
from calotype.web.shared.wire_model import Wire
from calotype.web.shared.wire_values import FormTags, JsonInt, Title, WireBool, WireInt, WireText, WireUuid


class InitiateForm(Wire):
    """Fields of `upload/initiate`."""

    filename: Annotated[WireText, Field(min_length=1, max_length=MAX_FILENAME_LENGTH)]
    content_type: Literal["image/jpeg", "image/jpg", "image/png", "image/webp", "image/gif"]
    size_bytes: Annotated[WireInt, Field(ge=1)]
    title: Title = None
    tags: FormTags = ()
    auto_describe: WireBool = True


class ConfirmRequest(Wire):
    """Body of `upload/confirm`."""

    object_key: WireText
    size_bytes: Annotated[JsonInt, Field(ge=1)]
    image_id: WireUuid


class StreamForm(Wire):
    """Text fields of `upload/stream`."""

    title: Title = None
    tags: FormTags = ()
    auto_describe: WireBool = True
    skip_duplicates: WireBool = False
    storage_target: Literal["default", "custom"] = "default"


class InitiateAnswer(Wire):
    """What a client needs to put its bytes."""

    upload_url: str
    upload_method: Literal["PUT"] = "PUT"
    upload_fields: None = None
    upload_headers: None = None
    object_key: str
    image_id: UUID
    expires_at: datetime
    max_size_bytes: int
    thumbnail_url: None = None
    variant_urls: None = None


class ConfirmAnswer(Wire):
    """The confirmed upload."""

    image_id: UUID
    description_status: str
    title: str | None
    tags: list[str]


class StreamAnswer(Wire):
    """The stored (or skipped) upload."""

    image_id: UUID
    object_key: str
    upload_method: Literal["STREAMING"] = "STREAMING"
    status: Literal["completed", "skipped"]
    processing_time_ms: float
    s3_upload_completed: bool = True
    variants_queued: bool
    description_queued: bool
    skipped: bool
    skipped_existing_image_id: UUID | None
    storage_target: str
    media_type: str
    document_type: str | None = None
    text_extraction_status: str | None = None
