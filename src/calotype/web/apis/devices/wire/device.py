"""Devices, as their operator sees them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from calotype.web.shared.wire_model import Wire
from calotype.web.shared.wire_values import WireText

Policy = Literal["reject", "accept"]


class CreateDeviceRequest(Wire):
    """Body of `POST /api/devices`."""

    name: WireText
    duplicate_policy: Policy | None = None
    metadata: dict[str, Any] | None = None


class UpdateDeviceRequest(Wire):
    """Body of `PATCH /api/devices/{id}`; what is absent or null stays, but null empties `metadata`."""

    name: WireText | None = None
    duplicate_policy: Policy | None = None
    metadata: dict[str, Any] | None = None


class Device(Wire):
    """One device."""

    id: str
    name: str
    duplicate_policy: Policy
    metadata: dict[str, Any]
    created_at: datetime
    last_seen_at: datetime | None
    image_count: int
    open_batch_id: str | None
    revoked_at: datetime | None


class NewDevice(Device):
    """A device and its key, which is told this once."""

    api_key: str


class RotatedDevice(NewDevice):
    """The same after another key has taken the place of the old one."""

    previous_key_expires_at: datetime
