"""Webhooks of a tenant: making, showing and deleting them, and their logs."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from uuid import UUID, uuid4

from calotype.crawling.fetcher import Fetcher
from calotype.db.engine import Database
from calotype.db.tenant import select_tenant
from calotype.db.webhook import count_webhooks, delete_webhook, insert_webhook, select_webhook, select_webhooks
from calotype.db.webhook_delivery import count_deliveries, select_deliveries, select_pending_ids
from calotype.domain.errors import AddressNotAllowed, Conflict, InvalidInput, NotFound
from calotype.domain.job import Task
from calotype.domain.listing import Window
from calotype.domain.scope import Scope
from calotype.domain.webhook import (
    MOST_WEBHOOKS,
    NewWebhook,
    Webhook,
    WebhookDelivery,
    clean_events,
    make_secret,
    parse_secret,
    write_secret,
)
from calotype.jobs.queue import JobQueue


class WebhookService:
    """What is delivered to them, and when, is the matter of WebhookDeliveryService."""

    def __init__(self, database: Database, queue: JobQueue, fetcher: Fetcher) -> None:
        self._database = database
        self._queue = queue
        self._fetcher = fetcher

    async def create(self, scope: Scope, url: str, events: Iterable[str], secret: str | None) -> NewWebhook:
        """Make a webhook; without a secret one is made.

        Raises AddressNotAllowed for what the URL's text shows, InvalidInput for the events and the secret, Conflict when there
        are too many.
        """
        try:
            self._fetcher.check_url(url)
        except AddressNotAllowed as error:
            raise AddressNotAllowed(error.message, field="url") from error
        if not url.isprintable():
            raise InvalidInput("The URL has characters that cannot be shown", field="url")
        webhook = Webhook(uuid4(), url, clean_events(events), datetime.now(UTC))
        key = make_secret() if secret is None else parse_secret(secret)
        async with self._database.write() as connection:
            await select_tenant(connection, scope.tenant_id, lock=True)  # so that two do not both find room
            if await count_webhooks(connection, scope) >= MOST_WEBHOOKS:
                raise Conflict(f"There can be at most {MOST_WEBHOOKS} webhooks")
            await insert_webhook(connection, scope, webhook, key)
        return NewWebhook(webhook, write_secret(key))

    async def page(self, scope: Scope, window: Window) -> tuple[list[Webhook], int]:
        """A window of the webhooks, newest first, and how many there are."""
        async with self._database.snapshot() as connection:
            return await select_webhooks(connection, scope, window), await count_webhooks(connection, scope)

    async def get(self, scope: Scope, webhook_id: UUID) -> Webhook:
        """One webhook. Raises NotFound."""
        async with self._database.read() as connection:
            return _found(await select_webhook(connection, scope, webhook_id))

    async def delete(self, scope: Scope, webhook_id: UUID) -> None:
        """Delete a webhook with its log; what waits to be delivered to it is dropped. Raises NotFound."""
        async with self._database.write() as connection:
            waiting = await select_pending_ids(connection, scope, webhook_id)
            # Attempts that run find nothing to note their end in.
            if not await delete_webhook(connection, scope, webhook_id):
                raise NotFound("Webhook not found")
            await self._queue.drop(connection, waiting, [Task.DELIVER_EVENT])

    async def deliveries(self, scope: Scope, webhook_id: UUID, window: Window) -> tuple[list[WebhookDelivery], int]:
        """A window of the log of a webhook, newest first, and how long that is. Raises NotFound."""
        async with self._database.snapshot() as connection:
            _found(await select_webhook(connection, scope, webhook_id))
            deliveries = await select_deliveries(connection, scope, webhook_id, window)
            return deliveries, await count_deliveries(connection, scope, webhook_id)


def _found(webhook: Webhook | None) -> Webhook:
    if webhook is None:
        raise NotFound("Webhook not found")
    return webhook
