"""The URLs of images: signed, so that they need no key, and good only while the image is there."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from calotype.domain.errors import NotFound
from calotype.services.image import image_not_found
from calotype.web.apis.vision.translate.image import Link
from calotype.web.delivery.sending import send_object
from calotype.web.shared.context import Caller, LinkBase, Services

router = APIRouter(include_in_schema=False)
# Asked for again each time, since a deleted image must be gone at once; what is unchanged is not sent again.
_CACHING = "private, no-cache"


async def media_links(services: Services, caller: Caller, base: LinkBase) -> Link:
    """Makes the URLs of the caller's images."""

    def link(image_id: UUID) -> str:
        return base + services.delivery.live_path(caller.tenant_id, image_id)

    return link


@router.api_route("/media/{image_id}", methods=["GET", "HEAD"])
async def get_media(image_id: str, request: Request, services: Services) -> Response:
    """Send the bytes of an image as they were uploaded."""
    query = request.query_params
    scope = services.delivery.verify_live(query.get("t", ""), image_id, query.get("exp", ""), query.get("sig", ""))
    asset = await services.images.asset(scope, UUID(image_id))
    try:
        return await send_object(request, services.delivery, services.delivery.original(asset), _CACHING)
    except NotFound as error:
        raise image_not_found() from error
