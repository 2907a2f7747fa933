"""Webhooks of the domain as they stand on the wire."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from calotype.domain.batch import Window
from calotype.domain.event import event_name
from calotype.domain.webhook import DeliveryStatus, NewWebhook, Webhook, WebhookDelivery
from calotype.web.apis.devices.wire import webhook as wire
from calotype.web.apis.devices.wire.values import delivery_id, webhook_id


def window_from_wire(query: wire.ListQuery) -> Window:
    """The window that is asked about."""
    return Window(query.limit, query.offset)


def webhook_to_wire(webhook: Webhook) -> dict[str, Any]:
    """One webhook, without its secret."""
    return _item(webhook).model_dump(mode="json")


def new_webhook_to_wire(made: NewWebhook) -> dict[str, Any]:
    """A webhook just made, with its secret."""
    return wire.NewWebhookItem(**dict(_item(made.webhook)), secret=made.secret).model_dump(mode="json")


def webhooks_to_wire(webhooks: Iterable[Webhook], total: int, query: wire.ListQuery) -> dict[str, Any]:
    """A window of the webhooks."""
    items = [_item(webhook) for webhook in webhooks]
    return wire.WebhookList(items=items, total=total, limit=query.limit, offset=query.offset).model_dump(mode="json")


def deleted_to_wire(deleted: UUID) -> dict[str, Any]:
    """What is left of a webhook."""
    return wire.DeletedWebhook(id=webhook_id(deleted), deleted=True).model_dump(mode="json")


def deliveries_to_wire(deliveries: Iterable[WebhookDelivery], total: int, query: wire.ListQuery) -> dict[str, Any]:
    """A window of the log of a webhook."""
    items = [_delivery(delivery) for delivery in deliveries]
    return wire.DeliveryList(items=items, total=total, limit=query.limit, offset=query.offset).model_dump(mode="json")


def _item(webhook: Webhook) -> wire.WebhookItem:
    return wire.WebhookItem(
        id=webhook_id(webhook.id),
        url=webhook.url,
        events=[event_type.value for event_type in webhook.events],
        created_at=webhook.created_at,
    )


def _delivery(delivery: WebhookDelivery) -> wire.DeliveryItem:
    return wire.DeliveryItem(
        id=delivery_id(delivery.id),
        event_id=event_name(delivery.event_id),
        event_type=delivery.event_type.value,
        status=delivery.status.value,
        attempts=delivery.attempts,
        created_at=delivery.created_at,
        attempted_at=delivery.attempted_at,
        next_attempt_at=delivery.next_attempt_at,
        response_status=delivery.response_status,
        error=delivery.error,
        delivered_at=delivery.ended_at if delivery.status is DeliveryStatus.DELIVERED else None,
    )
