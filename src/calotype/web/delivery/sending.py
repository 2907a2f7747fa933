"""Sending an object to whoever holds a valid link to it."""

from __future__ import annotations

from email.utils import format_datetime

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from calotype.domain.errors import NotFound
from calotype.services.delivery import DeliveryService, ObjectFacts, SignedObject
from calotype.web.delivery.byte_range import ByteRange, UnsatisfiableRange, parse_range
from calotype.web.delivery.disposition import attachment

# Whatever the bytes are, a browser must neither guess another type nor run anything in them.
_SAFETY = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    "Accept-Ranges": "bytes",
}


async def send_object(request: Request, delivery: DeliveryService, signed: SignedObject, caching: str) -> Response:
    """An object, whole or in part, or that the client has it already; `caching` is the answer's Cache-Control.

    Raises NotFound when it is gone, and HTTPException (416) for a range behind its end.
    """
    try:
        stored = await delivery.head(signed)
    except NotFound as error:
        raise NotFound("This file is gone") from error
    headers = {**_headers(signed, stored), "Cache-Control": caching}
    if _tags(request.headers.get("if-none-match")) & {headers["ETag"], "*"}:
        return Response(status_code=304, headers=headers)
    try:
        wanted = parse_range(_applicable_range(request, headers["ETag"]), stored.size)
    except UnsatisfiableRange as error:
        length = {"Content-Range": f"bytes */{stored.size}"}
        raise HTTPException(416, "The range begins behind the end of the file", length) from error
    sent = wanted or ByteRange(0, stored.size)
    headers["Content-Length"] = str(sent.end - sent.start)
    if wanted:
        headers["Content-Range"] = f"bytes {sent.start}-{sent.end - 1}/{stored.size}"
    status = 206 if wanted else 200
    if request.method == "HEAD" or sent.start == sent.end:
        return Response(status_code=status, headers=headers)
    return StreamingResponse(delivery.stream(signed, sent.start, sent.end), status, headers)


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
