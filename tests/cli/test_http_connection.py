"""What a client may do to a connection: endless heads, endless queues, silence, and offers of other protocols."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator

import pytest

from calotype.cli.http_connection import MAX_HEAD_BYTES, HttpConnection
from tests.cli.served import Served
from tests.running import wait_for

GET = b"GET /one HTTP/1.1\r\nHost: x\r\n"
POST = b"POST /two HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n"
OFFER = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAA\r\n"


class Impatient(HttpConnection):
    """Waits for hardly anything."""

    head_time = 0.05
    body_silence = 0.05


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    """A server with the usual patience."""
    with Served(HttpConnection) as running:
        yield running


@pytest.fixture(scope="module")
def impatient() -> Iterator[Served]:
    """A server without any."""
    with Served(Impatient, keep_alive=1) as running:
        yield running


def everything(client):
    """What comes until the server closes."""
    got = b""
    try:
        while piece := client.recv(65536):
            got += piece
    except ConnectionError:  # closed with bytes of ours unread
        pass
    return got


def answered(client, count):
    """The bodies of that many answers."""
    got = b""
    while got.count(b"]") < count:
        piece = client.recv(65536)
        assert piece, got
        got += piece
    return [json.loads(part.partition(b"\r\n\r\n")[2]) for part in got.split(b"HTTP/1.1 200 OK")[1:]]


def flood(client, piece, most):
    """Send a piece again and again; how many bytes were taken until the server closed."""
    sent = 0
    try:
        while sent < most:
            sent += client.send(piece)
    except ConnectionError:
        return sent
    return most


@pytest.mark.parametrize(
    ("begin", "piece"),
    [
        (b"GET /", b"a" * 65536),
        (GET + b"X-A: ", b"a" * 65536),
        (GET, b"X-A: a\r\n" * 8192),
        (GET + b"X", b"a" * 65536),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"a" * 65536),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-A: ", b"a" * 65536),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"X-A: a\r\n" * 8192),
        (GET + b"\r\n", (GET + b"\r\n") * 2048),
    ],
    ids=["line", "header", "headers", "name", "chunk extension", "trailer", "trailers", "requests nobody reads"],
)
def test_what_never_ends_is_not_taken(served, begin, piece):
    """A head, or requests ahead of their answers, that go on for ever end the connection instead of filling the memory."""
    most = 400 * MAX_HEAD_BYTES  # more than the system keeps between two sockets
    with served.connect() as client:
        client.sendall(begin)
        assert flood(client, piece, most) < most


def test_long_heads_are_taken(served):
    """Below the limit nothing is refused, in however many pieces it comes, and the limit begins anew with each request."""
    head = GET + b"X-A: " + b"a" * (MAX_HEAD_BYTES - 100) + b"\r\n\r\n"
    with served.connect() as client:
        for _ in range(3):
            for begin in range(0, len(head), 10_000):
                client.sendall(head[begin : begin + 10_000])
            assert answered(client, 1) == [["GET", "/one", ""]]


def test_one_more_byte_is_refused(served):
    """A head that is too long is refused, though it ends."""
    with served.connect() as client:
        client.sendall(GET + b"X-A: " + b"a" * MAX_HEAD_BYTES + b"\r\n\r\n")
        assert everything(client).startswith(b"HTTP/1.1 400 ")


def test_long_bodies_are_no_heads(served):
    """What bodies and their chunks weigh is not counted."""
    with served.connect() as client:
        client.sendall(POST % 1_000_000 + b"\r\n" + b"b" * 1_000_000)
        assert len(answered(client, 1)[0][2]) == 1_000_000
        client.sendall(
            b"POST /two HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nb\r\n" * 100_000 + b"0\r\n\r\n"
        )
        assert len(answered(client, 1)[0][2]) == 100_000


def test_some_requests_may_be_sent_ahead(served):
    """Clients that do not wait for each answer get all of them in their order."""
    with served.connect() as client:
        client.sendall((GET + b"\r\n" + POST % 3 + b"\r\nabc") * 50)
        assert answered(client, 100) == [["GET", "/one", ""], ["POST", "/two", "abc"]] * 50


@pytest.mark.parametrize("pause", [False, True], ids=["at once", "apart"])
def test_an_offer_of_another_protocol_costs_no_body(served, pause):
    """A body after `Upgrade` is the body, and never another request, whether it comes with its head or after it."""
    body = GET + b"\r\n"
    with served.connect() as client:
        client.sendall(POST % len(body) + OFFER + b"\r\n")
        if pause:
            # The head has been handled as soon as another connection that came later is answered.
            with served.connect() as later:
                later.sendall(GET + b"\r\n")
                answered(later, 1)
        client.sendall(body + POST % 1 + OFFER + b"\r\nz")
        assert answered(client, 2) == [["POST", "/two", body.decode()], ["POST", "/two", "z"]]


@pytest.mark.parametrize("offer", [b"websocket", b"WebSocket", b"h2c", b"TLS/1.0"])
def test_only_a_get_begins_a_websocket(served, offer):
    """A POST that says so is a POST like any other."""
    with served.connect() as client:
        client.sendall(POST % 3 + b"Connection: Upgrade\r\nUpgrade: " + offer + b"\r\n\r\nabc")
        assert answered(client, 1) == [["POST", "/two", "abc"]]


def test_no_tunnel_is_opened(served):
    """CONNECT is refused."""
    with served.connect() as client:
        client.sendall(b"CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n")
        assert everything(client).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize(
    "begin",
    [
        b"",
        b"G",
        GET,
        POST % 3 + b"\r\nab",
        GET + b"\r\n" + b"\r\n",
        GET + b"\r\n" + b"G",
        POST % 3 + OFFER + b"\r\nab",
    ],
    ids=[
        "nothing",
        "a letter",
        "half a head",
        "half a body",
        "an empty line",
        "half of another",
        "half after an offer",
    ],
)
def test_silence_ends_a_connection(impatient, begin):
    """Who has connected and does not go on is not waited for."""
    with impatient.connect() as client:
        client.sendall(begin)
        everything(client)
    assert wait_for(lambda: impatient.open_connections == 0, "a silent connection is held")


def test_trickling_does_not_keep_a_connection(impatient):
    """A byte now and then buys a head no time, neither the first one nor the next."""
    for begin in (b"", GET + b"\r\n"):
        with impatient.connect() as client:
            client.sendall(begin + b"GET / HTTP/1.1\r\nX: ")
            assert flood(client, b"a", MAX_HEAD_BYTES - 200) < MAX_HEAD_BYTES - 200


def test_answers_nobody_takes_are_not_kept(impatient):
    """A client that asks for much and reads none of it is not waited for without end."""
    with impatient.connect() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.sendall(b"GET /long HTTP/1.1\r\nHost: x\r\n\r\n")
        wait_for(lambda: impatient.open_connections == 1, "the connection was not taken")
        wait_for(lambda: impatient.open_connections == 0, "answers are kept for nobody")
