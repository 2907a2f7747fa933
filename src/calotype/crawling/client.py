"""One HTTP client that connects to addresses which were checked for this very request, and to nothing else."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from calotype.crawling.addresses import Address
from calotype.crawling.codings import IDENTITY
from calotype.domain.errors import DownloadFailed

_MAX_ADDRESSES = 8  # of one host; more are not tried

_KEPT_FOR = 4.0  # seconds; many servers close a connection that is idle for 5, and what was just sent there is lost

# The addresses the request running in this context may connect to. The library does not ask its resolver about hosts that
# are addresses already, so the sockets themselves are held against it, too.
_checked: ContextVar[Sequence[Address]] = ContextVar("checked", default=())

_SENTENCES: tuple[tuple[type[Exception], str], ...] = (  # the first that fits
    (aiohttp.ConnectionTimeoutError, "the server did not take the connection in time"),
    (TimeoutError, "the server was silent for too long"),
    (aiohttp.ClientConnectorError, "no connection to the server could be made"),
    (aiohttp.ServerDisconnectedError, "the server closed the connection without an answer"),
    (aiohttp.ClientPayloadError, "the answer ended before it was whole"),
    (aiohttp.ClientResponseError, "the server did not answer in valid HTTP"),
)

# A certificate is not mended, and a program not changed, within a minute.
_LASTING = (
    aiohttp.ClientConnectorCertificateError,
    aiohttp.ClientConnectorSSLError,
    aiohttp.ClientResponseError,
    PermissionError,
)


class Client:
    """GET and POST without redirects, cookies, credentials, caches, proxies, decompression, or anything from the environment."""

    def __init__(self, *, agent: str, connect: float, idle: float, keeps: bool = False) -> None:
        connector = aiohttp.TCPConnector(
            resolver=_CheckedResolver(),
            use_dns_cache=False,
            # A kept connection would serve a request whose addresses were never compared with its own.
            force_close=not keeps,
            keepalive_timeout=_KEPT_FOR if keeps else None,
            limit=0,  # callers know how many they start
            socket_factory=_checked_socket,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": agent, "Accept": "*/*", "Accept-Encoding": IDENTITY},
            timeout=aiohttp.ClientTimeout(total=None, connect=connect, sock_read=idle),
            auto_decompress=False,
            trust_env=False,
        )

    async def get(
        self, url: str, addresses: Sequence[Address], *, accept_encoding: str = IDENTITY
    ) -> aiohttp.ClientResponse:
        """Ask for a URL (ASCII, escaped) at the first of these addresses that answers; the body is not read yet.

        Raises DownloadFailed.
        """
        return await self._request("GET", url, addresses, None, {"Accept-Encoding": accept_encoding})

    async def post(
        self, url: str, addresses: Sequence[Address], body: bytes, headers: Mapping[str, str]
    ) -> aiohttp.ClientResponse:
        """The same, bringing a body; it is sent once, whatever happens to the connection. Raises DownloadFailed."""
        return await self._request("POST", url, addresses, body, headers)

    async def _request(
        self, method: str, url: str, addresses: Sequence[Address], body: bytes | None, headers: Mapping[str, str]
    ) -> aiohttp.ClientResponse:
        token = _checked.set(tuple(addresses[:_MAX_ADDRESSES]))
        try:
            with failures_named():
                # `encoded`: the text is sent as it is, because signed links do not survive another escaping.
                target = URL(url, encoded=True)
                return await self._session.request(method, target, data=body, headers=headers, allow_redirects=False)
        finally:
            _checked.reset(token)

    async def aclose(self) -> None:
        """Close everything that is open."""
        await self._session.close()


class _CheckedResolver(AbstractResolver):
    """Answers every question with the addresses that were checked."""

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,  # noqa: ARG002  # the base class passes it; all are given
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host,
                host=str(address),
                port=port,
                family=socket.AF_INET if address.version == 4 else socket.AF_INET6,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
            for address in _checked.get()
        ]

    async def close(self) -> None:
        """Nothing is held."""


def _checked_socket(info: aiohttp.AddrInfoType) -> socket.socket:
    family, kind, protocol, _, where = info
    if str(where[0]) not in {str(address) for address in _checked.get()}:
        raise PermissionError("this address was not checked")
    return socket.socket(family, kind, protocol)


@contextmanager
def failures_named() -> Iterator[None]:
    """Turn what the client library raises into DownloadFailed, whose message names the kind and never an address."""
    try:
        yield
    except (aiohttp.ClientError, OSError) as error:
        raise DownloadFailed(_named(error), is_passing=not isinstance(error, _LASTING)) from error


def _named(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        kind = str(getattr(error.certificate_error, "verify_message", "")).partition(",")[0]  # names may follow
        return f"the certificate of the server is not valid ({kind or 'unknown'})"
    if isinstance(error, aiohttp.ClientConnectorSSLError):
        kind = str(getattr(error.os_error, "reason", None) or "unknown").replace("_", " ").lower()
        return f"no secure connection could be made ({kind})"
    return next((sentence for kind, sentence in _SENTENCES if isinstance(error, kind)), "the connection broke")
