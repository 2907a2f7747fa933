"""What a client may do to a WebSocket: never read, and never come to an end."""

from __future__ import annotations

import base64
import contextlib
import threading
from collections.abc import Iterator

import pytest

from calotype.cli.websocket_connection import WebSocketConnection
from tests.cli.served import Served
from tests.running import wait_for

UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: " + base64.b64encode(b"0123456789abcdef") + b"\r\n\r\n"
)
TEXT, PART, PING = 0x1, 0x0, 0x9
FINAL = 0x80


def frame(opcode: int, data: bytes = b"") -> bytes:
    """A short frame of a client, masked with zeros (RFC 6455, 5.2)."""
    return bytes([opcode, FINAL | len(data)]) + bytes(4) + data


def received(client, size):
    """That many bytes."""
    got = bytearray()
    while len(got) < size:
        piece = client.recv(65536)
        assert piece, bytes(got[-100:])
        got += piece
    return bytes(got)


class Impatient(WebSocketConnection):
    """Waits for hardly anything."""

    silence = 0.05


@contextlib.contextmanager
def opened(served):
    """A WebSocket to a server."""
    with served.connect() as connection:
        connection.sendall(UPGRADE)
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += connection.recv(1)
        assert head.startswith(b"HTTP/1.1 101 ")
        yield connection


@pytest.fixture
def served() -> Iterator[Served]:
    """A server."""
    with Served() as running:
        yield running


@pytest.fixture
def client(served):
    """A WebSocket to it."""
    with opened(served) as connection:
        yield connection


def test_pings_are_read_as_fast_as_their_answers(served, client):
    """Who sends pings and reads no answers is not read from; who reads again gets every answer."""
    count = 40_000
    flood = threading.Thread(target=client.sendall, args=(frame(FINAL | PING, b"a" * 125) * count,))
    flood.start()
    wait_for(lambda: served.websocket.read_paused, "the server reads on")
    assert served.websocket.transport.get_write_buffer_size() < 2_000_000
    assert received(client, 127 * count).count(b"\x8a\x7d" + b"a" * 125) == count
    flood.join()
    client.sendall(frame(FINAL | TEXT, b"still there"))
    assert received(client, 13) == b"\x81\x0bstill there"


def test_a_message_has_an_end(client):
    """A message may come in many parts, but not in endlessly many, though they weigh nothing."""
    client.sendall(frame(TEXT, b"be") + frame(PART) * 900 + frame(FINAL | PART, b"gin"))
    assert received(client, 7) == b"\x81\x05begin"
    client.sendall(frame(TEXT, b"a") + frame(PART) * 2_000)
    assert received(client, 4)[:4] == b"\x88\x02\x03\xf1"  # close, 1009: too big


def test_who_never_reads_is_let_go_after_the_keep_alive():
    """Though the client's system is there and says so: its own pings fill the connection, and no pong comes."""
    with Served(websocket=Impatient, ping=0.05) as served, opened(served) as client:
        client.settimeout(0)
        with contextlib.suppress(BlockingIOError, ConnectionError):
            while True:
                client.send(frame(FINAL | PING, b"a" * 125) * 1_000)
        wait_for(lambda: served.open_connections == 0, "held though nobody reads")


def test_who_never_reads_is_let_go_when_the_work_is_done():
    """What the application has sent last is not waited for without end; its client need not have been silent for long before."""
    with Served(websocket=Impatient, ping=3600) as served, opened(served) as client:
        client.sendall(frame(FINAL | TEXT, b"leave"))
        wait_for(lambda: served.open_connections == 0, "held though nobody reads")


def test_who_reads_gets_all_of_a_farewell(client):
    """A closed connection stays until the rest is taken; then it ends."""
    client.sendall(frame(FINAL | TEXT, b"leave"))
    head = b"\x81\x7f" + (16_000_000).to_bytes(8, "big")
    assert received(client, len(head) + 16_000_000) == head + b"farewell" * 2_000_000
    assert client.recv(1) == b""
