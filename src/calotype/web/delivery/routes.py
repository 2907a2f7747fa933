"""Routes behind signed links; the signature is the credential."""

from __future__ import annotations

from email.utils import format_datetime
from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from calotype.domain.errors import NotFound
from calotype.domain.scope import Scope
from calotype.services.delivery import ObjectFacts, SignedObject
from calotype.web.delivery.byte_range import ByteRange, UnsatisfiableRange, parse_range
from calotype.web.delivery.disposition import attachment
from calotype.web.shared.context import Services

router = APIRouter(prefix="/_o", include_in_schema=False)

# Whatever the bytes are, a browser must neither guess another type nor run anything in them.
_SAFETY = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    "Accept-Ranges": "bytes",
    "Cache-Control": "private, max-age=3600",
}


@router.put("/put/{upload_id}")
async def put_upload(upload_id: str, request: Request, services: Services) -> Response:
    """Take the bytes of an announced upload."""
    query = request.query_params
    tenant_id = query.get("t", "")
    services.delivery.verify_upload(tenant_id, upload_id, query.get("exp", ""), query.get("sig", ""))
    etag = await services.presigned.put(Scope(UUID(tenant_id)), UUID(upload_id), request.stream())
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
    try:
        stored = await services.delivery.head(signed)
    except NotFound as error:
        raise NotFound("This file is gone") from error
    headers = _headers(signed, stored)
    if _tags(request.headers.get("if-none-match")) & {headers["ETag"], "*"}:
        return Response(status_code=304, headers=headers)
    try:
        wanted = parse_range(_applicable_range(request, headers["ETag"]), stored.size)
    except UnsatisfiableRange:
        return Response(status_code=416, headers={**headers, "Content-Range": f"bytes */{stored.size}"})
    sent = wanted or ByteRange(0, stored.size)
    headers["Content-Length"] = str(sent.end - sent.start)
    if wanted:
        headers["Content-Range"] = f"bytes {sent.start}-{sent.end - 1}/{stored.size}"
    status = 206 if wanted else 200
    if request.method == "HEAD" or sent.start == sent.end:
        return Response(status_code=status, headers=headers)
    return StreamingResponse(services.delivery.stream(signed, sent.start, sent.end), status, headers)


def _headers(signed: SignedObject, stored: ObjectFacts) -> dict[str, str]:
    headers = {
        **_SAFETY,
        "Content-Type": signed.content_type,
        "ETag": f'"{stored.etag}"',
        "Last-Modified": format_datetime(stored.modified_at, usegmt=True),
    }
    if signed.download_name is not None:
        headers["Content-Disposition"] = attachment(signed.download_name)
    return headers


def _tags(header: str | None) -> set[str]:
    return {tag.strip().removeprefix("W/") for tag in header.split(",")} if header else set()


def _applicable_range(request: Request, etag: str) -> str | None:
    """The Range header, unless If-Range says that the client's part is of another version."""
    condition = request.headers.get("if-range")
    return None if condition is not None and condition.strip() != etag else request.headers.get("range")
