"""Pictures that look like another one, an addition of this server to the Files API."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from calotype.web.apis.files.openapi import ERRORS, further
from calotype.web.apis.files.signed_links import variant_links
from calotype.web.apis.files.translate import look_alike as translate
from calotype.web.apis.files.wire import look_alike as wire
from calotype.web.shared.context import Caller, LinkBase, Services
from calotype.web.shared.json_response import ModelResponse
from calotype.web.shared.wire_values import WireUuid

router = APIRouter(tags=["Files API: files"], responses=ERRORS)


@router.get("/user-files/{file_id}/similar", response_model=wire.SimilarAnswer, responses=further(400))
async def list_similar(
    file_id: WireUuid,
    query: Annotated[wire.SimilarQuery, Query()],
    services: Services,
    caller: Caller,
    base: LinkBase,
) -> Response:
    """Pictures that look like this one, nearest first, by the Hamming distance of perceptual hashes."""
    found = await services.look_alikes.find(caller.scope, file_id, query.max_distance, query.limit)
    return ModelResponse(translate.look_alikes_to_wire(found, variant_links(services, base)))
