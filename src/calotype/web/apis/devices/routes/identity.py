"""Ids in paths: what is no id is as unknown as what is somebody else's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends
from pydantic_core import PydanticCustomError

from calotype.domain.errors import NotFound
from calotype.web.apis.devices.wire.values import parse_batch_id, parse_device_id, parse_webhook_id


def read_id(parse: Callable[[Any], UUID], text: str, what: str) -> UUID:
    """The UUID of an id in a path. Raises NotFound."""
    try:
        return parse(text)
    except PydanticCustomError:
        raise NotFound(f"{what} not found") from None


async def _device_id(device_id: str) -> UUID:
    return read_id(parse_device_id, device_id, "Device")


async def _batch_id(batch_id: str) -> UUID:
    return read_id(parse_batch_id, batch_id, "Batch")


async def _webhook_id(webhook_id: str) -> UUID:
    return read_id(parse_webhook_id, webhook_id, "Webhook")


DeviceId = Annotated[UUID, Depends(_device_id)]
BatchId = Annotated[UUID, Depends(_batch_id)]
WebhookId = Annotated[UUID, Depends(_webhook_id)]
