"""Images of the Vision API."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from calotype.domain.errors import InvalidInput
from calotype.domain.image import IMAGE, ImageRequest
from calotype.domain.listing import AssetFilter
from calotype.services.image import image_not_found
from calotype.web.apis.vision.answers import echo_answer, json_answer
from calotype.web.apis.vision.body import Body, body_of, query_of, read_upload, validated
from calotype.web.apis.vision.openapi import BODY_ERRORS, ERRORS, UPLOAD_ERRORS, body, query
from calotype.web.apis.vision.routes.identity import ImageId
from calotype.web.apis.vision.routes.media import media_links
from calotype.web.apis.vision.translate.ids import deletion_of, deletion_to_wire, ids_from_wire
from calotype.web.apis.vision.translate.image import (
    filter_from_wire,
    found_to_wire,
    image_to_wire,
    images_to_wire,
    page_from_wire,
    query_from_wire,
    requests_from_wire,
)
from calotype.web.apis.vision.translate.links import Link
from calotype.web.apis.vision.wire import image as wire
from calotype.web.apis.vision.wire.deletion import Deleted
from calotype.web.apis.vision.wire.values import is_absent
from calotype.web.shared.body_limit import check_announced
from calotype.web.shared.context import Caller, Services

_FILES = "images"
router = APIRouter(prefix="/images", tags=["Vision API: images"], responses=ERRORS)


Links = Annotated[Link, Depends(media_links)]
IdsBody = Annotated[wire.IdsRequest, Depends(body_of(wire.IdsRequest))]
ListBody = Annotated[wire.ListRequest, Depends(body_of(wire.ListRequest))]
SearchBody = Annotated[wire.SearchRequest, Depends(body_of(wire.SearchRequest))]
WindowOfQuery = Annotated[wire.WindowQuery, Depends(query_of(wire.WindowQuery))]


@router.post(
    "/upload", response_model=wire.Images, responses=UPLOAD_ERRORS, openapi_extra=body(wire.Upload, files=_FILES)
)
async def upload_images(request: Request, services: Services, caller: Caller, link: Links) -> Response:
    """Upload images as files, by URL, or both; if one is bad, none is kept."""
    check_announced(request, services.image_uploads.terms.max_bytes)
    async with services.image_uploads.receiving(caller.scope) as upload:
        fields = await read_upload(request, upload, wire.Upload, _FILES)
        if not is_absent(fields.get(_FILES)):
            raise InvalidInput("images must be files, each with a file name", field=_FILES)
        # Megabytes of metadata take a while to be checked, in which other requests must go on.
        requests, urls = await asyncio.to_thread(_read_upload, fields)
        images = await upload.finish(requests, urls)
    return json_answer(images_to_wire(images, link))


def _read_upload(fields: Body) -> tuple[list[ImageRequest] | None, list[str]]:
    upload = validated(wire.Upload, fields)
    return requests_from_wire(upload.metadata), [*upload.metadata.image_urls, *upload.image_urls]


@router.post("/get", response_model=wire.Images, responses=BODY_ERRORS, openapi_extra=body(wire.IdsRequest))
async def get_images(wanted: IdsBody, services: Services, caller: Caller, link: Links) -> Response:
    """Images by their ids, in the order asked for; unknown ids are left out."""
    images = await services.images.get(caller.scope, ids_from_wire(wanted.image_ids))
    return json_answer(images_to_wire(images, link))


@router.post("/list", response_model=wire.Images, responses=BODY_ERRORS, openapi_extra=body(wire.ListRequest))
async def list_images(wanted: ListBody, services: Services, caller: Caller, link: Links) -> Response:
    """A window of all images, newest first, or of those that fit a filter."""
    page = page_from_wire(wanted.limit, wanted.offset)
    images = await services.images.page(caller.scope, filter_from_wire(wanted, IMAGE), page)
    return json_answer(images_to_wire(images, link))


@router.post("/delete", response_model=Deleted, responses=BODY_ERRORS, openapi_extra=body(wire.IdsRequest))
async def delete_images(wanted: IdsBody, services: Services, caller: Caller) -> Response:
    """Delete images; those that are not there are named."""
    if not wanted.image_ids:
        raise InvalidInput("image_ids must name at least one image", field="image_ids")
    gone = await services.images.delete(caller.scope, ids_from_wire(wanted.image_ids))
    return echo_answer(deletion_to_wire(deletion_of(wanted.image_ids, gone), "Images"))


@router.post("/search", response_model=wire.FoundImages, responses=BODY_ERRORS, openapi_extra=body(wire.SearchRequest))
async def search_images(wanted: SearchBody, services: Services, caller: Caller, link: Links) -> Response:
    """Find images by what they show, and by what is said of them."""
    found = await services.image_search.search(caller.scope, query_from_wire(wanted))
    return json_answer(found_to_wire(found, link))


@router.get("", response_model=wire.Images, openapi_extra=query(wire.WindowQuery))
async def browse_images(wanted: WindowOfQuery, services: Services, caller: Caller, link: Links) -> Response:
    """A window of all images, newest first; with ids, those images."""
    if wanted.ids is not None:
        images = await services.images.get(caller.scope, ids_from_wire(wanted.ids))
    else:
        page = page_from_wire(wanted.limit, wanted.offset)
        images = await services.images.page(caller.scope, AssetFilter(media_types=(IMAGE,)), page)
    return json_answer(images_to_wire(images, link))


@router.get("/{image_id:image_id}", response_model=wire.Image)
async def get_image(image_id: ImageId, services: Services, caller: Caller, link: Links) -> Response:
    """One image."""
    return json_answer(image_to_wire(await services.images.one(caller.scope, image_id), link))


@router.delete("/{image_id:image_id}", response_model=Deleted)
async def delete_image(image_id: ImageId, services: Services, caller: Caller) -> Response:
    """Delete one image."""
    gone = await services.images.delete(caller.scope, [image_id])
    if not gone:
        raise image_not_found()
    return json_answer(deletion_to_wire(deletion_of([str(image_id)], gone), "Images"))
