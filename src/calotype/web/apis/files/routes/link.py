"""Web links of the Files API."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from calotype.web.apis.files.openapi import ERRORS, further
from calotype.web.apis.files.translate import link as translate
from calotype.web.apis.files.wire import link as wire
from calotype.web.shared.context import Caller, Services
from calotype.web.shared.json_response import ModelResponse
from calotype.web.shared.wire_values import WireUuid

router = APIRouter(tags=["Files API: links"], responses=ERRORS)


@router.post("/user-files/links", status_code=201, response_model=wire.SaveAnswer, responses=further(400))
async def save_link(body: wire.SaveRequest, services: Services, caller: Caller) -> Response:
    """Save a web link; its page is looked at in the background."""
    saved = await services.links.save(
        caller.scope,
        body.url,
        title=body.title,
        tags=body.tags,
        folder_id=body.folder_id,
        crawl=body.auto_crawl,
    )
    return ModelResponse(translate.saved_to_wire(saved), 201)


@router.post("/user-files/{link_id}/recrawl", response_model=wire.RecrawlAnswer, responses=further(400))
async def recrawl_link(link_id: WireUuid, services: Services, caller: Caller) -> Response:
    """Look at a link's page again; once an hour."""
    await services.links.recrawl(caller.scope, link_id)
    return ModelResponse(wire.RecrawlAnswer(link_id=link_id))
