"""What is left of a closed connection: it is sent before the end, but for no longer than somebody takes it."""

from __future__ import annotations

import asyncio


def await_taken(loop: asyncio.AbstractEventLoop, transport: asyncio.Transport, silence: float) -> None:
    """Break a closing connection off once its client has taken nothing of what is left for `silence` seconds.

    By itself it would wait for as long as the client's system says that it is there.
    """
    if before := transport.get_write_buffer_size():
        loop.call_later(silence, _check_taken, loop, transport, silence, before)


def _check_taken(loop: asyncio.AbstractEventLoop, transport: asyncio.Transport, silence: float, before: int) -> None:
    if transport.get_write_buffer_size() < before:
        await_taken(loop, transport, silence)
    else:
        transport.abort()
