"""The proxy of a child process: it connects to checked addresses only, serves who knows its token, and counts."""

import asyncio
import socket
from base64 import b64encode
from contextlib import asynccontextmanager, suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calotype.crawling.address_check import AddressCheck
from calotype.crawling.addresses import Allowed
from calotype.crawling.proxy import USER, Proxy, _headers
from tests.crawling.sites import Names, answer, redirect, site


@asynccontextmanager
async def proxying(allow="127.0.0.1", names=None, limit=10**7, **options):
    """A proxy that serves on this machine's loopback."""
    made = Proxy(AddressCheck(Allowed.parse(allow), lookup=names or Names()), limit=limit, **options)
    listener = socket.create_server(("127.0.0.1", 0))
    made.port = listener.getsockname()[1]
    async with made.serving(listener):
        yield made


async def say(proxy, first, *headers, token=None, then=b""):
    """Send one request; returns everything that comes back."""
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    credential = b64encode(f"{USER}:{proxy.token if token is None else token}".encode()).decode()
    lines = [first, f"Proxy-Authorization: Basic {credential}", *headers, "", ""]
    writer.write("\r\n".join(lines).encode("latin-1") + then)
    got = b""
    with suppress(ConnectionError):
        while piece := await reader.read(65_536):
            got += piece
    writer.close()
    return got


def status(got):
    """The number an answer begins with."""
    return int(got.split()[1]) if got else None


async def test_a_plain_request_is_passed_on_without_what_is_for_the_proxy():
    """The server sees a path, the host that was checked, and neither the token nor words for the next hop."""
    async with site({"/a?b": answer(b"body", "200 OK", "Connection: keep-alive", "X: y")}) as web, proxying() as proxy:
        got = await say(proxy, f"GET {web.url('/a?b#c')} HTTP/1.1", "Host: evil", "Accept: x", "Connection: keep-alive")

    [asked] = web.asked
    assert asked.line == "GET /a?b HTTP/1.1"
    assert asked.headers == {"host": f"127.0.0.1:{web.port}", "accept": "x", "connection": "close"}
    assert got == b"HTTP/1.1 200 OK\r\nX: y\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbody"


async def test_a_tunnel_carries_bytes_both_ways():
    """CONNECT gives a connection to the server, whose bytes are nobody's business; all of an answer arrives."""
    big = bytes(range(256)) * 20_000
    async with site({"/": answer(big)}) as web, proxying() as proxy:
        got = await say(proxy, f"CONNECT 127.0.0.1:{web.port} HTTP/1.1", then=b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        assert proxy.passed > len(big)

    assert got == b"HTTP/1.1 200 Connection established\r\n\r\n" + answer(big)


async def test_a_body_goes_with_its_request_and_nothing_behind_it():
    """A second request on the connection would go to a server that was never checked for it."""
    bodies = []

    async def take(reader, writer):
        bodies.append(await reader.readexactly(3))
        writer.write(answer(b"ok"))
        await writer.drain()
        writer.write_eof()
        bodies.append(await reader.read())

    async with site({"/": take}) as web, proxying() as proxy:
        got = await say(proxy, f"POST {web.url()} HTTP/1.1", "Content-Length: 3", then=b"abcGET /x HTTP/1.1\r\n\r\n")

    assert status(got) == 200
    assert bodies == [b"abc", b""]


@pytest.mark.parametrize("token", ["", "wrong", "ä"])
async def test_nobody_else_is_served(token):
    """Without the token nothing is looked up or connected to."""
    async with site() as web, proxying() as proxy:
        for first in (f"GET {web.url()} HTTP/1.1", f"CONNECT 127.0.0.1:{web.port} HTTP/1.1"):
            got = await say(proxy, first, token=token)
            assert status(got) == 407
            assert b"Proxy-Authenticate: Basic" in got
        assert web.connections == 0


NAMES = {
    "inner_example": [["10.0.0.1"]],
    "half_example": [["93.184.216.34", "127.0.0.1"]],
    "mapped_example": [["::ffff:127.0.0.1"]],
    "meta_example": [["169.254.169.254"]],
    "localhost": [["127.0.0.1"]],
}


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.0.0.2",
        "10.0.0.1",
        "169.254.169.254",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::7f00:1]",
        "[fe80::1%25lo]",
        "0.0.0.0",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.1",
        "\uff11\uff12\uff17.0.0.1".encode().decode("latin-1"),
        "localhost",
        "localhost.",
        "inner.example",
        "half.example",
        "mapped.example",
        "meta.example",
        "user@inner.example",
    ],
)
async def test_nothing_that_is_not_public_is_reached(host):
    """By CONNECT and by plain requests, in every spelling of an address and behind every name."""
    async with site() as web, proxying(allow="", names=Names(**NAMES)) as proxy:
        for first in (f"CONNECT {host}:{web.port} HTTP/1.1", f"GET http://{host}:{web.port}/ HTTP/1.1"):
            proxy.refusal = None
            got = await say(proxy, first)
            assert status(got) == 403, first
            assert proxy.refusal is not None
            assert b"127.0" not in got
            assert b"10.0" not in got
        assert web.connections == 0


async def test_a_name_that_changes_is_connected_to_where_it_was_checked():
    """There is one lookup a connection, and the next connection is checked again."""
    names = Names(turns_example=[["127.0.0.1"], ["127.0.0.2"]])
    async with site({"/": answer(b"x")}) as web, proxying(names=names) as proxy:
        url = web.url(host="turns.example")
        assert status(await say(proxy, f"GET {url} HTTP/1.1")) == 200
        assert names.asked == ["turns.example"]
        assert status(await say(proxy, f"GET {url} HTTP/1.1")) == 403
        assert web.connections == 1


async def test_a_redirect_is_the_clients_next_request():
    """The proxy follows nothing by itself, so each hop is checked on its own."""
    async with site() as web, proxying() as proxy:
        web.answers["/"] = redirect(web.url("/x", host="127.0.0.2"))
        got = await say(proxy, f"GET {web.url()} HTTP/1.1")
        assert status(got) == 302
        assert status(await say(proxy, f"GET {web.url('/x', host='127.0.0.2')} HTTP/1.1")) == 403
        assert [asked.path for asked in web.asked] == ["/"]


@pytest.mark.parametrize(
    "first",
    [
        "GET / HTTP/1.1",
        "GET https://127.0.0.1:{port}/ HTTP/1.1",
        "GET ftp://127.0.0.1:{port}/ HTTP/1.1",
        "GET file:///etc/passwd HTTP/1.1",
        "PUT http://127.0.0.1:{port}/ HTTP/1.1",
        "TRACE http://127.0.0.1:{port}/ HTTP/1.1",
        "CONNECT 127.0.0.1 HTTP/1.1",
        "CONNECT 127.0.0.1:{port}/ HTTP/1.1",
        "CONNECT 127.0.0.1:{port}?x:1 HTTP/1.1",
        "CONNECT 10.0.0.1#@127.0.0.1:{port} HTTP/1.1",
        "CONNECT [::1]x:{port} HTTP/1.1",
        "CONNECT 127.0.0.1:99999 HTTP/1.1",
        "GET http://127.0.0.1:{port}/ x HTTP/1.1",
        "nonsense",
    ],
)
async def test_what_is_not_understood_is_refused(first):
    """Nothing is guessed: two readings of one request are how checks are gone around."""
    async with site() as web, proxying() as proxy:
        assert status(await say(proxy, first.format(port=web.port))) in {400, 403, 405}
        assert web.connections == 0


@pytest.mark.parametrize("header", ["no colon", " folded: x", "name : x", ": x", "a: b\rc: d"])
async def test_broken_headers_are_refused(header):
    """A header that servers read in several ways is none."""
    async with site() as web, proxying() as proxy:
        assert status(await say(proxy, f"GET {web.url()} HTTP/1.1", header)) == 400
        assert web.connections == 0


async def test_a_body_without_length_is_refused():
    """Its end would be what server and proxy have to agree on."""
    async with site() as web, proxying() as proxy:
        assert status(await say(proxy, f"POST {web.url()} HTTP/1.1", "Transfer-Encoding: chunked")) == 411
        assert web.connections == 0


async def test_a_request_that_does_not_end_is_refused():
    """A head has 64 KiB at most."""
    async with proxying() as proxy:
        assert status(await say(proxy, "GET http://127.0.0.1/ HTTP/1.1", f"X: {'x' * 70_000}")) == 431


async def test_the_limit_counts_all_connections_together():
    """Many files below the limit are as much as one above it; then no byte passes any more."""
    body = b"x" * 40_000
    async with site({"/": answer(body)}) as web, proxying(limit=100_000) as proxy:
        assert [len(await say(proxy, f"GET {web.url()} HTTP/1.1")) > 40_000 for _ in range(2)] == [True, True]
        assert not proxy.is_used_up
        assert len(await say(proxy, f"CONNECT 127.0.0.1:{web.port} HTTP/1.1", then=b"GET / HTTP/1.1\r\n\r\n")) < 40_000
        assert proxy.is_used_up
        assert len(await say(proxy, f"GET {web.url()} HTTP/1.1")) < 40_000


async def test_silence_ends_a_connection():
    """Of a client that does not ask, and of a server that does not answer, through tunnels too."""

    async def hang(reader, writer):
        await reader.read()

    async with site({"/": hang}) as web, proxying(idle=0.5) as proxy:
        reader, _ = await asyncio.open_connection("127.0.0.1", proxy.port)
        with suppress(ConnectionError):
            assert await reader.read() == b""
        assert await say(proxy, f"GET {web.url()} HTTP/1.1") == b""
        got = await say(proxy, f"CONNECT 127.0.0.1:{web.port} HTTP/1.1", then=b"GET / HTTP/1.1\r\n\r\n")
        assert got == b"HTTP/1.1 200 Connection established\r\n\r\n"


async def test_a_server_that_is_not_there_is_told():
    """As a fault of the way, not of the client."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        async with proxying() as proxy:
            assert status(await say(proxy, f"CONNECT 127.0.0.1:{free.getsockname()[1]} HTTP/1.1")) == 502
            assert status(await say(proxy, "GET http://nowhere.example/ HTTP/1.1")) == 502
            assert proxy.refusal is None


@pytest.mark.parametrize("sent", [b"SSH-2.0-OpenSSH\r\n\r\n", b"HTTP/1.1 200 OK\r\nbroken\r\n\r\n", b"\0" * 70_000])
async def test_an_answer_that_is_not_http_is_not_passed_on(sent):
    """Other services speak first, and must not be read through the proxy."""
    async with site({"/": sent}) as web, proxying() as proxy:
        assert await say(proxy, f"GET {web.url()} HTTP/1.1") == b""


async def test_announcements_before_an_answer_are_left_out():
    """The answer is what follows them."""
    async with site({"/": b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + answer(b"x")}) as web, proxying() as proxy:
        assert (await say(proxy, f"GET {web.url()} HTTP/1.1")).startswith(b"HTTP/1.1 200 OK\r\n")


async def test_the_end_of_serving_ends_all_connections():
    """Nothing of a download goes on when it is over."""
    asked, gone = asyncio.Event(), asyncio.Event()

    async def watch(reader, writer):
        asked.set()
        await reader.read()
        gone.set()

    async with site({"/": watch}) as web:
        async with proxying() as proxy:
            asking = asyncio.create_task(say(proxy, f"GET {web.url()} HTTP/1.1"))
            await asked.wait()
        await gone.wait()
        assert await asking == b""
        with pytest.raises(OSError):
            await asyncio.open_connection("127.0.0.1", proxy.port)


@given(st.lists(st.text(st.characters(codec="latin-1"), max_size=20), max_size=5))
def test_headers_are_read_or_refused(lines):
    """Whatever the lines: what is read has a name, and no line end in it; the same comes out when it is read again."""
    found = _headers(lines)
    if found is not None:
        assert all(name and not any(sign in name + value for sign in "\r\n\0") for name, value in found)
        assert _headers([f"{name}: {value}" for name, value in found]) == found


@pytest.mark.parametrize("first", ["GET {url} HTTP/1.1", "CONNECT 127.0.0.1:{port} HTTP/1.1"])
async def test_an_answer_that_was_cut_does_not_look_whole(first):
    """Without an announced length its end is that of the connection; so it is reset when the proxy ends it."""

    async def half(reader, writer):
        writer.write(answer(b"half", length=-1))
        await writer.drain()
        await reader.read()

    async with site({"/": half}) as web, proxying(idle=0.5) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        credential = b64encode(f"{USER}:{proxy.token}".encode()).decode()
        head = f"{first.format(url=web.url(), port=web.port)}\r\nProxy-Authorization: Basic {credential}\r\n\r\n"
        writer.write(head.encode())
        if first.startswith("CONNECT"):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            await reader.read()
        writer.close()
