"""Batches and their images."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from calotype.web.apis.devices.wire.device import WindowQuery
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


class BatchAnswer(Wire):
    """Answer with a batch."""

    success: bool = True
    data: Batch


class BatchPage(Wire):
    """A part of the list of batches."""

    items: list[Batch]
    total: int
    limit: int
    offset: int


class BatchPageAnswer(Wire):
    """Answer with a part of the list of batches."""

    success: bool = True
    data: BatchPage


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


class ImagePage(Wire):
    """A part of a batch's images."""

    items: list[BatchImage]
    total: int
    limit: int
    offset: int


class ImagePageAnswer(Wire):
    """Answer with a part of a batch's images."""

    success: bool = True
    data: ImagePage
