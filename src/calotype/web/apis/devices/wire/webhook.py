"""Webhooks and the logs of their deliveries."""

from __future__ import annotations

from datetime import datetime

from calotype.web.shared.wire_model import Wire
from calotype.web.shared.wire_values import WireText


class CreateWebhookRequest(Wire):
    """Body of `POST /webhooks`."""

    url: WireText
    events: list[WireText]
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


class WebhookPage(Wire):
    """A window of the webhooks."""

    items: list[Webhook]
    total: int
    limit: int
    offset: int


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


class DeliveryPage(Wire):
    """A window of the log of a webhook."""

    items: list[Delivery]
    total: int
    limit: int
    offset: int


class WebhookAnswer(Wire):
    """Answer with a webhook."""

    success: bool = True
    data: Webhook


class NewWebhookAnswer(Wire):
    """Answer with a webhook and its secret."""

    success: bool = True
    data: NewWebhook


class WebhookPageAnswer(Wire):
    """Answer with a part of the list of webhooks."""

    success: bool = True
    data: WebhookPage


class DeletedWebhookAnswer(Wire):
    """Answer after a deletion."""

    success: bool = True
    data: DeletedWebhook


class DeliveryPageAnswer(Wire):
    """Answer with a part of a log."""

    success: bool = True
    data: DeliveryPage
