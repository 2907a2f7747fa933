"""What the OpenAPI document says of the answers of all routes of the Devices API."""

from __future__ import annotations

from typing import Any

from calotype.web.apis.devices.wire.error import ErrorAnswer

TAGS = [
    {"name": "Devices API: uploads", "description": "The one route of devices, with a key of their own."},
    {"name": "Devices API: devices", "description": "Cameras and other senders, for their operator."},
    {"name": "Devices API: batches", "description": "What devices sent, and exports of it."},
    {"name": "Devices API: webhooks", "description": "Events that are sent to a URL."},
]
ERRORS: dict[int | str, dict[str, Any]] = {
    401: {"model": ErrorAnswer, "description": "No valid key"},
    404: {"model": ErrorAnswer, "description": "Not found"},
    422: {"model": ErrorAnswer, "description": "Malformed request"},
    429: {"model": ErrorAnswer, "description": "Too many requests"},
}
CONFLICTS: dict[int | str, dict[str, Any]] = {
    409: {"model": ErrorAnswer, "description": "Not possible in the state things are in"}
}
UPLOAD_ERRORS: dict[int | str, dict[str, Any]] = {
    **ERRORS,
    402: {"model": ErrorAnswer, "description": "This month's uploads are used up"},
    409: {"model": ErrorAnswer, "description": "Held already, a key used twice, or a closed batch"},
    413: {"model": ErrorAnswer, "description": "Too large"},
    415: {"model": ErrorAnswer, "description": "Neither JPEG nor PNG"},
}
