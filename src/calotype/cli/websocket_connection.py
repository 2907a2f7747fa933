"""A WebSocket of the web server, with what Uvicorn's lacks: who does not read is not read from, and let go in the end."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode, Frame

from calotype.cli.http_connection import BODY_SILENCE
from calotype.cli.untaken import await_taken

_MAX_FRAGMENTS = 1_000


class WebSocketConnection(WebSocketsSansIOProtocol):
    """Uvicorn's WebSocket. Each ping is answered, so a client that only ever sends pings could fill the memory with answers."""

    silence = BODY_SILENCE
    _end_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as Uvicorn has it
        """A client has asked for a WebSocket."""
        super().connection_made(transport)
        self._watch_end()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is over."""
        if self._end_timer is not None:
            self._end_timer.cancel()
            self._end_timer = None
        super().connection_lost(exc)

    def _watch_end(self) -> None:
        """Uvicorn closes it in many places, some of them timers; each would wait for ever for a client that does not read."""
        self._end_timer = None
        if self.transport.is_closing():
            await_taken(self.loop, self.transport, self.silence)
        else:
            self._end_timer = self.loop.call_later(self.silence, self._watch_end)

    def handle_ping(self) -> None:
        """Answer a ping; no more of them are read before the answers go out."""
        super().handle_ping()
        if not self.writable.is_set() and not self.read_paused:
            self.read_paused = True
            self.transport.pause_reading()

    def resume_writing(self) -> None:
        """The client reads again."""
        super().resume_writing()
        if self.read_paused and self.queue.empty():  # else reading goes on when the frames that came are handled
            self.read_paused = False
            self.transport.resume_reading()

    def handle_cont(self, event: Frame) -> None:
        """A further part of a message; parts without content have no size that could be limited."""
        if len(self.frames) < _MAX_FRAGMENTS:
            super().handle_cont(event)
        else:
            self.conn.fail(CloseCode.MESSAGE_TOO_BIG)
            self.handle_parser_exception()
