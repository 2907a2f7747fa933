"""A WebSocket of the web server, with what Uvicorn's lacks: it reads no further while its client does not read."""

from __future__ import annotations

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode, Frame

_MAX_FRAGMENTS = 1_000


class WebSocketConnection(WebSocketsSansIOProtocol):
    """Uvicorn's WebSocket. Each ping is answered, so a client that only ever sends pings could fill the memory with answers."""

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
