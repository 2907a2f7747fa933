"""Devices between the domain and the wire."""

from __future__ import annotations

from collections.abc import Sequence

from calotype.domain.device import Device, NewDeviceKey
from calotype.domain.device_ids import batch_id, device_id
from calotype.domain.listing import Window
from calotype.web.apis.devices.wire import device as wire
from calotype.web.apis.devices.wire.envelope import Page


def device_to_wire(device: Device) -> wire.Device:
    """One device."""
    return wire.Device(
        id=device_id(device.id),
        name=device.name,
        duplicate_policy=device.duplicate_policy.value,
        metadata=dict(device.metadata),
        created_at=device.created_at,
        last_seen_at=device.last_seen_at,
        image_count=device.image_count,
        open_batch_id=batch_id(device.open_batch_id) if device.open_batch_id else None,
        revoked_at=device.revoked_at,
    )


def new_device_to_wire(made: NewDeviceKey) -> wire.NewDevice:
    """A device with the key just made."""
    known = dict(device_to_wire(made.device))
    if made.previous_key_expires_at is None:
        return wire.NewDevice(**known, api_key=made.api_key)
    return wire.RotatedDevice(**known, api_key=made.api_key, previous_key_expires_at=made.previous_key_expires_at)


def devices_to_wire(devices: Sequence[Device], total: int, window: Window) -> Page[wire.Device]:
    """A part of the list."""
    items = [device_to_wire(device) for device in devices]
    return Page(items=items, total=total, limit=window.limit, offset=window.offset)
