"""Who may talk over the WebSocket, and what it says to frames nobody understands: section 6, point 35 of the checklist."""

from __future__ import annotations

import json

import pytest
from websockets.exceptions import InvalidStatus

from tests.contracts.batches import (
    ended_session,
    send_batch,
)
from tests.contracts.photos import photo
from tests.contracts.planting import expired_key, revoke
from tests.contracts.shapes import ERROR_CODES, brief, conforms, shaped, text
from tests.contracts.sockets import PATH, Socket


def test_a_key_in_the_header(server, key, owner):
    """A valid header needs no first frame; the snapshot is the body of the session's status."""
    body = send_batch(owner, photo())
    end = ended_session(owner, body["session_id"])
    with Socket(server, key) as socket:
        assert socket.subscribe(body["websocket_channel"]) == end


def test_a_key_in_the_first_frame(server, key, owner):
    """Without a header the first frame carries the key, and is confirmed."""
    body = send_batch(owner, photo())
    end = ended_session(owner, body["session_id"])
    with Socket(server) as socket:
        socket.authenticate(key)
        assert socket.subscribe(body["websocket_channel"]) == end


@pytest.mark.parametrize("kind", ["unknown", "malformed", "no key", "revoked", "expired"])
def test_an_invalid_header_refuses_the_handshake(server, kind):
    """A bad key in the header is answered 401 instead of a WebSocket, with the common error body."""
    if kind == "expired":
        bad = expired_key(server)
    elif kind == "revoked":
        bad = server.new_key()
        revoke(server, bad)
    else:
        bad = {"unknown": "calo_" + "z" * 40, "malformed": "z", "no key": ""}[kind]
    with pytest.raises(InvalidStatus) as refused:
        Socket(server, authorization=f"Bearer {bad}")
    answer = refused.value.response
    assert answer.status_code == 401
    body = json.loads(answer.body)
    assert body["error"]["code"] == ("EXPIRED_API_KEY" if kind == "expired" else "INVALID_API_KEY")
    conforms(
        body,
        {"error": shaped({"code": text, "message": text, "details": lambda value: value == {}})}
        | {"request_id": text, "detail": text},
    )
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.headers["x-request-id"] == body["request_id"]


@pytest.mark.parametrize(
    "first",
    [
        "no JSON",
        "[]",
        "null",
        "{}",
        b"\x00\x01",
        {"action": "authenticate"},
        {"action": "authenticate", "api_key": None},
        {"action": "authenticate", "api_key": 5},
        {"action": "authenticate", "api_key": "z"},
        {"action": "authenticate", "api_key": "calo_" + "z" * 40},
        {"action": "authenticate", "api_key": "a\0b"},
        {"action": "subscribe", "channel": "batch.6f0c5d0e-2c55-4d0b-9d5e-0f6a3b9f7a11"},
        {"action": "sing"},
    ],
    ids=brief,
)
def test_a_bad_first_frame_ends_the_connection(server, first):
    """Whatever is no valid authentication is answered by an error frame and close code 4401."""
    with Socket(server) as socket:
        socket.send(first)
        code = socket.closed_as_refused()
    if isinstance(first, dict) and str(first.get("api_key")).startswith("calo_"):
        assert code == "INVALID_API_KEY"


def test_what_comes_behind_a_refused_frame_is_not_looked_at(server, key):
    """The server says once that it has closed, and its log stays free of faults."""
    bad = json.dumps({"action": "authenticate", "api_key": "calo_" + "z" * 40})
    before = len(server.log())
    with Socket(server, key) as socket:
        # In one piece, so that all of them have arrived when the first is answered.
        protocol = socket.connection.protocol
        with socket.connection.protocol_mutex:
            for _ in range(20):
                protocol.send_text(bad.encode())
            socket.connection.send_data()
        assert socket.closed_as_refused() == "INVALID_API_KEY"
    with Socket(server, key):  # what was logged of the first is there when a second is answered
        pass
    assert "Traceback" not in server.log()[before:]
    assert "RuntimeError" not in server.log()[before:]


def test_an_expired_key_in_the_first_frame(server):
    """The error frame tells an expired key apart."""
    with Socket(server) as socket:
        socket.send({"action": "authenticate", "api_key": expired_key(server)})
        assert socket.closed_as_refused() == "EXPIRED_API_KEY"


def test_silence_ends_the_connection(server):
    """Who does not authenticate gets an error frame and close code 4401."""
    with Socket(server) as socket:
        assert socket.closed_as_refused() in ERROR_CODES[401]


@pytest.mark.parametrize("name", ["api_key", "token", "access_token", "authorization", "key"])
def test_keys_in_the_query_are_not_read(server, key, owner, name):
    """A key in the address does not authenticate."""
    channel = send_batch(owner, photo())["websocket_channel"]
    with Socket(server, path=f"{PATH}?{name}={key}") as socket:
        socket.send({"action": "subscribe", "channel": channel})
        assert socket.closed_as_refused() in ERROR_CODES[401] | {"VALIDATION_ERROR"}


def test_authenticating_twice_does_not_break_the_connection(server, key, owner):
    """A second authentication with the same key is confirmed or refused; the connection goes on."""
    channel = send_batch(owner, photo())["websocket_channel"]
    with Socket(server) as socket:
        socket.authenticate(key)
        socket.send({"action": "authenticate", "api_key": key})
        assert socket.receive()["event"] in {"authenticated", "error"}
        socket.subscribe(channel)


@pytest.mark.parametrize(
    "channel",
    [
        "",
        "batch.",
        "batch.nothing",
        "files.1",
        "*",
        "batch.%",
        "batch.\x00",
        "batch.\ud800",
        "batch." + "x" * 5000,
        "6f0c5d0e-2c55-4d0b-9d5e-0f6a3b9f7a11",
        "Batch.6f0c5d0e-2c55-4d0b-9d5e-0f6a3b9f7a11",
        "batch.{6f0c5d0e-2c55-4d0b-9d5e-0f6a3b9f7a11}",
    ],
    ids=brief,
)
def test_odd_channels_are_unknown(server, key, channel):
    """A channel that can be nobody's is NOT_FOUND or invalid, and the connection goes on."""
    with Socket(server, key) as socket:
        assert socket.error({"action": "subscribe", "channel": channel})[1] in {"NOT_FOUND", "VALIDATION_ERROR"}
        assert socket.waiting() == []


@pytest.mark.parametrize(
    "frame",
    [
        {"action": "sing"},
        {"action": "sing", "channel": "batch.x"},
        {"action": None},
        {"action": 5},
        {"action": ["subscribe"]},
        {"action": {"subscribe": 1}},
        {},
        {"channel": "batch.x"},
        {"action": "subscribe"},
        {"action": "subscribe", "channel": None},
        {"action": "subscribe", "channel": 5},
        {"action": "subscribe", "channel": ["batch.x"]},
        {"action": "unsubscribe"},
        {"action": "unsubscribe", "channel": {}},
        "no JSON",
        "",
        "[]",
        "[1, 2]",
        "null",
        "5",
        '"subscribe"',
        '{"action": "subscribe"',
        '{"action": "\\ud800"}',
        "[" * 20_000,
        "9" * 5000,
        b'{"action": "subscribe", "channel": "batch.6f0c5d0e-2c55-4d0b-9d5e-0f6a3b9f7a11"}',
        b"\xff\xfe",
    ],
    ids=brief,
)
def test_frames_nobody_understands(server, key, frame):
    """An unknown action, bad JSON, anything but an object and binary frames are VALIDATION_ERROR; the connection goes on."""
    with Socket(server, key) as socket:
        channel, code = socket.error(frame)
        assert code == "VALIDATION_ERROR"
        assert channel is None or channel == frame["channel"]
        assert socket.waiting() == []
