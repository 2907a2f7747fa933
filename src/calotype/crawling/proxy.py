"""An HTTP proxy for one child process: whatever it asks for is held against the same check as every fetch."""

from __future__ import annotations

import asyncio
import secrets
import socket
import struct
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from hmac import compare_digest
from http import HTTPStatus

from calotype.crawling.address_check import AddressCheck
from calotype.crawling.urls import Target
from calotype.domain.errors import AddressNotAllowed, CalotypeError, DownloadFailed

USER = "calotype"
"""The name that goes with the token; programs send both or neither."""

_HEAD_BYTES = 64 * 1024
_READ_BYTES = 64 * 1024
_MAX_CONNECTIONS = 32
_MAX_ADDRESSES = 8  # of one host; more are not tried
_METHODS = {"GET", "HEAD", "POST"}
# Said between two neighbours, not by one end to the other (RFC 9110, section 7.6.1); and what would make them talk on.
_HOP_BY_HOP = {"connection", "proxy-connection", "keep-alive", "te", "trailer", "upgrade", "expect"}


@dataclass(frozen=True, slots=True)
class _Request:
    """The head of what a client asks: its method, what it asks for, and the headers in their order."""

    method: str
    subject: str
    headers: tuple[tuple[str, str], ...]

    def first(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name), None)

    def has(self, name: str) -> bool:
        return self.first(name) is not None


class _Refused(Exception):  # an answer to the client, no error of ours
    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class Proxy:
    """Serves clients that know `token`, on a socket that somebody else listens on.

    Takes CONNECT and plain requests. A connection carries one request, so every target is checked, redirects included, and is
    made to the very address that was checked. At most `limit` bytes pass, both ways together; `connect` limits making one
    connection, `idle` the silence on it, in seconds. Afterwards `refusal` holds the last address that was refused, and
    `is_used_up` tells whether the limit was reached.
    """

    def __init__(self, check: AddressCheck, *, limit: int, connect: float = 10, idle: float = 20) -> None:
        self.token = secrets.token_urlsafe(32)
        self.passed = 0
        self.refusal: AddressNotAllowed | None = None
        self.is_used_up = False
        self._check = check
        self._limit = limit
        self._connect = connect
        self._idle = idle
        self._credential = b"basic " + b64encode(f"{USER}:{self.token}".encode())
        self._connections: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def serving(self, listener: socket.socket) -> AsyncIterator[None]:
        """Serve until the block ends; then the socket and all connections are closed."""
        server = await asyncio.start_server(self._accepted, sock=listener, limit=_HEAD_BYTES)
        try:
            yield
        finally:
            server.close()
            running = list(self._connections)
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._connections.add(task)
        try:
            if len(self._connections) <= _MAX_CONNECTIONS:
                await self._serve(reader, writer)
        except (OSError, EOFError, TimeoutError, asyncio.CancelledError):
            # One of the two ends went away or fell silent, or `serving` ends: half a file must not look whole. Nobody
            # else cancels this task, and the library that started it would only complain.
            _reset(writer)
        finally:
            self._connections.discard(task)
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(self._idle):
                request = await _read_request(reader)
            self._authenticate(request)
            target = self._target(request)
            upstream = await self._open(target)
        except _Refused as refused:
            await _answer(writer, refused.status, refused.message)
            return
        except AddressNotAllowed as error:
            self.refusal = error
            await _answer(writer, HTTPStatus.FORBIDDEN, error.message)
            return
        except CalotypeError as error:
            await _answer(writer, HTTPStatus.BAD_GATEWAY, error.message)
            return
        try:
            if request.method == "CONNECT":
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                await self._tunnel((reader, writer), upstream)
            else:
                await self._exchange(request, target, (reader, writer), upstream)
            async with asyncio.timeout(self._idle):
                await _finish(upstream[1])
                await _finish(writer)
        finally:
            upstream[1].transport.abort()

    def _authenticate(self, request: _Request) -> None:
        scheme, _, credential = (request.first("proxy-authorization") or "").partition(" ")
        given = f"{scheme.lower()} {credential.strip()}".encode("latin-1", "replace")
        if not compare_digest(given, self._credential):
            raise _Refused(HTTPStatus.PROXY_AUTHENTICATION_REQUIRED, "this proxy serves one process only")

    def _target(self, request: _Request) -> Target:
        if request.method == "CONNECT":
            # Only an authority stands here; anything more would become part of the URL below.
            if any(sign in request.subject for sign in "/?#") or not request.subject.rpartition(":")[2].isdecimal():
                raise _Refused(HTTPStatus.BAD_REQUEST, "CONNECT takes a host and a port")
            return self._check.target(f"https://{request.subject}/")
        if request.method not in _METHODS:
            raise _Refused(HTTPStatus.METHOD_NOT_ALLOWED, "this method is not passed on")
        if not request.subject.lower().startswith("http://"):
            raise _Refused(HTTPStatus.BAD_REQUEST, "a proxy is asked for a whole http URL")
        if request.has("transfer-encoding"):
            raise _Refused(HTTPStatus.LENGTH_REQUIRED, "bodies are passed on with a length only")
        return self._check.target(request.subject)

    async def _open(self, target: Target) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection to an address that was just checked. Raises AddressNotAllowed, DownloadFailed."""
        addresses = await self._check.addresses(target)
        with suppress(TimeoutError):
            async with asyncio.timeout(self._connect):
                for address in addresses[:_MAX_ADDRESSES]:
                    with suppress(OSError):
                        return await asyncio.open_connection(
                            str(address),
                            target.port,
                            limit=_HEAD_BYTES,
                            family=socket.AF_INET if address.version == 4 else socket.AF_INET6,
                            flags=socket.AI_NUMERICHOST,
                        )
        raise DownloadFailed("no connection to the server could be made", is_passing=True)

    async def _tunnel(
        self,
        client: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        upstream: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        async with asyncio.timeout(self._idle) as silence:
            ways = (
                asyncio.ensure_future(self._relay(client[0], upstream[1], silence)),
                asyncio.ensure_future(self._relay(upstream[0], client[1], silence)),
            )
            try:
                await asyncio.gather(*ways)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)

    async def _exchange(
        self,
        request: _Request,
        target: Target,
        client: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        upstream: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        """One request and its answer; whatever the client sends behind it is not read."""
        async with asyncio.timeout(self._idle) as silence:
            head = _head_for(request, target)
            self._count(len(head))
            upstream[1].write(head)
            await self._relay(client[0], upstream[1], silence, length=_length(request))
            answer = await _read_answer(upstream[0])
            self._count(len(answer))
            client[1].write(answer)
            await self._relay(upstream[0], client[1], silence)

    async def _relay(
        self,
        source: asyncio.StreamReader,
        sink: asyncio.StreamWriter,
        silence: asyncio.Timeout,
        *,
        length: int | None = None,
    ) -> None:
        """Pass on what comes until its end, or so many bytes, and tell the other side of the end."""
        clock = asyncio.get_running_loop().time
        left = length
        while left is None or left > 0:
            chunk = await source.read(_READ_BYTES if left is None else min(left, _READ_BYTES))
            if not chunk:
                break
            self._count(len(chunk))
            left = None if left is None else left - len(chunk)
            silence.reschedule(clock() + self._idle)
            sink.write(chunk)
            await sink.drain()
            silence.reschedule(clock() + self._idle)
        if length is None and sink.can_write_eof():
            await sink.drain()
            sink.write_eof()

    def _count(self, size: int) -> None:
        self.passed += size
        if self.passed > self._limit:
            self.is_used_up = True
            raise ConnectionAbortedError


async def _read_request(reader: asyncio.StreamReader) -> _Request:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.LimitOverrunError as error:
        raise _Refused(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "the request is too long") from error
    first, *lines = head[:-4].decode("latin-1").split("\r\n")
    words = first.split(" ")
    headers = _headers(lines)
    if len(words) != 3 or headers is None:
        raise _Refused(HTTPStatus.BAD_REQUEST, "this is no request")
    return _Request(words[0], words[1], headers)


async def _read_answer(reader: asyncio.StreamReader) -> bytes:
    """The head of a server's answer, made the last one of its connection. Raises EOFError for what is none."""
    while True:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError as error:
            raise EOFError from error
        first, *lines = head[:-4].decode("latin-1").split("\r\n")
        words = first.split(" ", 2)
        headers = _headers(lines)
        if len(words) < 2 or not words[0].startswith("HTTP/1.") or headers is None:
            raise EOFError
        if not words[1].startswith("1"):  # others only announce the answer
            return _joined(first, headers)


def _headers(lines: list[str]) -> tuple[tuple[str, str], ...] | None:
    """Names and values; None where a line is no header: folded, without a name, or with a bare CR or LF in it."""
    headers = []
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip() or any(sign in line for sign in "\r\n\0"):
            return None
        headers.append((name, value.strip()))
    return tuple(headers)


def _length(request: _Request) -> int:
    lengths = {value for name, value in request.headers if name.lower() == "content-length"}
    text = lengths.pop() if len(lengths) == 1 else "0"
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else 0


def _head_for(request: _Request, target: Target) -> bytes:
    """The request as its server gets it: with its path alone, the host that was checked, and nothing that is for the proxy."""
    authority, _, path = target.url.removeprefix("http://").partition("/")
    dropped = {"host", "content-length", "proxy-authorization"}
    kept = [(name, value) for name, value in request.headers if name.lower() not in dropped]
    length = [("Content-Length", str(_length(request)))] if request.has("content-length") else []
    return _joined(f"{request.method} /{path} HTTP/1.1", (("Host", authority), *kept, *length))


def _joined(first: str, headers: tuple[tuple[str, str], ...]) -> bytes:
    kept = [f"{name}: {value}" for name, value in headers if name.lower() not in _HOP_BY_HOP]
    return "\r\n".join([first, *kept, "Connection: close", "", ""]).encode("latin-1")


async def _answer(writer: asyncio.StreamWriter, status: HTTPStatus, message: str) -> None:
    body = f"{message}\n".encode()
    wants = ["Proxy-Authenticate: Basic"] if status is HTTPStatus.PROXY_AUTHENTICATION_REQUIRED else []
    lines = [
        f"HTTP/1.1 {status.value} {status.phrase}",
        "Content-Type: text/plain; charset=utf-8",
        f"Content-Length: {len(body)}",
        *wants,
    ]
    writer.write("\r\n".join([*lines, "Connection: close", "", ""]).encode() + body)
    await _finish(writer)


def _reset(writer: asyncio.StreamWriter) -> None:
    """Have a connection that is closed next end in a fault at its other end (SO_LINGER of 0 seconds)."""
    with suppress(OSError):
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


async def _finish(writer: asyncio.StreamWriter) -> None:
    """Close a connection once what was written is sent."""
    writer.close()
    await writer.wait_closed()
