"""Webhooks and the logs of their deliveries."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from calotype.domain.errors import NotFound
from calotype.web.apis.devices.wire.values import parse_webhook_id
from calotype.web.shared.wire_model import Wire
from calotype.web.shared.wire_values import WireInt, WireText


def _in_path(value: Any) -> UUID:
    try:
        return parse_webhook_id(value)
    except PydanticCustomError as error:
        raise NotFound("Webhook not found") from error  # as every other id that leads to nothing


WebhookInPath = Annotated[UUID, BeforeValidator(_in_path), WithJsonSchema({"type": "string"})]


class CreateWebhookRequest(Wire):
    """Body of `POST /webhooks`."""

    url: WireText
    events: list[WireText]
    secret: WireText | None = None


class ListQuery(Wire):
    """The window of a list."""

    limit: Annotated[WireInt, Field(ge=1, le=100)] = 20
    offset: Annotated[WireInt, Field(ge=0)] = 0


class WebhookItem(Wire):
    """One webhook."""

    id: str
    url: str
    events: list[str]
    created_at: datetime


class NewWebhookItem(WebhookItem):
    """A webhook just made, with its secret."""

    secret: str


class WebhookList(Wire):
    """A window of the webhooks."""

    items: list[WebhookItem]
    total: int
    limit: int
    offset: int


class DeletedWebhook(Wire):
    """What is left of a webhook."""

    id: str
    deleted: bool


class DeliveryItem(Wire):
    """One event for one webhook; status and error are of the last attempt."""

    id: str
    event_id: str
    event_type: str
    status: str
    attempts: int
    created_at: datetime
    attempted_at: datetime | None
    next_attempt_at: datetime | None
    response_status: int | None
    error: str | None
    delivered_at: datetime | None


class DeliveryList(Wire):
    """A window of the log of a webhook."""

    items: list[DeliveryItem]
    total: int
    limit: int
    offset: int
