"""Batches: the images of one device in the order they came, until the batch is closed."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from calotype.domain.annotation import Annotation


class BatchStatus(enum.StrEnum):
    """Whether a batch takes more images."""

    COLLECTING = "collecting"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch; `image_count` counts what is in no trash."""

    id: UUID
    device_id: UUID
    image_count: int
    created_at: datetime
    closed_at: datetime | None

    @property
    def status(self) -> BatchStatus:
        """Whether it takes more images."""
        return BatchStatus.COLLECTING if self.closed_at is None else BatchStatus.CLOSED


@dataclass(frozen=True, slots=True)
class BatchImage:
    """An image of a batch with what its device said of it.

    `captured_at` is what the device said, else what the image's own metadata says, else the time of its upload. `width` and
    `height` are of the upright picture, None until it is developed. `metadata` are the sender's own keys.
    """

    asset_id: UUID
    object_key: str
    filename: str
    size_bytes: int
    content_type: str
    width: int | None
    height: int | None
    captured_at: datetime
    created_at: datetime
    model_id: str | None
    model_version: str | None
    annotations: tuple[Annotation, ...]
    metadata: Mapping[str, Any]
