"""Routes behind signed links; the signature is the credential."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from calotype.domain.scope import Scope
from calotype.web.delivery.sending import send_object
from calotype.web.shared.context import Services

router = APIRouter(prefix="/_o", include_in_schema=False)
_CACHING = "private, max-age=3600"


@router.put("/put/{upload_id}")
async def put_upload(upload_id: str, request: Request, services: Services) -> Response:
    """Take the bytes of an announced upload."""
    query = request.query_params
    tenant_id = query.get("t", "")
    services.delivery.verify_upload(tenant_id, upload_id, query.get("exp", ""), query.get("sig", ""))
    etag = await services.presigned.put(Scope(UUID(tenant_id)), UUID(upload_id), request.stream())
    return Response(status_code=200, headers={"ETag": f'"{etag}"'})


@router.api_route("/video/{video_id}", methods=["GET", "HEAD"])
async def get_playback(video_id: str, request: Request, services: Services) -> Response:
    """Send a video in a form that browsers play."""
    query = request.query_params
    scope = services.delivery.verify_playback(query.get("t", ""), video_id, query.get("exp", ""), query.get("sig", ""))
    signed = await services.media.playback(scope, UUID(video_id))
    return await send_object(request, services.delivery, signed, _CACHING)


@router.put("/chunk/{media_id}/{number}")
async def put_chunk(media_id: str, number: str, request: Request, services: Services) -> Response:
    """Take the bytes of one chunk of an announced video."""
    query = request.query_params
    tenant_id = query.get("t", "")
    services.delivery.verify_chunk(tenant_id, media_id, number, query.get("exp", ""), query.get("sig", ""))
    scope = Scope(UUID(tenant_id))
    etag = await services.chunked_uploads.put(scope, UUID(media_id), int(number), request.stream())
    return Response(status_code=200, headers={"ETag": f'"{etag}"'})


@router.api_route("/{object_key:path}", methods=["GET", "HEAD"])
async def get_object(object_key: str, request: Request, services: Services) -> Response:
    """Send an object, whole or in part."""
    query = request.query_params
    signed = services.delivery.verify(
        object_key,
        expires=query.get("exp", ""),
        content_type=query.get("type", ""),
        download_name=query.get("name"),
        signature=query.get("sig", ""),
    )
    return await send_object(request, services.delivery, signed, _CACHING)
