"""Ids of the Devices API: a prefix that tells what they are of, and a UUID."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any
from uuid import UUID

from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from calotype.web.shared.wire_values import parse_uuid

_IMAGE, _BATCH, _DEVICE, _WEBHOOK, _DELIVERY = "img_", "batch_", "dev_", "wh_", "dlv_"


def image_id(value: UUID) -> str:
    """The id of an image; its UUID is the asset's in every other API."""
    return f"{_IMAGE}{value}"


def batch_id(value: UUID) -> str:
    """The id of a batch."""
    return f"{_BATCH}{value}"


def device_id(value: UUID) -> str:
    """The id of a device."""
    return f"{_DEVICE}{value}"


def webhook_id(value: UUID) -> str:
    """The id of a webhook."""
    return f"{_WEBHOOK}{value}"


def delivery_id(value: UUID) -> str:
    """The id of a delivery."""
    return f"{_DELIVERY}{value}"


def _parser(prefix: str) -> Callable[[Any], UUID]:
    def parse(value: Any) -> UUID:
        """The UUID behind its prefix."""
        if isinstance(value, UUID):
            return value
        if isinstance(value, str) and value.strip().startswith(prefix):
            return parse_uuid(value.strip().removeprefix(prefix))
        raise PydanticCustomError("id_parsing", "Input should be an id such as {example}…", {"example": prefix})

    return parse


parse_image_id = _parser(_IMAGE)
parse_batch_id = _parser(_BATCH)
parse_device_id = _parser(_DEVICE)
parse_webhook_id = _parser(_WEBHOOK)

WireDeviceId = Annotated[UUID, BeforeValidator(parse_device_id), WithJsonSchema({"type": "string"})]
WireBatchId = Annotated[UUID, BeforeValidator(parse_batch_id), WithJsonSchema({"type": "string"})]
