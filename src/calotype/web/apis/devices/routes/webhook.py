"""Webhook routes of the Devices API, for events of the whole project."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from calotype.domain.listing import Window
from calotype.web.apis.devices.answers import success
from calotype.web.apis.devices.openapi import CONFLICTS, ERRORS
from calotype.web.apis.devices.routes.identity import WebhookId
from calotype.web.apis.devices.translate import webhook as translate
from calotype.web.apis.devices.wire import webhook as wire
from calotype.web.apis.devices.wire.envelope import Answer, Page, WindowQuery
from calotype.web.shared.context import Caller, Services

router = APIRouter(prefix="/webhooks", tags=["Devices API: webhooks"], responses=ERRORS)


@router.post("", status_code=201, response_model=Answer[wire.NewWebhook], responses=CONFLICTS)
async def create_webhook(body: wire.CreateWebhookRequest, services: Services, caller: Caller) -> Response:
    """Have events sent to a URL, signed with a secret that is shown in this answer only."""
    made = await services.webhooks.create(caller.scope, body.url, body.events, body.secret)
    return success(translate.new_webhook_to_wire(made), 201)


@router.get("", response_model=Answer[Page[wire.Webhook]])
async def list_webhooks(query: Annotated[WindowQuery, Query()], services: Services, caller: Caller) -> Response:
    """All webhooks, newest first."""
    window = Window(query.limit, query.offset)
    webhooks, total = await services.webhooks.page(caller.scope, window)
    return success(translate.webhooks_to_wire(webhooks, total, window))


@router.get("/{webhook_id}", response_model=Answer[wire.Webhook])
async def get_webhook(webhook_id: WebhookId, services: Services, caller: Caller) -> Response:
    """One webhook."""
    return success(translate.webhook_to_wire(await services.webhooks.get(caller.scope, webhook_id)))


@router.delete("/{webhook_id}", response_model=Answer[wire.DeletedWebhook])
async def delete_webhook(webhook_id: WebhookId, services: Services, caller: Caller) -> Response:
    """Delete a webhook with its log; what waits for it is not delivered any more."""
    await services.webhooks.delete(caller.scope, webhook_id)
    return success(translate.deleted_to_wire(webhook_id))


@router.get("/{webhook_id}/deliveries", response_model=Answer[Page[wire.Delivery]])
async def list_deliveries(
    webhook_id: WebhookId, query: Annotated[WindowQuery, Query()], services: Services, caller: Caller
) -> Response:
    """What became of each event for one webhook, newest first."""
    window = Window(query.limit, query.offset)
    deliveries, total = await services.webhooks.deliveries(caller.scope, webhook_id, window)
    return success(translate.deliveries_to_wire(deliveries, total, window))
