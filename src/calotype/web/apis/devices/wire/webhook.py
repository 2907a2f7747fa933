"""Webhooks and the logs of their deliveries."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from calotype.web.shared.wire_model import Wire
from calotype.web.shared.wire_values import MAX_WORDS, WireText


class CreateWebhookRequest(Wire):
    """Body of `POST /webhooks`."""

    url: WireText
    events: Annotated[list[WireText], Field(max_length=MAX_WORDS)]
    secret: WireText | None = None


class Webhook(Wire):
    """One webhook."""

    id: str
    url: str
    events: list[str]
    created_at: datetime


class NewWebhook(Webhook):
    """A webhook just made, with its secret."""

    secret: str


class DeletedWebhook(Wire):
    """What is left of a webhook."""

    id: str
    deleted: bool


class Delivery(Wire):
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
