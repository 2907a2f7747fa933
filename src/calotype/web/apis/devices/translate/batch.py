"""Batches and their images between the domain and the wire."""

from __future__ import annotations

from collections.abc import Sequence

from calotype.domain.batch import Batch, BatchImage
from calotype.domain.device_ids import batch_id, device_id, image_id
from calotype.domain.device_image import DeviceImage
from calotype.domain.listing import Window
from calotype.web.apis.devices.wire import batch as wire
from calotype.web.apis.devices.wire.envelope import Page
from calotype.web.apis.devices.wire.upload import Uploaded
from calotype.web.shared.annotation import annotation_to_wire


def uploaded_to_wire(image: DeviceImage) -> Uploaded:
    """An image that was taken."""
    return Uploaded(
        image_id=image_id(image.asset_id),
        batch_id=batch_id(image.batch_id),
        storage_key=image.object_key,
        duplicate=image.is_duplicate,
    )


def batch_to_wire(batch: Batch) -> wire.Batch:
    """One batch."""
    return wire.Batch(
        id=batch_id(batch.id),
        device_id=device_id(batch.device_id),
        status=batch.status.value,
        image_count=batch.image_count,
        created_at=batch.created_at,
        closed_at=batch.closed_at,
    )


def batches_to_wire(batches: Sequence[Batch], total: int, window: Window) -> Page[wire.Batch]:
    """A part of the list."""
    items = [batch_to_wire(batch) for batch in batches]
    return Page(items=items, total=total, limit=window.limit, offset=window.offset)


def images_to_wire(images: Sequence[BatchImage], total: int, window: Window) -> Page[wire.BatchImage]:
    """A part of a batch's images."""
    items = [
        wire.BatchImage(
            image_id=image_id(image.asset_id),
            storage_key=image.object_key,
            filename=image.filename,
            size_bytes=image.size_bytes,
            captured_at=image.captured_at,
            created_at=image.created_at,
            model_id=image.model_id,
            model_version=image.model_version,
            annotations=[annotation_to_wire(seen) for seen in image.annotations],
            metadata=dict(image.metadata),
        )
        for image in images
    ]
    return Page(items=items, total=total, limit=window.limit, offset=window.offset)
