"""The asset: the row everything hangs on."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from calotype.domain.object_keys import plain_key
from calotype.domain.picture import CaptureTime, PictureMetadata, VariantName


class State(enum.StrEnum):
    """How far a piece of work on an asset has come; wire formats project these words to their own."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    SKIPPED = "skipped"


OPEN_STATES = frozenset({State.PENDING, State.PROCESSING})
"""Of work that is still to be done."""


class UploadMethod(enum.StrEnum):
    """The way an asset came in."""

    STREAMING = "STREAMING"
    PRESIGNED = "PRESIGNED"
    CHUNKED = "CHUNKED"
    LINK = "LINK"


class OperationType(enum.StrEnum):
    """A step of processing that leaves a row in the asset's history."""

    UPLOAD = "upload"
    VARIANTS = "variants"
    EXTRACT_COLORS = "extract_colors"
    DESCRIBE = "describe"
    ANALYZE_VIDEO = "analyze_video"
    EXTRACT_TEXT = "extract_text"
    CRAWL = "crawl"


@dataclass(frozen=True, slots=True)
class StoredVariant:
    """Where one rendition lies and what it is; sizes in pixels and bytes."""

    object_key: str
    content_type: str
    width: int
    height: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Asset:
    """One image, video, document or link of a tenant; a link has no bytes, key or checksum of its own."""

    id: UUID
    tenant_id: UUID
    media_type: str
    content_type: str
    format: str
    upload_method: UploadMethod
    object_key: str
    original_filename: str
    size_bytes: int
    checksum: str
    created_at: datetime
    updated_at: datetime
    title: str | None = None
    tags: tuple[str, ...] = ()
    storage_target: str = "default"
    auto_describe: bool = True
    deleted_at: datetime | None = None
    captured_at: datetime | None = None
    width: int | None = None
    height: int | None = None
    variant_status: State | None = None
    variant_error: str | None = None
    variants: Mapping[VariantName, StoredVariant] = field(default_factory=dict)
    blur_hash: str | None = None
    description_status: State | None = None
    description_error: str | None = None
    description: str | None = None
    visible_text: str | None = None
    confidence: float | None = None
    described_at: datetime | None = None
    has_description: bool = False
    text_status: State | None = None
    """How far the text of a document is read; None of what is none."""
    text_error: str | None = None
    folder_id: UUID | None = None
    recorded_timestamp: Decimal | None = None

    @property
    def public_key(self) -> str:
        """The object key clients are told, which says nothing of the attempts to store it."""
        return plain_key(self.object_key, self.original_filename)

    @property
    def is_unfinished(self) -> bool:
        """Whether some work on it has not ended."""
        return not {self.variant_status, self.description_status, self.text_status}.isdisjoint(OPEN_STATES)

    @property
    def is_processing(self) -> bool:
        """Whether its pictures are being made, or its text read, right now."""
        return State.PROCESSING in {self.variant_status, self.text_status}

    @property
    def error(self) -> str | None:
        """Why a part of the work on it has failed."""
        return self.variant_error or self.text_error or self.description_error

    def variant(self, name: VariantName) -> StoredVariant | None:
        """The named rendition, once it exists."""
        return self.variants.get(name)


@dataclass(frozen=True, slots=True)
class NewAsset:
    """What an upload knows about an asset before it has a row."""

    id: UUID
    tenant_id: UUID
    media_type: str
    content_type: str
    format: str
    upload_method: UploadMethod
    object_key: str
    original_filename: str
    size_bytes: int
    checksum: str
    title: str | None
    tags: tuple[str, ...]
    storage_target: str
    auto_describe: bool
    variant_status: State | None
    description_status: State | None
    text_status: State | None = None
    folder_id: UUID | None = None
    recorded_timestamp: Decimal | None = None
    captured: CaptureTime | None = None
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True, slots=True)
class DescriptionRecord:
    """One description an asset was given; the newest one counts."""

    id: UUID
    description: str
    visible_text: str | None
    confidence: float | None
    providers: tuple[str, ...]
    verification_level: str
    processing_time_ms: int | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Operation:
    """One step of an asset's processing history."""

    id: UUID
    asset_id: UUID
    type: OperationType
    status: State
    created_at: datetime
    completed_at: datetime | None
    error_message: str | None


@dataclass(frozen=True, slots=True)
class PictureFacts:
    """What development found out about a picture, as kept with its asset."""

    width: int
    height: int
    frames: int
    bits: int
    has_alpha: bool
    kind: str
    metadata: PictureMetadata
