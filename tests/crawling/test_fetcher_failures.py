"""Servers that refuse, lie, break off, drip or hang: each ends in a failure that is named, and soon."""

import asyncio
import gzip
import shutil
import socket
import ssl
import subprocess
from contextlib import suppress

import pytest

from calotype.domain.errors import DownloadFailed
from tests.crawling.sites import answer, download, fetching, run_program, site


async def failure(answers, path="/", scheme="http", tls=None, **options):
    """The message a fetch from such a site fails with; it never names an address."""
    async with site(answers, ssl=tls) as web, fetching(**options) as fetcher:
        with pytest.raises(DownloadFailed) as failed:
            await download(fetcher, web.url(path, scheme=scheme), limit=10**9)
    assert "127.0.0.1" not in failed.value.message
    assert str(web.port) not in failed.value.message
    return failed.value.message


@pytest.mark.parametrize("status", [201, 202, 204, 206, 300, 304, 305, 400, 401, 403, 404, 410, 416, 429, 500, 503])
async def test_only_a_plain_success_counts(status):
    """Anything else is told by its number, redirects without a rule included."""
    body = b"" if status in {204, 304} else b"body"
    assert await failure({"/": answer(body, f"{status} Text <of> the server")}) == f"the server answered {status}"


@pytest.mark.parametrize("coding", ["gzip", "GZIP", "br", "deflate", "identity, gzip", "zstd"])
async def test_a_compressed_answer_is_refused(coding):
    """None was asked for: unpacking is how small answers become large ones."""
    bomb = gzip.compress(b"x" * 1_000_000)
    message = await failure({"/": answer(bomb, "200 OK", f"Content-Encoding: {coding}")})
    assert "compressed" in message
    assert coding in message


async def test_an_answer_that_says_it_is_not_compressed_is_taken():
    """`identity` is the name of that."""
    async with site({"/": answer(b"x", "200 OK", "Content-Encoding: identity")}) as web, fetching() as fetcher:
        assert (await download(fetcher, web.url()))[1] == b"x"


async def test_what_a_server_writes_into_a_header_is_not_shown_unseen():
    """Long and odd values stay out of messages."""
    assert "<script>" not in await failure({"/": answer(b"", "200 OK", "Content-Encoding: <script>")})
    assert len(await failure({"/": answer(b"", "200 OK", f"Content-Encoding: {'x' * 4000}")})) < 200


async def test_a_transfer_coding_that_compresses_is_refused():
    """It would be compression by another name."""
    message = await failure({"/": answer(b"0\r\n\r\n", "200 OK", "Transfer-Encoding: gzip, chunked", length=-1)})
    assert "transfer coding" in message


@pytest.mark.parametrize(
    "sent",
    [
        answer(b"abc", length=10),
        answer(b"ff\r\nabc", "200 OK", "Transfer-Encoding: chunked", length=-1),
        answer(b"3\r\nabc\r\n", "200 OK", "Transfer-Encoding: chunked", length=-1),
    ],
    ids=["length", "chunk", "no last chunk"],
)
async def test_a_body_that_breaks_off_is_a_failure(sent):
    """Half a file is never taken for a whole one."""
    assert "before it was whole" in await failure({"/": sent})


async def test_bytes_after_the_announced_length_are_not_part_of_the_file():
    """They are cut off, or make the answer invalid when they come in the same packet."""
    async with site({"/": answer(b"abcdef", length=3)}) as web, fetching() as fetcher:
        with suppress(DownloadFailed):
            assert (await download(fetcher, web.url()))[1] == b"abc"


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 banana\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3, 4\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 10_000 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        b"\x00" * 1000,
        answer(b"zz\r\nabc\r\n0\r\n\r\n", "200 OK", "Transfer-Encoding: chunked", length=-1),
    ],
    ids=[
        "nothing",
        "ssh",
        "no status",
        "negative",
        "two in one",
        "two lengths",
        "no colon",
        "huge header",
        "many headers",
        "half a head",
        "upgrade",
        "zeros",
        "no chunk size",
    ],
)
async def test_what_is_not_http_is_a_failure(sent):
    """Broken heads, huge heads and other protocols end a fetch, and nothing of what was sent is shown."""
    message = await failure({"/": sent})
    assert "OpenSSH" not in message


async def test_a_port_where_nothing_listens_is_a_failure():
    """The system's own message, which holds the address, is not passed on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        async with fetching() as fetcher:
            with pytest.raises(DownloadFailed, match="no connection to the server could be made") as failed:
                await download(fetcher, f"http://127.0.0.1:{free.getsockname()[1]}/")
    assert "127.0.0.1" not in failed.value.message


async def hang(reader, writer):
    """Accepts and says nothing until the client goes."""
    await reader.read()


async def test_a_silent_server_is_given_up():
    """Before the answer, and in the middle of it."""

    async def half(reader, writer):
        writer.write(answer(b"abc", length=10))
        await reader.read()

    for script in (hang, half):
        assert "silent" in await failure({"/": script}, idle=0.05)


async def test_a_connection_that_is_never_ready_is_given_up():
    """A TLS handshake belongs to connecting: this server takes it in and does not answer."""
    server = await asyncio.start_server(lambda reader, writer: reader.read(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with fetching(connect=0.1) as fetcher:
        with pytest.raises(DownloadFailed, match="did not take the connection in time"):
            await download(fetcher, f"https://127.0.0.1:{port}/")
    server.close()


async def drip(writer, piece):
    """Sends for ever, never pausing for long."""
    while True:
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(0.001)


async def test_a_server_that_drips_is_given_up():
    """Heads, informational answers, bodies and redirects that never end are cut off by the total time."""

    async def endless_head(reader, writer):
        writer.write(b"HTTP/1.1 200 OK\r\nX: ")
        await drip(writer, b"y")

    async def endless_hints(reader, writer):
        await drip(writer, b"HTTP/1.1 103 Early Hints\r\n\r\n")

    async def endless_body(reader, writer):
        writer.write(answer(b"", length=10**9))
        await drip(writer, b"y")

    for script in (endless_head, endless_hints, endless_body):
        assert await failure({"/": script}, idle=30, total=0.2) == "the download took longer than 0.2 seconds"


async def test_the_total_time_counts_over_redirects():
    """Each of these waits less than is allowed, all together more."""

    async def slow(reader, writer):
        await asyncio.sleep(0.1)
        writer.write(answer(b"", "302 Found", "Location: /"))

    assert "took longer" in await failure({"/": slow}, total=0.25)


async def read_slowly(fetcher, url, pause, done):
    """Work on every chunk for a while, and note it then."""
    async with fetcher.fetch(url, limit=10**9) as fetched:
        async for chunk in fetched.chunks:
            await asyncio.sleep(pause)
            done.append(chunk)


async def test_a_fast_body_ends_with_the_total_time_too():
    """Also when there is always something to read, so that nothing is ever waited for."""

    async def endless(reader, writer):
        writer.write(answer(b"", length=10**9 - 1))
        while True:
            writer.write(b"x" * 65_536)
            await writer.drain()

    async with site({"/": endless}) as web, fetching(total=0.1) as fetcher:
        with pytest.raises(DownloadFailed, match="took longer"):
            await read_slowly(fetcher, web.url(), 0.01, [])


async def test_a_slow_reader_is_not_interrupted():
    """What is done with a chunk comes to its end; only then the time is found to be over."""
    done = []

    async def body(reader, writer):
        writer.write(answer(b"abc", length=6))
        await reader.read()

    async with site({"/": body}) as web, fetching(total=0.1) as fetcher:
        with pytest.raises(DownloadFailed, match="took longer"):
            await read_slowly(fetcher, web.url(), 0.3, done)

    assert done == [b"abc"]


async def test_plain_http_where_tls_belongs_is_told():
    """The kind of the failure is named."""

    async def complain(reader, writer):
        await reader.read(1)
        writer.write(answer(b"", "400 Bad Request"))
        writer.close()

    server = await asyncio.start_server(complain, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with fetching() as fetcher:
        with pytest.raises(DownloadFailed, match=r"no secure connection could be made \(wrong version number\)"):
            await download(fetcher, f"https://127.0.0.1:{port}/")
    server.close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A key and a certificate for `photos.example` that nobody has signed."""
    if not (openssl := shutil.which("openssl")):
        pytest.skip("there is no openssl to make a certificate with")
    folder = tmp_path_factory.mktemp("tls")
    command = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=photos.example"]
    names = ["-addext", "subjectAltName=DNS:photos.example", "-keyout", "key.pem", "-out", "cert.pem"]
    subprocess.run([*command, *names], cwd=folder, check=True, capture_output=True)
    return folder


async def test_a_certificate_that_nobody_signed_is_refused(certificate):
    """And the message says what is wrong with it."""
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    message = await failure({"/": answer(b"x")}, scheme="https", tls=tls)
    assert "certificate" in message
    assert "self" in message


def test_a_certificate_is_held_against_the_name_of_the_url(certificate):
    """Though the connection goes to a checked address: the right name is taken, another one is not."""
    program = """
import asyncio, ssl, sys
from calotype.domain.errors import DownloadFailed
from tests.crawling.sites import Names, answer, download, fetching, site

async def main():
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(*sys.argv[1:])
    names = Names(photos_example=[["127.0.0.1"]], other_example=[["127.0.0.1"]])
    async with site({"/": answer(b"x")}, ssl=tls) as web, fetching(lookup=names) as fetcher:
        for host in ("photos.example", "PHOTOS.example."):
            assert (await download(fetcher, web.url(host=host, scheme="https")))[1] == b"x"
        for host in ("other.example", "127.0.0.1"):
            try:
                await download(fetcher, web.url(host=host, scheme="https"))
            except DownloadFailed as failed:
                print(failed.message)

asyncio.run(main())
"""
    files = [str(certificate / name) for name in ("cert.pem", "key.pem")]
    done = run_program(program, *files, SSL_CERT_FILE=files[0])
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "the certificate of the server is not valid (Hostname mismatch)",
        "the certificate of the server is not valid (IP address mismatch)",
    ]
