"""Devices, as their operator sees them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from calotype.web.shared.wire_model import Wire
from calotype.web.shared.wire_values import WireInt, WireText

Policy = Literal["reject", "accept"]


class WindowQuery(Wire):
    """Which part of a list."""

    limit: Annotated[WireInt, Field(ge=1, le=100)] = 20
    offset: Annotated[WireInt, Field(ge=0)] = 0


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


class DeviceAnswer(Wire):
    """Answer with a device."""

    success: bool = True
    data: Device


class NewDeviceAnswer(Wire):
    """Answer with a device and its key."""

    success: bool = True
    data: NewDevice


class RotatedDeviceAnswer(Wire):
    """Answer with a device and its next key."""

    success: bool = True
    data: RotatedDevice


class DevicePage(Wire):
    """A part of the list of devices."""

    items: list[Device]
    total: int
    limit: int
    offset: int


class DevicePageAnswer(Wire):
    """Answer with a part of the list of devices."""

    success: bool = True
    data: DevicePage
