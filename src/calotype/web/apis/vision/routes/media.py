"""The URLs of images and videos: signed, so that they need no key, and good only while what they show is there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from calotype.domain.errors import NotFound
from calotype.domain.scope import Scope
from calotype.services.delivery import SignedObject
from calotype.services.image import image_not_found
from calotype.services.video import video_not_found
from calotype.web.apis.vision.translate.links import Link, VideoLinks
from calotype.web.delivery.sending import send_object
from calotype.web.shared.context import Caller, LinkBase, Services

router = APIRouter(include_in_schema=False)
# Asked for again each time, since what is deleted must be gone at once; what is unchanged is not sent again.
_CACHING = "private, no-cache"
_METHODS = ["GET", "HEAD"]
THUMBNAIL = "thumbnail"
STORYBOARD = "storyboard.vtt"
STORYBOARD_SHEET = "storyboard.jpg"


async def media_links(services: Services, caller: Caller, base: LinkBase) -> Link:
    """Makes the URLs of the caller's images."""

    def link(image_id: UUID) -> str:
        return base + services.delivery.live_path(caller.tenant_id, image_id)

    return link


async def video_links(services: Services, caller: Caller, base: LinkBase) -> VideoLinks:
    """Makes the URLs of the caller's videos, and of what is made of them."""

    def form(name: str) -> Link:
        return lambda video_id: base + services.delivery.live_path(caller.tenant_id, video_id, name)

    return VideoLinks(original=form(""), thumbnail=form(THUMBNAIL), storyboard=form(STORYBOARD))


@router.api_route("/media/{media_id}", methods=_METHODS)
async def get_media(media_id: str, request: Request, services: Services) -> Response:
    """Send the bytes of an image or video as they came in."""
    return await _send(request, services, media_id, "", services.media.original)


@router.api_route("/media/{media_id}/thumbnail", methods=_METHODS)
async def get_thumbnail(media_id: str, request: Request, services: Services) -> Response:
    """Send one frame of a video."""
    return await _send(request, services, media_id, THUMBNAIL, services.media.thumbnail)


@router.api_route("/media/{media_id}/storyboard.jpg", methods=_METHODS)
async def get_storyboard_sheet(media_id: str, request: Request, services: Services) -> Response:
    """Send the pictures of a storyboard."""
    return await _send(request, services, media_id, STORYBOARD_SHEET, services.media.storyboard_sheet)


@router.api_route("/media/{media_id}/storyboard.vtt", methods=_METHODS)
async def get_storyboard(media_id: str, request: Request, services: Services, base: LinkBase) -> Response:
    """Say which part of the storyboard's pictures belongs to which time."""
    scope = _scope(request, services, media_id, STORYBOARD)
    sheet = base + services.delivery.live_path(scope.tenant_id, UUID(media_id), STORYBOARD_SHEET)
    text = await services.media.storyboard(scope, UUID(media_id), sheet)
    headers = {"Cache-Control": _CACHING, "X-Content-Type-Options": "nosniff"}
    return Response(text, media_type="text/vtt", headers=headers)


def _scope(request: Request, services: Services, media_id: str, form: str) -> Scope:
    query = request.query_params
    return services.delivery.verify_live(query.get("t", ""), media_id, query.get("exp", ""), query.get("sig", ""), form)


async def _send(
    request: Request,
    services: Services,
    media_id: str,
    form: str,
    find: Callable[[Scope, UUID], Awaitable[SignedObject]],
) -> Response:
    scope = _scope(request, services, media_id, form)
    signed = await find(scope, UUID(media_id))
    try:
        return await send_object(request, services.delivery, signed, _CACHING)
    except NotFound as error:
        raise (video_not_found() if form or signed.content_type.startswith("video/") else image_not_found()) from error
