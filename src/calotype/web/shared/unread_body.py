"""Bodies of requests that are answered before they have been read to their end."""

from __future__ import annotations

import asyncio

from starlette.types import Message, Receive

_LONGEST = 30.0  # seconds that what nobody wants is read for at most, as web servers do that close with patience
_SILENCE = 5.0  # seconds without a byte after which nothing more is waited for


class UnreadBody:
    """A body while it is read; `is_left` tells whether some of it is still to come."""

    def __init__(self, receive: Receive) -> None:
        self.is_left = True
        self._receive = receive

    async def receive(self) -> Message:
        """The next message of the server, its end noted."""
        message = await self._receive()
        self.is_left = bool(message.get("more_body"))
        return message

    async def read_off(self) -> None:
        """Read what is left and forget it, after the answer was sent and before the connection is closed.

        A client that looks for an answer only after it has sent everything would find a broken connection instead; one that
        never ends is not waited for.
        """
        try:
            async with asyncio.timeout(_LONGEST):
                while self.is_left:
                    async with asyncio.timeout(_SILENCE):
                        await self.receive()
        except TimeoutError:
            self.is_left = False
