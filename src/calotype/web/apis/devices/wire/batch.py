"""Batches and their images."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from calotype.web.apis.devices.wire.envelope import WindowQuery
from calotype.web.apis.devices.wire.values import WireDeviceId
from calotype.web.shared.wire_model import Wire

Status = Literal["collecting", "closed"]


class BatchQuery(WindowQuery):
    """Which batches."""

    device_id: WireDeviceId | None = None
    status: Status | None = None


class Batch(Wire):
    """One batch."""

    id: str
    device_id: str
    status: Status
    image_count: int
    created_at: datetime
    closed_at: datetime | None


class BatchImage(Wire):
    """One image of a batch; `metadata` are the keys the device made up itself."""

    image_id: str
    storage_key: str
    filename: str
    size_bytes: int
    captured_at: datetime
    created_at: datetime
    model_id: str | None
    model_version: str | None
    annotations: list[dict[str, Any]]
    metadata: dict[str, Any]
