"""Ids of the Devices API as they come in; `domain/device_ids.py` writes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any
from uuid import UUID

from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from calotype.domain.device_ids import BATCH, DEVICE, WEBHOOK, without_prefix
from calotype.domain.errors import InvalidInput
from calotype.web.shared.wire_values import parse_uuid


def _parser(prefix: str) -> Callable[[Any], UUID]:
    def parse(value: Any) -> UUID:
        """The UUID behind its prefix."""
        if isinstance(value, UUID):
            return value
        try:
            return parse_uuid(without_prefix(value if isinstance(value, str) else "", prefix))
        except InvalidInput as error:
            raise PydanticCustomError("id_parsing", "{message}", {"message": error.message}) from error

    return parse


parse_batch_id = _parser(BATCH)
parse_device_id = _parser(DEVICE)
parse_webhook_id = _parser(WEBHOOK)

WireDeviceId = Annotated[UUID, BeforeValidator(parse_device_id), WithJsonSchema({"type": "string"})]
