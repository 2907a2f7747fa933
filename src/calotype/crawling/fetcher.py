"""Fetching a file from a URL that a client named, or bringing something there.

Neither makes the server a client's way into the network it stands in.
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from calotype.crawling.address_check import AddressCheck
from calotype.crawling.addresses import Allowed
from calotype.crawling.codings import IDENTITY, UNPACKED, Unpacker, shown, unpacker_of
from calotype.crawling.lookup import Lookup
from calotype.crawling.pace import Pace
from calotype.crawling.urls import Target, filename_in
from calotype.domain.errors import DownloadFailed, TooLarge

if TYPE_CHECKING:  # the library takes a tenth of a second to load, which commands that fetch nothing need not wait for
    from aiohttp import ClientResponse

    from calotype.crawling.client import Client

MAX_REDIRECTS = 5
_READ_OF_ANSWER = 64 * 1024  # bytes; a server that is cut short may take what it did for undone
_READ_FOR = 1.0  # seconds

_REDIRECTS = {
    HTTPStatus.MOVED_PERMANENTLY,
    HTTPStatus.FOUND,
    HTTPStatus.SEE_OTHER,
    HTTPStatus.TEMPORARY_REDIRECT,
    HTTPStatus.PERMANENT_REDIRECT,
}
# What sites say to whoever is no browser.
_REFUSING = {
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.NOT_ACCEPTABLE,
    HTTPStatus.TOO_MANY_REQUESTS,
}
# Asking again later may help.
_PASSING = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}
_CHARSET = re.compile(r";[ \t]*charset[ \t]*=[ \t]*[\"']?([A-Za-z0-9][A-Za-z0-9._:+-]{0,39})", re.IGNORECASE)

Permit = Callable[[str], Awaitable[object]]
"""Asked about each URL before it is asked for; what it raises ends the fetch."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer whose body is about to come.

    `url` is where it came from after redirects, without fragment; `content_type` the media type in lower case without
    parameters, as the server claims; `length` the bytes it announced; `filename` the last path segment of the URL asked for, or
    of the final one; `chunks` the body, to be read once; `charset` the encoding of its text in lower case, as the server claims.
    """

    url: str
    content_type: str | None
    length: int | None
    filename: str | None
    chunks: AsyncIterator[bytes]
    charset: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said to what was brought to it; `retry_after` is that header as it came."""

    status: int
    retry_after: str | None

    @property
    def is_success(self) -> bool:
        """Whether the server took it."""
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES

    @property
    def is_redirect(self) -> bool:
        """Whether the server would rather have it elsewhere."""
        return self.status in _REDIRECTS

    @property
    def asks_for_patience(self) -> bool:
        """Whether the server has too much to do for the moment."""
        return self.status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer, whatever its status; `retry_after` is that header as it came."""

    status: int
    retry_after: str | None
    body: bytes


class Fetcher:
    """The one way to open connections to where clients say; safe to be used by many tasks at once.

    `connect` limits a lookup, and making a connection; `idle` the silence between two packets; `total` a whole fetch with all
    its redirects; all in seconds. With `keeps` a connection serves further requests to the same host without its addresses
    being compared again, which is right only where the operator named the host.
    """

    def __init__(
        self,
        allowed: Allowed | None = None,
        *,
        version: str,
        connect: float = 10,
        idle: float = 20,
        total: float = 60,
        lookup: Lookup | None = None,
        keeps: bool = False,
    ) -> None:
        self._keeps = keeps
        self.check = AddressCheck(allowed, seconds=connect, lookup=lookup)
        self._agent = f"Calotype/{version}"
        self._connect = connect
        self._idle = idle
        self._total = total
        self._made: Client | None = None

    def check_url(self, url: str) -> None:
        """Refuse a URL for what its text alone shows, under this installation's settings. Raises AddressNotAllowed."""
        self.check.target(url)

    @asynccontextmanager
    async def fetch(
        self,
        url: str,
        *,
        limit: int,
        least_rate: float | None = None,
        unpacks: bool = False,
        permit: Permit | None = None,
    ) -> AsyncIterator[Fetched]:
        """GET a URL and give its body, at most `limit` bytes, as it arrives.

        With `least_rate`, in bytes a second, the time it may take grows with what has arrived, so that large files come through
        and servers that drip do not hold on. With `unpacks`, for pages, compression is asked for and undone; then `limit` is one
        of the bytes that come out, and `length` is not known of what is compressed. `permit` is asked before each request, those
        that redirects lead to included, within the time of the fetch.

        Raises AddressNotAllowed, DownloadFailed, and TooLarge (with `limit`, and `actual` when it was announced); while
        `chunks` is read, too. The connection is closed at the end, whether or not everything was read.
        """
        pace, start = Pace(self._total, least_rate), asyncio.get_running_loop().time()
        accepted = UNPACKED if unpacks else IDENTITY
        target, response = await self._follow(self.check.target(url), pace, start, accepted, permit)
        try:
            _check_status(response)
            unpacker = _unpacker(response, accepted)
            length = _check_length(response, limit)
            async with aclosing(_body(response, unpacker, limit, pace, start)) as chunks:
                yield Fetched(
                    url=target.url,
                    content_type=_media_type(response),
                    length=None if unpacker else length,
                    filename=filename_in(url) or filename_in(target.url),
                    chunks=chunks,
                    charset=_charset(response),
                )
        finally:
            response.close()

    async def beginning(self, url: str, *, limit: int) -> Reply:
        """GET a URL and give the first `limit` bytes of its answer, whatever its status; redirects are followed.

        Raises AddressNotAllowed, and DownloadFailed, with `is_endless` in the context for more redirects than are followed.
        """
        pace, start = Pace(self._total), asyncio.get_running_loop().time()
        _, response = await self._follow(self.check.target(url), pace, start, UNPACKED, None)
        try:
            retry_after = response.headers.get("Retry-After")
            if response.status != HTTPStatus.OK:
                return Reply(response.status, retry_after, b"")
            unpacker, body = _unpacker(response, UNPACKED), bytearray()
            async with aclosing(_body(response, unpacker, sys.maxsize, pace, start)) as chunks:
                async for chunk in chunks:
                    body += chunk
                    if len(body) >= limit:
                        break
            return Reply(response.status, retry_after, bytes(body[:limit]))
        finally:
            response.close()

    async def post(self, url: str, body: bytes, headers: Mapping[str, str], *, seconds: float) -> Answer:
        """POST a body and give the answer, whatever it says; redirects are not followed, and its body is of no interest.

        Raises AddressNotAllowed, and DownloadFailed when there was no answer within so many seconds.
        """
        try:
            async with asyncio.timeout(seconds):
                response = await self._post(url, body, headers)
        except TimeoutError as error:
            raise _no_answer(seconds) from error
        try:
            await _let_finish(response)
            return Answer(response.status, response.headers.get("Retry-After"))
        finally:
            response.close()

    async def ask(self, url: str, body: bytes, headers: Mapping[str, str], *, seconds: float, limit: int) -> Reply:
        """POST a body and give the whole answer, whatever its status; redirects are not followed.

        Raises AddressNotAllowed; DownloadFailed when it was not whole within so many seconds, or is compressed; and TooLarge
        beyond `limit` bytes.
        """
        try:
            async with asyncio.timeout(seconds):
                response = await self._post(url, body, headers)
                try:
                    return Reply(response.status, response.headers.get("Retry-After"), await _whole(response, limit))
                finally:
                    response.close()  # a connection whose answer was read to its end is in the pool already
        except TimeoutError as error:
            raise _no_answer(seconds) from error

    async def _post(self, url: str, body: bytes, headers: Mapping[str, str]) -> ClientResponse:
        target = self.check.target(url)
        return await self._client().post(target.url, await self.check.addresses(target), body, headers)

    async def aclose(self) -> None:
        """Close all connections; fetches that are running fail, as do later ones."""
        self.check.close()
        if self._made:
            await self._made.aclose()

    async def _follow(
        self, target: Target, pace: Pace, start: float, accepted: str, permit: Permit | None
    ) -> tuple[Target, ClientResponse]:
        """Ask, and ask again where redirects lead to; every target is checked before anything is sent to it."""
        try:
            async with asyncio.timeout_at(start + pace.allowed(0)):
                for _ in range(MAX_REDIRECTS + 1):
                    if permit:
                        await permit(target.url)
                    addresses = await self.check.addresses(target)
                    response = await self._client().get(target.url, addresses, accept_encoding=accepted)
                    if response.status not in _REDIRECTS:
                        return target, response
                    response.close()
                    location = response.headers.get("Location")
                    if not location:
                        raise DownloadFailed("the server redirects without saying where to")
                    target = self.check.redirected(target, location)
        except TimeoutError as error:
            raise _too_slow(pace) from error
        raise DownloadFailed(f"there are more than {MAX_REDIRECTS} redirects", is_endless=True)

    def _client(self) -> Client:
        self.check.check_open()
        if self._made is None:
            from calotype.crawling.client import Client

            self._made = Client(agent=self._agent, connect=self._connect, idle=self._idle, keeps=self._keeps)
        return self._made


def may_pass(status: int) -> bool:
    """Whether a server that answered so may have another answer in a while."""
    return status in _PASSING or status >= HTTPStatus.INTERNAL_SERVER_ERROR


async def _body(
    response: ClientResponse, unpacker: Unpacker | None, limit: int, pace: Pace, start: float
) -> AsyncGenerator[bytes, None]:
    """The body, unpacked where it has to be, at most `limit` bytes of it. Raises TooLarge, and DownloadFailed."""
    async with aclosing(_chunks(response, limit, pace, start)) as chunks:
        if unpacker is None:
            async for chunk in chunks:
                yield chunk
            return
        left = limit
        async for chunk in chunks:
            for piece in unpacker.pieces(chunk):
                left -= len(piece)
                if left < 0:
                    raise _too_large(limit)
                yield piece
            if unpacker.is_over:
                return
    for piece in unpacker.finish():
        left -= len(piece)
        if left < 0:
            raise _too_large(limit)
        yield piece


async def _chunks(response: ClientResponse, limit: int, pace: Pace, start: float) -> AsyncGenerator[bytes, None]:
    from calotype.crawling.client import failures_named

    clock = asyncio.get_running_loop().time
    received = 0
    while True:
        try:
            # Only the network is interrupted: what is done with a chunk lies outside. The deadline counts it, though.
            async with asyncio.timeout_at(start + pace.allowed(received)):
                with failures_named():
                    chunk = await response.content.readany()
        except TimeoutError as error:
            raise _too_slow(pace) from error
        if not chunk:
            return
        received += len(chunk)
        if received > limit:
            raise _too_large(limit)
        if clock() > start + pace.allowed(received):
            raise _too_slow(pace)
        yield chunk


def _too_slow(pace: Pace) -> DownloadFailed:
    return DownloadFailed(pace.sentence, is_passing=True)


async def _let_finish(response: ClientResponse) -> None:
    """Take an answer's body off the server's hands, as far as that is soon done."""
    from calotype.crawling.client import failures_named

    received = 0
    with suppress(DownloadFailed, TimeoutError):
        async with asyncio.timeout(_READ_FOR):
            with failures_named():
                while received < _READ_OF_ANSWER and (chunk := await response.content.readany()):
                    received += len(chunk)


async def _whole(response: ClientResponse, limit: int) -> bytes:
    from calotype.crawling.client import failures_named

    _unpacker(response, IDENTITY)
    _check_length(response, limit)
    parts: list[bytes] = []
    received = 0
    with failures_named():
        while chunk := await response.content.readany():
            received += len(chunk)
            if received > limit:
                raise _too_large(limit)
            parts.append(chunk)
    return b"".join(parts)


def _check_status(response: ClientResponse) -> None:
    """Raises DownloadFailed for anything but a plain 200."""
    if response.status != HTTPStatus.OK:
        raise DownloadFailed(
            f"the server answered {response.status}",
            is_passing=may_pass(response.status),
            is_refusal=response.status in _REFUSING,
        )


def _unpacker(response: ClientResponse, accepted: str) -> Unpacker | None:
    """What unpacks the answer, if anything has to. Raises DownloadFailed for codings nobody asked for."""
    codings = [value.strip() for value in response.headers.getall("Content-Encoding", [])]
    unpacker = unpacker_of(", ".join(codings), accepted)
    transfer = ", ".join(response.headers.getall("Transfer-Encoding", []))
    if transfer.lower() not in {"", "chunked"}:
        raise DownloadFailed(f"the answer has a transfer coding that was not asked for ({shown(transfer)})")
    return unpacker


def _check_length(response: ClientResponse, limit: int) -> int | None:
    """The length that is announced. Raises TooLarge."""
    length = response.content_length
    if length is not None and length > limit:
        raise _too_large(limit, actual=length)
    return length


def _no_answer(seconds: float) -> DownloadFailed:
    return DownloadFailed(f"there was no answer within {seconds:g} seconds")


def _media_type(response: ClientResponse) -> str | None:
    value = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return value or None


def _charset(response: ClientResponse) -> str | None:
    found = _CHARSET.search(response.headers.get("Content-Type", ""))
    return found[1].lower() if found else None


def _too_large(limit: int, **context: int) -> TooLarge:
    return TooLarge(f"the file is larger than {limit} bytes", limit=limit, **context)
