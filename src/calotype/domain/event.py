"""Events: what happened to a tenant's media, for those who want to be told."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4


class EventType(enum.StrEnum):
    """What can happen, in the words that webhooks use."""

    DEVICE_IMAGE_UPLOADED = "device.image.uploaded"
    BATCH_CLOSED = "batch.closed"
    ASSET_PROCESSED = "asset.processed"
    ASSET_FAILED = "asset.failed"
    ASSET_DELETED = "asset.deleted"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened; `data` are plain JSON values."""

    type: EventType
    data: Mapping[str, Any]
    id: UUID = field(default_factory=uuid4)
    occurred_at: datetime = field(default_factory=lambda: datetime.now(UTC))


def event_name(event_id: UUID) -> str:
    """An event's id as receivers and the log of deliveries show it."""
    return f"evt_{event_id}"
