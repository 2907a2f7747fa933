"""Search of videos of the Vision API."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from calotype.web.apis.vision.answers import json_answer
from calotype.web.apis.vision.body import body_of
from calotype.web.apis.vision.openapi import BODY_ERRORS, ERRORS, body
from calotype.web.apis.vision.routes.video import Links
from calotype.web.apis.vision.translate.video_search import found_to_wire, query_from_wire
from calotype.web.apis.vision.wire import video as wire
from calotype.web.shared.context import Caller, Services

router = APIRouter(tags=["Vision API: videos"], responses=ERRORS)
SearchBody = Annotated[wire.SearchRequest, Depends(body_of(wire.SearchRequest))]


@router.post(
    "/search",
    name="search",
    response_model=wire.FoundChunks,
    responses=BODY_ERRORS,
    openapi_extra=body(wire.SearchRequest),
)
@router.post(
    "/videos/search", response_model=wire.FoundChunks, responses=BODY_ERRORS, openapi_extra=body(wire.SearchRequest)
)
@router.post(
    "/videos/search/hybrid",
    name="search_videos_hybrid",
    response_model=wire.FoundChunks,
    responses=BODY_ERRORS,
    openapi_extra=body(wire.SearchRequest),
)
async def search_videos(wanted: SearchBody, services: Services, caller: Caller, links: Links) -> Response:
    """Find scenes of videos by what they show, what can be read in them, and what is said."""
    found = await services.video_search.search(caller.scope, query_from_wire(wanted))
    return json_answer(found_to_wire(found, caller.tenant_id, links))
