"""Devices, for their operator."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response

from calotype.domain.device import DuplicatePolicy
from calotype.domain.listing import Window
from calotype.web.apis.devices.answers import success
from calotype.web.apis.devices.openapi import CONFLICTS, ERRORS
from calotype.web.apis.devices.routes.identity import DeviceId
from calotype.web.apis.devices.translate.device import device_to_wire, devices_to_wire, new_device_to_wire
from calotype.web.apis.devices.wire import device as wire
from calotype.web.apis.devices.wire.envelope import Answer, Page, WindowQuery
from calotype.web.shared.context import Caller, Services

router = APIRouter(prefix="/devices", tags=["Devices API: devices"], responses=ERRORS)


@router.post("", status_code=201, response_model=Answer[wire.NewDevice])
async def create_device(body: wire.CreateDeviceRequest, services: Services, caller: Caller) -> Response:
    """Register a device; its key is told this once."""
    policy = DuplicatePolicy(body.duplicate_policy or DuplicatePolicy.REJECT)
    made = await services.devices.create(caller.scope, body.name, policy=policy, metadata=body.metadata)
    return success(new_device_to_wire(made), 201)


@router.get("", response_model=Answer[Page[wire.Device]])
async def list_devices(query: Annotated[WindowQuery, Query()], services: Services, caller: Caller) -> Response:
    """All devices, newest first, revoked ones among them."""
    window = Window(query.limit, query.offset)
    devices, total = await services.devices.page(caller.scope, window)
    return success(devices_to_wire(devices, total, window))


@router.get("/{device_id}", response_model=Answer[wire.Device])
async def get_device(device_id: DeviceId, services: Services, caller: Caller) -> Response:
    """One device."""
    return success(device_to_wire(await services.devices.get(caller.scope, device_id)))


@router.patch("/{device_id}", response_model=Answer[wire.Device], responses=CONFLICTS)
async def update_device(
    device_id: DeviceId, body: wire.UpdateDeviceRequest, services: Services, caller: Caller
) -> Response:
    """Change a device's name, policy or metadata."""
    changes: dict[str, Any] = {
        name: value
        for name in body.model_fields_set
        if (value := getattr(body, name)) is not None or name == "metadata"
    }
    return success(device_to_wire(await services.devices.update(caller.scope, device_id, changes)))


@router.post("/{device_id}/rotate-key", response_model=Answer[wire.RotatedDevice], responses=CONFLICTS)
async def rotate_key(device_id: DeviceId, services: Services, caller: Caller) -> Response:
    """Give a device another key, told this once; the old one works on for a while."""
    return success(new_device_to_wire(await services.devices.rotate_key(caller.scope, device_id)))


@router.delete("/{device_id}", response_model=Answer[wire.Device])
async def revoke_device(device_id: DeviceId, services: Services, caller: Caller) -> Response:
    """Revoke a device: none of its keys works any more, its images stay."""
    return success(device_to_wire(await services.devices.revoke(caller.scope, device_id)))
