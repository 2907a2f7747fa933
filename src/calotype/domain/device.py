"""Devices: cameras and inspection stations that send images with a key of their own."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

MAX_NAME_LENGTH = 255
MAX_METADATA_BYTES = 64 * 1024


class DuplicatePolicy(enum.StrEnum):
    """What becomes of an image whose bytes the tenant holds already."""

    REJECT = "reject"
    ACCEPT = "accept"


@dataclass(frozen=True, slots=True)
class Device:
    """One device; `image_count` counts what is in no trash, `open_batch_id` is the batch that collects its images now."""

    id: UUID
    name: str
    duplicate_policy: DuplicatePolicy
    metadata: Mapping[str, Any]
    created_at: datetime
    last_seen_at: datetime | None
    revoked_at: datetime | None
    image_count: int = 0
    open_batch_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class NewDeviceKey:
    """A key just made, which nobody can show again, and when those before it stop working."""

    device: Device
    api_key: str
    previous_key_expires_at: datetime | None = None
