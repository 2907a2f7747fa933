"""All routes of the Devices API, under its prefix; one module a noun."""

from __future__ import annotations

from fastapi import APIRouter

from calotype.web.apis.devices.auth import DevicesFormat
from calotype.web.apis.devices.routes import batch, device, export, upload, webhook

router = APIRouter(prefix=DevicesFormat.prefix)
router.include_router(batch.router)
router.include_router(device.router)
router.include_router(export.router)
router.include_router(upload.router)
router.include_router(webhook.router)
