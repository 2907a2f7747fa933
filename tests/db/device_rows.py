"""Rows of devices for tests: as their registration and their uploads would make them."""

from __future__ import annotations

from uuid import uuid4

from calotype.db.annotation import insert_annotations
from calotype.db.batch import upsert_collecting_batch
from calotype.db.device import insert_device
from calotype.db.device_image import insert_device_image
from calotype.domain.device import Device, DuplicatePolicy
from calotype.domain.device_image import DeviceImage, DeviceMetadata
from tests.db.rows import NOW, add, new_asset


def new_device(**values):
    """A device that has not been seen yet; any value may be given."""
    plain = {
        "id": uuid4(),
        "name": "camera",
        "duplicate_policy": DuplicatePolicy.REJECT,
        "metadata": {},
        "created_at": NOW,
        "last_seen_at": None,
        "revoked_at": None,
    }
    return Device(**plain | values)


async def add_device(connection, scope, **values):
    """Insert a device; returns it."""
    device = new_device(**values)
    await insert_device(connection, scope, device)
    return device


async def add_image(connection, scope, device_id, metadata=None, now=NOW, **asset):
    """Insert an image into the device's open batch, with what was seen in it; returns it."""
    asset_id = await add(connection, new_asset(scope.tenant_id, **asset), now)
    batch = await upsert_collecting_batch(connection, scope, device_id, now)
    image = DeviceImage(asset_id, batch.id, "key", is_duplicate=False)
    metadata = metadata or DeviceMetadata()
    await insert_device_image(connection, scope, device_id, image, metadata, now)
    await insert_annotations(connection, scope, asset_id, metadata.annotations)
    return image
