"""Server-sent events, as the HTML standard defines them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

HEARTBEAT = b": still here\n\n"
"""A comment, which clients skip and which keeps proxies from closing a silent stream."""


def event_frame(event_id: str, name: str, data: str) -> bytes:
    """One event; neither of its parts may have line breaks."""
    return f"id: {event_id}\nevent: {name}\ndata: {data}\n\n".encode()


class EventStream(StreamingResponse):
    """A stream of frames; `closed` is called when it is over, whichever way that came about."""

    def __init__(self, frames: AsyncGenerator[bytes, None], closed: Callable[[], None]) -> None:
        # Neither caches nor proxies (nginx reads the second header) may hold events back.
        # There is no charset to name: it is always UTF-8.
        headers = {"Content-Type": "text/event-stream", "Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
        super().__init__(frames, headers=headers)
        self._frames = frames
        self._closed = closed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send frames until they end, or until the client goes away."""
        try:
            async with aclosing(self._frames):
                await super().__call__(scope, receive, send)
        finally:
            self._closed()
