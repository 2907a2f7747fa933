"""A limit for bodies that are read whole, so that nobody can fill the memory with one request.

The framework has a limit of its own, but answers with plain text where every wire format has an error body.
"""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Message, Receive

from calotype.domain.errors import TooLarge

MAX_BODY_BYTES = 1024 * 1024


def limited(receive: Receive, limit: int = MAX_BODY_BYTES) -> Receive:
    """Receive as before, up to `limit` bytes in all. Raises HTTPException (413) above."""
    taken = 0

    async def receive_limited() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > limit:
            raise HTTPException(413, f"The body of this request may have at most {limit} bytes")
        return message

    return receive_limited


def check_announced(request: Request, limit: int, what: str = "The body of this request") -> None:
    """Refuse a body that says of itself to be longer than anything that could be accepted. Raises TooLarge."""
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced[:20]) > limit:
        raise TooLarge(f"{what} may have at most {limit} bytes", limit=limit)
