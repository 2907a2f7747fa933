"""The gate in front of all routes: request ids, authentication, rate limits, metrics, and the last line of error handling.

It is plain ASGI, because authentication must come before anything of the body is looked at, and because it must cost nothing
on a gigabyte of upload.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import structlog
from starlette.datastructures import Headers, MutableHeaders, QueryParams
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from calotype.bootstrap import Application
from calotype.domain.budget import BudgetState
from calotype.domain.errors import CalotypeError, RateLimited, Unauthenticated
from calotype.web.shared.body_limit import limited
from calotype.web.shared.metrics import REQUESTS, SECONDS
from calotype.web.shared.rate_limit import RateLimiter
from calotype.web.shared.refusals import note_unavailable
from calotype.web.shared.request_id import request_id
from calotype.web.shared.unread_body import UnreadBody
from calotype.web.shared.wire_format import WireFormat, speaking

_WITHOUT_BODY = frozenset({"GET", "HEAD", "OPTIONS"})
_log = structlog.get_logger("calotype.web")


class Gate:
    """Wraps the whole application; `formats` are asked by path, `fallback` speaks for everything else."""

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
        wire, speaker = self.formats_of(scope["path"])
        passage = _Passage(
            request_id(headers.get("x-request-id"), speaker.usable_ids), send, is_private=wire is not None
        )
        state = scope.setdefault("state", {})
        state["request_id"] = passage.request_id
        state["wire_format"] = speaker
        # The framework would redirect to the other spelling, and a redirect loses the body of a POST.
        scope["path"] = speaker.canonical(scope["path"])
        try:
            is_streamed = wire is not None and wire.is_streamed(scope["path"])
            if is_streamed and scope["method"] not in _WITHOUT_BODY:
                passage.body = UnreadBody(receive)
                receive = passage.body.receive
            refusal = await self._admit(wire, scope, headers, passage) if wire else None
            if refusal is None:
                # Told by the route, never by the type the client names: the framework reads any other body whole.
                body = limited(receive, speaker.max_body_bytes) if wire and not is_streamed else receive
                await self._app(scope, body, passage.send)
            else:
                await refusal(scope, receive, passage.send)
        except ClientDisconnect:
            _log.info("client went away", path=scope["path"], request_id=passage.request_id)
        except Exception:
            _log.exception("unexpected fault", path=scope["path"], request_id=passage.request_id)
            if not passage.status:
                await speaker.refusals.fault(passage.request_id)(scope, receive, passage.send)
        finally:
            route = _route_of(scope, wire)
            REQUESTS.labels(route, scope["method"], passage.status).inc()
            SECONDS.labels(route, scope["method"]).observe(time.perf_counter() - passage.started)

    def formats_of(self, path: str) -> tuple[WireFormat | None, WireFormat]:
        """The wire format that asks for a key on a path, if one does, and the one that words its refusals."""
        wire, asks = speaking(path, self._formats)
        return wire if asks else None, wire or self._fallback

    async def _admit(self, wire: WireFormat, scope: Scope, headers: Headers, passage: _Passage) -> Response | None:
        """Authenticate and count; the answer to send instead, if the request may not pass."""
        application: Application = scope["app"].state.application
        refusal: CalotypeError | None = None
        try:
            principal = await wire.authenticate(scope["path"], QueryParams(scope["query_string"]), headers, application)
        except Unauthenticated as error:
            refusal = error
            client = scope.get("client")
            bucket = f"address {client[0] if client else '?'}"
        except CalotypeError as error:
            note_unavailable(error, scope["path"])
            return wire.refusals.to_wire(error, passage.request_id)
        else:
            scope["state"]["principal"] = principal
            bucket = f"key {principal.key_id}"
        rate = self._limiter.hit(bucket)
        passage.limits = wire.rate_headers(rate, None)
        budget: BudgetState | None = None
        if not rate.allowed:
            refusal = RateLimited("Too many requests", retry_after=rate.retry_after)
        elif refusal is None:
            try:
                budget = await wire.spend(scope["method"], scope["path"], principal, application)
            except CalotypeError as error:
                note_unavailable(error, scope["path"])
                return wire.refusals.to_wire(error, passage.request_id)
            if budget is not None and not budget.is_allowed:
                refusal = RateLimited(f"The {budget.limit} calls of 24 hours are used up", retry_after=budget.reset)
        passage.limits = wire.rate_headers(rate, budget)
        return wire.refusals.to_wire(refusal, passage.request_id) if refusal else None


def _route_of(scope: Scope, wire: WireFormat | None) -> str:
    """The path as it was declared, ids as placeholders, so that metrics have few series."""
    path: str = getattr(scope.get("route"), "path", "")
    if not path:
        return "other"
    return path if wire is None or path.startswith(wire.prefix) else wire.prefix + path


class _Passage:
    """One request on its way through the gate; adds the common headers to its answer."""

    def __init__(self, identity: str, send: Send, *, is_private: bool) -> None:
        self.request_id = identity
        self.is_private = is_private
        self.limits: dict[str, str] = {}
        self.status = 0
        self.body: UnreadBody | None = None
        """The body that is being sent, where it may be long."""
        self.started = time.perf_counter()
        self._send = send

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers["X-Request-ID"] = self.request_id
            headers.setdefault("X-Content-Type-Options", "nosniff")
            if self.is_private:
                # Caches know by themselves that answers under `Authorization` are one client's, but not under our other headers.
                headers.setdefault("Cache-Control", "no-store")
            for name, value in self.limits.items():
                # What an answer itself says of trying again is worth more.
                headers.setdefault(name, value)
            if self.body is not None and self.body.is_left:
                # Else the server would go on reading what nobody wants, for as long as a client likes to send.
                headers["Connection"] = "close"
        is_end = message["type"] == "http.response.body" and not message.get("more_body")
        if is_end and self.body is not None and self.body.is_left:
            # All of the answer is sent, but not yet its end, at which the connection is closed.
            await self._send({**message, "more_body": True})
            await self.body.read_off()
            message = {"type": "http.response.body", "body": b""}
        await self._send(message)
