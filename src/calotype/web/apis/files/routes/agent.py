"""Searching for programs that act for people."""

from __future__ import annotations

import time

from fastapi import APIRouter
from starlette.responses import Response

from calotype.web.apis.files.openapi import ERRORS
from calotype.web.apis.files.signed_links import keyframe_links, variant_links
from calotype.web.apis.files.translate import agent as translate
from calotype.web.apis.files.wire import agent as wire
from calotype.web.shared.context import Caller, LinkBase, Services
from calotype.web.shared.json_response import ModelResponse

router = APIRouter(tags=["Files API: agents"], responses=ERRORS)


@router.post("/agents/search/images", response_model=wire.ImageAnswer)
async def search_images_for_agent(
    body: wire.ImageRequest, services: Services, caller: Caller, base: LinkBase
) -> Response:
    """Find images by what they show and by what they are called."""
    started = time.perf_counter()
    answer = await services.agent_search.images(caller.scope, translate.image_query_from_wire(body))
    return ModelResponse(translate.images_to_wire(answer, _since(started), variant_links(services, base)))


@router.post("/agents/search/documents", response_model=wire.DocumentAnswer)
async def search_documents_for_agent(body: wire.DocumentRequest, services: Services, caller: Caller) -> Response:
    """Find passages of documents."""
    started = time.perf_counter()
    answer = await services.agent_search.documents(caller.scope, translate.document_query_from_wire(body))
    return ModelResponse(translate.documents_to_wire(answer, _since(started)))


@router.post("/agents/search/videos", response_model=wire.VideoAnswer)
async def search_videos_for_agent(
    body: wire.VideoRequest, services: Services, caller: Caller, base: LinkBase
) -> Response:
    """Find videos by their scenes and by what they are called."""
    started = time.perf_counter()
    answer = await services.agent_search.videos(caller.scope, translate.video_query_from_wire(body))
    links = variant_links(services, base), keyframe_links(services, caller)
    return ModelResponse(translate.videos_to_wire(answer, _since(started), *links))


def _since(started: float) -> int:
    return round((time.perf_counter() - started) * 1000)
