"""The gate in front of all routes, with an application of its own behind it."""

from __future__ import annotations

import json
from types import SimpleNamespace
from uuid import uuid4

import httpx
import pytest
import structlog
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from calotype.domain.errors import CredentialExpired, Unauthenticated, Unavailable
from calotype.domain.principal import Principal
from calotype.web.apis.files.auth import FilesFormat
from calotype.web.shared.body_limit import MAX_BODY_BYTES, limited
from calotype.web.shared.gate import Gate
from calotype.web.shared.rate_limit import RateLimiter
from tests.web.asgi import receiver

KEYS = {"good": Principal(uuid4(), uuid4()), "other": Principal(uuid4(), uuid4())}
SECRET = "postgresql://user:password@host/database"


class ApiKeys:
    """Knows two keys, and fails in all the ways authentication can."""

    async def authenticate(self, token):
        """The principal of a key, or one of the failures."""
        match token:
            case "expired":
                raise CredentialExpired("This API key has expired")
            case "no-database":
                raise Unavailable(f"cannot connect to {SECRET}")
            case "fault":
                raise RuntimeError(SECRET)
        if token not in KEYS:
            raise Unauthenticated("Invalid API key")
        return KEYS[token]


def gate(application, limit=100):
    """An HTTP client for an application behind a gate."""
    wire = FilesFormat()
    inner = Gate(application, formats=[wire], fallback=wire, limiter=RateLimiter(limit, 10**9))
    state = SimpleNamespace(application=SimpleNamespace(api_keys=ApiKeys()))

    async def outer(scope, receive, send):
        scope["app"] = SimpleNamespace(state=state)
        await inner(scope, receive, send)

    return httpx.AsyncClient(transport=httpx.ASGITransport(outer), base_url="http://server")


def headers(token):
    """The credential of the Files API."""
    return {"Authorization": f"Bearer {token}"}


async def greet(scope, receive, send):
    """Answer with who is asking."""
    principal = scope["state"].get("principal")
    await Response(str(principal and principal.tenant_id))(scope, receive, send)


async def test_a_valid_key_passes_with_its_principal():
    """The application learns who is asking, and the answer carries the common headers."""
    async with gate(greet) as client:
        answer = await client.get("/api/v2/x", headers=headers("good"))
    assert (answer.status_code, answer.text) == (200, str(KEYS["good"].tenant_id))
    assert answer.headers["x-ratelimit-remaining"] == "99"
    assert answer.headers["x-request-id"]


@pytest.mark.parametrize("path", ["/health", "/_o/uploads/x", "/api/v20/x", "/api/v2x", "/"])
async def test_other_paths_need_no_key(path):
    """Only paths below a wire format's prefix are asked for a key and counted."""
    async with gate(greet) as client:
        answer = await client.get(path)
    assert (answer.status_code, answer.text) == (200, "None")
    assert "x-ratelimit-limit" not in answer.headers
    assert answer.headers["x-request-id"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "cache-control" not in answer.headers


async def test_what_a_key_opens_is_kept_by_no_cache_on_the_way():
    """A cache that knows nothing of our keys may not give one client's answer to the next, unless the route says otherwise."""

    async def cached(scope, receive, send):
        await Response("a picture", headers={"Cache-Control": "private, max-age=60"})(scope, receive, send)

    for application, key, caching in (
        (greet, "good", "no-store"),
        (greet, "bad", "no-store"),
        (cached, "good", "private, max-age=60"),
    ):
        async with gate(application) as client:
            answer = await client.get("/api/v2/x", headers=headers(key))
        assert answer.headers["cache-control"] == caching
        assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("token", "status", "code"),
    [("bad", 401, "INVALID_API_KEY"), ("expired", 401, "EXPIRED_API_KEY"), ("no-database", 503, "INTERNAL_ERROR")],
)
async def test_who_is_not_known_does_not_pass(token, status, code):
    """The application is never reached, and the answer tells nothing of the inside."""

    async def unreachable(*_):
        raise AssertionError("the gate let somebody pass")

    async with gate(unreachable) as client:
        answer = await client.get("/api/v2/x", headers=headers(token))
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert SECRET not in answer.text


async def test_the_reason_of_an_outage_is_written_down():
    """The log names it and the path, as it does for routes; of refusals it says nothing."""
    with structlog.testing.capture_logs() as logs:
        async with gate(greet) as client:
            for token in ("no-database", "bad", "expired"):
                await client.get("/api/v2/x", headers=headers(token))
    told = {"event": "unavailable", "log_level": "error", "path": "/api/v2/x", "cause": "None"}
    assert logs == [{**told, "reason": f"cannot connect to {SECRET}"}]


async def test_buckets_belong_to_keys_and_strangers_to_their_address():
    """Each key has its own bucket, and all bad credentials of an address share one."""
    async with gate(greet, limit=2) as client:
        statuses = [(await client.get("/api/v2/x", headers=headers("good"))).status_code for _ in range(3)]
        other = (await client.get("/api/v2/x", headers=headers("other"))).status_code
        strangers = [(await client.get("/api/v2/x", headers=headers(f"bad{n}"))).status_code for n in range(3)]
    assert (statuses, other, strangers) == ([200, 200, 429], 200, [401, 401, 429])


@pytest.mark.parametrize("token", ["good", "fault"])
async def test_a_fault_is_500_and_tells_nothing(token):
    """An unexpected exception, of the application or of authentication, becomes the common error body without its text."""

    async def faulty(*_):
        raise RuntimeError(SECRET)

    async with gate(faulty) as client:
        answer = await client.get("/api/v2/x", headers={**headers(token), "X-Request-ID": "mine"})
    assert answer.status_code == 500
    assert answer.headers["x-request-id"] == "mine"
    assert answer.json() == {
        "error": {"code": "INTERNAL_ERROR", "message": "An unexpected error occurred", "details": {}},
        "request_id": "mine",
        "detail": "An unexpected error occurred",
    }


async def test_a_fault_after_the_beginning_of_an_answer_sends_nothing_more():
    """What has begun cannot become a 500; the answer just ends there."""
    sent = []

    async def breaks_off(_scope, _receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError(SECRET)

    async def send(message):
        sent.append(message)

    wire = FilesFormat()
    inner = Gate(breaks_off, formats=[wire], fallback=wire, limiter=RateLimiter(9, 60))
    await inner({"type": "http", "path": "/health", "method": "GET", "headers": []}, receiver([]), send)
    assert [message["type"] for message in sent] == ["http.response.start"]


async def test_a_client_that_goes_away_is_no_fault():
    """A disconnect while the body is read ends the request without an answer."""
    sent = []

    async def reading(*_):
        raise ClientDisconnect

    async def send(message):
        sent.append(message)

    wire = FilesFormat()
    inner = Gate(reading, formats=[wire], fallback=wire, limiter=RateLimiter(9, 60))
    await inner({"type": "http", "path": "/health", "method": "GET", "headers": []}, receiver([]), send)
    assert sent == []


async def test_anything_but_http_passes_untouched():
    """The lifespan of the application is not the gate's business."""
    seen = []

    async def application(scope, _receive, _send):
        seen.append(scope)

    inner = Gate(application, formats=[FilesFormat()], fallback=FilesFormat(), limiter=RateLimiter(9, 60))
    await inner({"type": "lifespan"}, receiver([]), None)
    assert seen == [{"type": "lifespan"}]


async def _read_all(scope, receive, send):
    size = 0
    while True:
        message = await receive()
        size += len(message.get("body", b""))
        if not message.get("more_body"):
            break
    await Response(json.dumps(size))(scope, receive, send)


@pytest.mark.parametrize("content_type", ["application/json", "multipart/form-data; boundary=x", None])
@pytest.mark.parametrize(
    ("path", "passes"), [("/user-files/upload/stream", True), ("/user-files/upload/confirm", False)]
)
async def test_only_streamed_bodies_may_be_long(path, passes, content_type):
    """A body that would be read whole is limited, whatever its type claims; one that is parsed as it arrives is not."""
    body = b"x" * (MAX_BODY_BYTES + 1)
    given = {**headers("good"), **({"Content-Type": content_type} if content_type else {})}
    async with gate(_read_all) as client:
        answer = await client.post(f"/api/v2{path}", content=body, headers=given)
    assert answer.status_code == (200 if passes else 500)  # the framework between them makes it 413


async def test_the_limit_counts_all_pieces():
    """Exactly the limit passes; the piece that exceeds it is refused as 413."""
    receive = limited(receiver([b"x" * 6, b"x" * 4]), 10)
    assert [len((await receive())["body"]) for _ in range(3)] == [6, 4, 0]
    receive = limited(receiver([b"x" * 6, b"x" * 5]), 10)
    await receive()
    with pytest.raises(HTTPException) as refused:
        await receive()
    assert refused.value.status_code == 413
