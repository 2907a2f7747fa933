"""Webhooks of the domain as they stand on the wire."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from calotype.domain.device_ids import delivery_id, webhook_id
from calotype.domain.event import event_name
from calotype.domain.listing import Window
from calotype.domain.webhook import DeliveryStatus, NewWebhook, Webhook, WebhookDelivery
from calotype.web.apis.devices.wire import webhook as wire
from calotype.web.apis.devices.wire.envelope import Page


def webhook_to_wire(webhook: Webhook) -> wire.Webhook:
    """One webhook, without its secret."""
    return wire.Webhook(
        id=webhook_id(webhook.id),
        url=webhook.url,
        events=[event_type.value for event_type in webhook.events],
        created_at=webhook.created_at,
    )


def new_webhook_to_wire(made: NewWebhook) -> wire.NewWebhook:
    """A webhook just made, with its secret."""
    return wire.NewWebhook(**dict(webhook_to_wire(made.webhook)), secret=made.secret)


def webhooks_to_wire(webhooks: Sequence[Webhook], total: int, window: Window) -> Page[wire.Webhook]:
    """A part of the list."""
    items = [webhook_to_wire(webhook) for webhook in webhooks]
    return Page(items=items, total=total, limit=window.limit, offset=window.offset)


def deleted_to_wire(deleted: UUID) -> wire.DeletedWebhook:
    """What is left of a webhook."""
    return wire.DeletedWebhook(id=webhook_id(deleted), deleted=True)


def deliveries_to_wire(deliveries: Sequence[WebhookDelivery], total: int, window: Window) -> Page[wire.Delivery]:
    """A part of the log of a webhook."""
    items = [_delivery(delivery) for delivery in deliveries]
    return Page(items=items, total=total, limit=window.limit, offset=window.offset)


def _delivery(delivery: WebhookDelivery) -> wire.Delivery:
    return wire.Delivery(
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
