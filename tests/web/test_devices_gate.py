"""The gate in front of the Devices API: which key opens which path, and what becomes of a connection whose body is not wanted."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from uuid import uuid4

import pytest
from starlette.responses import Response

from calotype.domain.device import DuplicatePolicy
from calotype.domain.errors import Unauthenticated
from calotype.domain.principal import CallingDevice, Principal
from calotype.web.apis.devices.auth import UPLOAD, DevicesFormat
from calotype.web.apis.files.auth import FilesFormat
from calotype.web.shared import unread_body
from calotype.web.shared.gate import Gate
from calotype.web.shared.rate_limit import RateLimiter
from calotype.web.shared.unread_body import UnreadBody
from tests.web.test_gate import ApiKeys

DEVICE = Principal(uuid4(), uuid4(), CallingDevice(uuid4(), DuplicatePolicy.REJECT))
OPERATOR_PATHS = [
    "/api/device",
    "/api/devices",
    "/api/devices/x",
    "/api/devices/x/rotate-key",
    "/api/batches",
    "/api/batches/x/close",
    "/api/webhooks",
]
DEVICE_PATHS = [UPLOAD, "/api/device/x"]


class Devices:
    """Knows one device's key."""

    async def authenticate(self, key):
        """The principal of the key."""
        if key != "adk_good":
            raise Unauthenticated("Invalid device key", scheme="DeviceKey")
        return DEVICE


async def send(path, *pieces, method="POST", reads=0, limit=100, ends=True, **headers):
    """Send a request of which an application reads so many messages.

    Returns status, headers, and how many had been taken when the whole answer was sent, though perhaps not its end.
    """
    wire, sent, waiting, taken = DevicesFormat(), [], list(pieces), []

    async def application(scope, receive, send_):
        for _ in range(reads):
            await receive()
        await Response("read")(scope, receive, send_)

    async def receive():
        if not waiting and not ends:
            await asyncio.Event().wait()
        piece = waiting.pop(0) if waiting else b""
        return {"type": "http.request", "body": piece, "more_body": bool(waiting) or not ends}

    async def take(message):
        sent.append(message)
        if message["type"] == "http.response.body":
            taken.append(len(pieces) - len(waiting))

    services = SimpleNamespace(api_keys=ApiKeys(), devices=Devices())
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": b"",
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
        "app": SimpleNamespace(state=SimpleNamespace(application=services)),
    }
    gate = Gate(application, formats=[FilesFormat(), wire], fallback=wire, limiter=RateLimiter(limit, 10**9))
    await gate(scope, receive, take)
    answered = {name.decode().lower(): value.decode() for name, value in sent[0]["headers"]}
    assert [bool(message.get("more_body")) for message in sent[1:]] == [True] * (len(sent) - 2) + [False]
    assert ends is False or method in {"GET", "HEAD"} or not wire.is_streamed(path) or not waiting
    return sent[0]["status"], answered, taken[0], scope


CLOSES = {"connection": "close"}


def closing(headers):
    """What an answer says of its connection."""
    return {name: value for name, value in headers.items() if name == "connection"}


# ------------------------------------------------------------------ which key


@pytest.mark.parametrize("path", OPERATOR_PATHS)
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"authorization": "Bearer good"}, 200),
        ({"x_api_key": "good"}, 200),
        ({}, 401),
        ({"x_device_key": "adk_good"}, 401),
        ({"authorization": "Bearer adk_good"}, 401),
        ({"x_api_key": "adk_good"}, 401),
        ({"x_device_key": "good"}, 401),
        ({"x_device_key": "adk_good", "authorization": "Bearer adk_good"}, 401),
    ],
)
async def test_operators_come_with_an_api_key(path, headers, status):
    """A device's key opens none of their paths, in whichever header it is sent."""
    found, answered, _, scope = await send(path, **headers)
    assert found == status
    if status == 401:
        assert answered["www-authenticate"] == "Bearer"
    else:
        assert scope["state"]["principal"].device is None


@pytest.mark.parametrize("path", DEVICE_PATHS)
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"x_device_key": "adk_good"}, 200),
        ({"x_device_key": "  adk_good "}, 200),
        ({}, 401),
        ({"x_device_key": "good"}, 401),
        ({"authorization": "Bearer good"}, 401),
        ({"x_api_key": "good"}, 401),
        ({"authorization": "Bearer adk_good"}, 401),
        ({"x_device_key": "adk_other", "authorization": "Bearer good"}, 401),
    ],
)
async def test_devices_come_with_their_own_key(path, headers, status):
    """An API key opens none of their paths."""
    found, answered, _, scope = await send(path, **headers)
    assert found == status
    if status == 401:
        assert answered["www-authenticate"] == "DeviceKey"
    else:
        assert scope["state"]["principal"] is DEVICE


@pytest.mark.parametrize(
    "path", ["/api/device/../devices", "/api/devices/../device/images/upload", "/api/device%2Fx", "/api//devices"]
)
async def test_no_other_way_of_writing_a_path_opens_it(path):
    """A device's key opens what begins with the devices' own prefix, as its route is declared, and nothing else."""
    status, *_, scope = await send(path, x_device_key="adk_good")
    principal = scope["state"].get("principal")
    assert principal is None or scope["path"].startswith("/api/device/")
    assert status in {200, 401}


@pytest.mark.parametrize("path", [f"{UPLOAD}/", f"{UPLOAD}//"])
async def test_a_slash_at_the_end_is_the_same_path(path):
    """Also for what is streamed: no redirect loses the body."""
    status, _, _, scope = await send(path, b"x" * 3_000_000, reads=1, x_device_key="adk_good")
    assert (status, scope["path"]) == (200, UPLOAD)


# ------------------------------------------------- bodies that are not wanted


async def test_a_stranger_is_answered_first_and_not_kept():
    """The refusal comes before anything is read and closes the connection, else the server would read for as long as he sends."""
    status, headers, taken, _ = await send(UPLOAD, b"x", b"y", x_device_key="adk_bad")
    assert (status, closing(headers), taken) == (401, CLOSES, 0)


async def test_whoever_sends_too_often_is_answered_first_and_not_kept():
    """The same for the limit on requests."""
    status, headers, taken, _ = await send(UPLOAD, b"x", b"y", x_device_key="adk_good", limit=0)
    assert (status, closing(headers), taken) == (429, CLOSES, 0)


@pytest.mark.parametrize(("reads", "closes"), [(0, True), (1, True), (2, True), (3, False)])
async def test_a_connection_is_kept_when_its_body_was_read_to_the_end(reads, closes):
    """And only then; however the answer came about."""
    status, headers, taken, _ = await send(UPLOAD, b"x", b"y", b"z", reads=reads, x_device_key="adk_good")
    assert (status, closing(headers), taken) == (200, CLOSES if closes else {}, reads)


async def test_a_body_that_never_ends_is_waited_for_no_longer_than_a_while(monkeypatch):
    """All that was sent so far has been read, and there is more to come that does not come."""
    monkeypatch.setattr(unread_body, "_SILENCE", 0.01)
    _, headers, _, _ = await send(UPLOAD, b"x", reads=1, ends=False, x_device_key="adk_good")
    assert closing(headers) == CLOSES


async def test_a_body_without_end_is_read_no_longer_than_a_while(monkeypatch):
    """Though its sender never falls silent."""
    monkeypatch.setattr(unread_body, "_LONGEST", 0.05)

    async def receive():
        await asyncio.sleep(0)
        return {"type": "http.request", "body": b"x", "more_body": True}

    body = UnreadBody(receive)
    await body.read_off()
    assert not body.is_left


@pytest.mark.parametrize(
    ("method", "path"), [("GET", UPLOAD), ("HEAD", UPLOAD), ("POST", "/api/devices"), ("DELETE", "/api/devices/x")]
)
async def test_other_requests_keep_their_connection(method, path):
    """Refused or not: their bodies are short, or they have none."""
    for headers in ({}, {"x_device_key": "adk_good"}, {"x_api_key": "good"}):
        _, answered, _, _ = await send(path, method=method, **headers)
        assert closing(answered) == {}


async def test_uploads_of_other_doors_are_closed_in_the_same_way():
    """Every path whose body is parsed as it arrives."""
    status, headers, _, _ = await send("/api/v2/user-files/upload/stream", b"x", b"y")
    assert (status, closing(headers)) == (401, CLOSES)
