"""A connection of the web server, with what Uvicorn's lacks: limits on heads, on waiting requests and on silence; and h2c.

Without limits anybody, without any key, could fill the memory with headers that never end, or hold connections until the process
has no file descriptors left. And what follows the offer to go on in HTTP/2 (RFC 7540, 3.2), which Java's client makes with each
request, would be taken for another request instead of the body: a request that a proxy in front has not seen.
"""

from __future__ import annotations

import asyncio

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from calotype.cli.untaken import await_taken

MAX_HEAD_BYTES = 131_072
"""Most bytes of a request's head: its line and its headers, and what may follow a chunked body."""
HEAD_TIME = 30.0
"""Seconds that a connection nobody works for has to bring the whole head of a request."""
BODY_SILENCE = 120.0
"""Seconds without a byte of a body that is waited for, or of the rest of an answer taken, after which a client counts as gone."""
_MAX_WAITING = 200  # requests sent ahead on one connection while another is being answered
_INVALID = "Invalid HTTP request received."
_TOO_LONG = "The head of the request is too long."


class HttpConnection(HttpToolsProtocol):
    """Uvicorn's connection, which gives up clients that send too much of what nobody reads, or nothing at all."""

    head_time = HEAD_TIME
    body_silence = BODY_SILENCE
    _head = 0
    _uncalled = 0
    _is_too_long = False
    _is_websocket = False
    _heard = 0.0
    _head_timer: asyncio.TimerHandle | None = None
    _body_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as Uvicorn has it
        """A client has connected, and is expected to say what it wants."""
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is over."""
        self._forget_head_timer()
        self._forget_body_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes have come."""
        self._heard = self.loop.time()
        # What leads to no call below is kept by the parser: a header, say, whose end has not come yet.
        self._uncalled += len(data)
        self._feed(data)
        if self.transport.is_closing() or self.transport.get_protocol() is not self:
            return
        if self._uncalled > MAX_HEAD_BYTES:
            self._is_too_long = True
            self.send_400_response(_TOO_LONG)
        elif self._is_idle():
            # Uvicorn has stopped waiting for the next request with the first byte that came, be it the only one.
            self._expect_head()

    def _feed(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if self._is_websocket:
                self.handle_websocket_upgrade()
            else:
                self._stay(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            self.logger.warning(_INVALID)
            self.send_400_response(_INVALID)

    def _stay(self, rest: bytes) -> None:
        """Take the same request as if it had offered no other protocol, which a server may always do; `rest` follows its head."""
        method, version = self.parser.get_method(), self.parser.get_http_version().encode()
        headers = [name + b": " + value for name, value in self.headers if name != b"upgrade"]
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as Uvicorn does
        self._feed(b"\r\n".join([method + b" " + self.url + b" HTTP/" + version, *headers, b"", rest]))

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no request, or one whose head is too long, and close the connection."""
        if self._is_idle():
            super().send_400_response(_TOO_LONG if self._is_too_long else msg)
        else:
            self.transport.close()  # amidst the answer to an earlier request, no other one would be understood

    # ---------------------------------------------------------- what the parser calls

    def on_message_begin(self) -> None:
        """A request begins."""
        self._head = 0
        self._uncalled = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """A piece of the address."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or a trailer of a chunked body."""
        self._count(len(name) + len(value) + 4)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is whole: its request is answered, or waits until the one before it is."""
        self._uncalled = 0
        method = self.parser.get_method()
        if method == b"CONNECT":
            raise ValueError("this is no proxy")
        # A WebSocket begins with GET (RFC 6455, 4.1); what follows any other offer of it would be waited for without end.
        self._is_websocket = method == b"GET" and self._get_upgrade() == b"websocket"
        if len(self.pipeline) >= _MAX_WAITING:
            raise ValueError("too many requests at once")
        super().on_headers_complete()
        self._forget_head_timer()
        if self._body_timer is None:
            self._watch_body()

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        self._uncalled = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._uncalled = 0
        super().on_message_complete()

    def _count(self, size: int) -> None:
        self._uncalled = 0
        self._head += size
        if self._head > MAX_HEAD_BYTES:
            self._is_too_long = True
            raise ValueError(_TOO_LONG)

    # ------------------------------------------------------------------------ time

    def _should_upgrade(self) -> bool:
        """Whether Uvicorn should leave the request alone: also where another protocol is offered, see `_stay`."""
        return True

    def _is_idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _expect_head(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(self.head_time, self._give_up_head)

    def _give_up_head(self) -> None:
        self._head_timer = None
        if self._is_idle():
            self.timeout_keep_alive_handler()

    def timeout_keep_alive_handler(self) -> None:
        """Close the connection, which sends what is left of the last answer, and break it off once nobody takes that."""
        super().timeout_keep_alive_handler()
        await_taken(self.loop, self.transport, self.body_silence)

    def _forget_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _watch_body(self) -> None:
        self._body_timer = None
        if self._is_idle() or not self.cycle.more_body:
            return
        now = self.loop.time()
        if self.flow.read_paused or self.cycle.waiting_for_100_continue:
            self._heard = now  # it is not the client who keeps us waiting
        if now - self._heard >= self.body_silence:
            self.transport.close()
        else:
            self._body_timer = self.loop.call_at(self._heard + self.body_silence, self._watch_body)

    def _forget_body_timer(self) -> None:
        if self._body_timer is not None:
            self._body_timer.cancel()
            self._body_timer = None
