"""Devices: cameras and inspection stations that send images with a key of their own."""

from __future__ import annotations

import enum
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from calotype.domain.custom_metadata import check_depth
from calotype.domain.errors import InvalidInput
from calotype.domain.values import clean_text

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


def clean_device_name(value: str) -> str:
    """Trim a device's name. Raises InvalidInput unless 1 to 255 characters are left."""
    name = clean_text(value, "name").strip()
    if not 1 <= len(name) <= MAX_NAME_LENGTH:
        raise InvalidInput(f"name must have 1 to {MAX_NAME_LENGTH} characters", field="name")
    return name


def clean_device_metadata(value: Mapping[str, Any]) -> Mapping[str, Any]:
    """What an operator says of a device, in keys of their own.

    Raises InvalidInput above 64 KiB or 100 levels, and for numbers that are not finite.
    """
    check_depth(value, "metadata")
    try:
        text = json.dumps(value, allow_nan=False)
    except ValueError as error:
        raise InvalidInput("metadata may hold finite numbers only", field="metadata") from error
    if len(text) > MAX_METADATA_BYTES:
        raise InvalidInput(f"metadata may have at most {MAX_METADATA_BYTES} bytes", field="metadata")
    return value
