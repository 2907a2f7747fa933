"""Colour routes of the Files API."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.exceptions import RequestValidationError
from starlette.responses import Response

from calotype.domain.asset import Asset
from calotype.domain.picture import VariantName
from calotype.web.apis.files.openapi import ERRORS
from calotype.web.apis.files.translate import color as translate
from calotype.web.apis.files.wire import color as wire
from calotype.web.shared.context import Caller, LinkBase, Services
from calotype.web.shared.json_response import ModelResponse
from calotype.web.shared.wire_values import WireUuid

router = APIRouter(tags=["Files API: colours"], responses=ERRORS)


@router.get("/colors/families", response_model=list[wire.ColorFamily])
async def list_color_families(caller: Caller) -> list[wire.ColorFamily]:  # noqa: ARG001 - only those with a key are told
    """The seven families of colours."""
    return translate.families_to_wire()


@router.get("/colors/images/{image_id}", response_model=wire.ImageColors)
async def get_image_colors(image_id: WireUuid, services: Services, caller: Caller) -> Response:
    """The dominant colours of one image, once they are found."""
    return ModelResponse(translate.colors_to_wire(await services.colors.get(caller.scope, image_id)))


@router.post("/colors/images/{image_id}/extract", response_model=wire.ImageColors)
async def extract_image_colors(
    image_id: WireUuid, query: Annotated[wire.ExtractQuery, Query()], services: Services, caller: Caller
) -> Response:
    """Have the colours of one image found, for another number of them or by force."""
    colors = await services.colors.request(caller.scope, image_id, query.n_colors, force=query.force)
    return ModelResponse(translate.colors_to_wire(colors))


@router.post("/colors/batch/extract", response_model=wire.BatchExtractAnswer)
async def extract_colors_of_many(body: wire.BatchExtractRequest, services: Services, caller: Caller) -> Response:
    """Have the colours of 1 to 100 images found."""
    ids = translate.ids_from_wire(body.image_ids)
    queued = await services.colors.request_many(caller.scope, ids, body.n_colors, force=body.force)
    return ModelResponse(translate.batch_to_wire(queued))


@router.post("/colors/search", response_model=wire.SearchAnswer)
async def search_colors(body: wire.SearchRequest, services: Services, caller: Caller, base: LinkBase) -> Response:
    """Find images by a colour: its nearness to another one, its name, its family."""
    criteria = translate.criteria_from_wire(body)
    if criteria.rgb is None and criteria.name is None and criteria.family is None:
        message = "Give at least one of hex_code, color_name and color_family"
        raise RequestValidationError([{"loc": ("body",), "msg": message, "type": "value_error"}])
    page = await services.color_search.page(caller.scope, criteria, body.limit, body.offset)

    def link(asset: Asset, name: VariantName) -> str | None:
        path = services.delivery.variant_path(asset, name)
        return base + path if path else None

    return ModelResponse(translate.page_to_wire(page, body.limit, body.offset, link))
