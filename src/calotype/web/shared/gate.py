"""The gate in front of all routes: request ids, authentication, rate limits, metrics, and the last line of error handling.

It is plain ASGI, because authentication must come before anything of the body is looked at, and because it must cost nothing
on a gigabyte of upload.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from calotype.bootstrap import Application
from calotype.domain.errors import CalotypeError, RateLimited, Unauthenticated
from calotype.web.shared.body_limit import limited
from calotype.web.shared.metrics import REQUESTS, SECONDS
from calotype.web.shared.rate_limit import RateLimiter, RateState
from calotype.web.shared.request_id import request_id
from calotype.web.shared.wire_format import WireFormat

_log = structlog.get_logger("calotype.web")


class Gate:
    """Wraps the whole application; `formats` are asked by path prefix, `fallback` speaks for everything else."""

    def __init__(
        self, app: ASGIApp, *, formats: Sequence[WireFormat], fallback: WireFormat, limiter: RateLimiter
    ) -> None:
        self._app = app
        self._formats = formats
        self._fallback = fallback
        self._limiter = limiter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection; anything but HTTP passes untouched."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        passage = _Passage(request_id(headers.get("x-request-id")), send)
        state = scope.setdefault("state", {})
        state["request_id"] = passage.request_id
        wire = self.format_of(scope["path"])
        state["wire_format"] = wire or self._fallback
        try:
            refusal = await self._admit(wire, scope, headers, passage) if wire else None
            if refusal is None:
                # Told by the route, never by the type the client names: the framework reads any other body whole.
                whole = wire and scope["path"] not in wire.streamed
                await self._app(scope, limited(receive) if whole else receive, passage.send)
            else:
                await refusal(scope, receive, passage.send)
        except ClientDisconnect:
            _log.info("client went away", path=scope["path"], request_id=passage.request_id)
        except Exception:
            _log.exception("unexpected fault", path=scope["path"], request_id=passage.request_id)
            if not passage.status:
                await (wire or self._fallback).fault(passage.request_id)(scope, receive, passage.send)
        finally:
            route = _route_of(scope, wire)
            REQUESTS.labels(route, scope["method"], passage.status).inc()
            SECONDS.labels(route, scope["method"]).observe(time.perf_counter() - passage.started)

    def format_of(self, path: str) -> WireFormat | None:
        """The wire format a path belongs to."""
        for wire in self._formats:
            if path == wire.prefix or path.startswith(wire.prefix + "/"):
                return wire
        return None

    async def _admit(self, wire: WireFormat, scope: Scope, headers: Headers, passage: _Passage) -> Response | None:
        """Authenticate and count; the answer to send instead, if the request may not pass."""
        application: Application = scope["app"].state.application
        refusal: CalotypeError | None = None
        try:
            principal = await wire.authenticate(headers, application)
        except Unauthenticated as error:
            refusal = error
            client = scope.get("client")
            bucket = f"address {client[0] if client else '?'}"
        except CalotypeError as error:
            return wire.error(error, passage.request_id)
        else:
            scope["state"]["principal"] = principal
            bucket = f"key {principal.api_key_id}"
        passage.rate = self._limiter.hit(bucket)
        if not passage.rate.allowed:
            refusal = RateLimited("Too many requests", retry_after=passage.rate.retry_after)
        return wire.error(refusal, passage.request_id) if refusal else None


def _route_of(scope: Scope, wire: WireFormat | None) -> str:
    """The path as it was declared, ids as placeholders, so that metrics have few series."""
    path: str = getattr(scope.get("route"), "path", "")
    if not path:
        return "other"
    return path if wire is None or path.startswith(wire.prefix) else wire.prefix + path


class _Passage:
    """One request on its way through the gate; adds the common headers to its answer."""

    def __init__(self, identity: str, send: Send) -> None:
        self.request_id = identity
        self.rate: RateState | None = None
        self.status = 0
        self.started = time.perf_counter()
        self._send = send

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers["X-Request-ID"] = self.request_id
            if self.rate is not None:
                headers["X-RateLimit-Limit"] = str(self.rate.limit)
                headers["X-RateLimit-Remaining"] = str(self.rate.remaining)
                headers["X-RateLimit-Reset"] = str(self.rate.resets_at)
        await self._send(message)
