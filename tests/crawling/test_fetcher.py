"""Fetching files from servers that behave, and following their redirects."""

import asyncio

import pytest

from calotype.crawling.fetcher import MAX_REDIRECTS
from calotype.domain.errors import AddressNotAllowed, DownloadFailed, TooLarge
from tests.crawling.sites import Names, answer, download, fetching, redirect, run_program, site


async def test_a_file_arrives_with_what_its_server_says_of_it():
    """Bytes, media type, announced length, file name and final URL; the query is sent and the fragment is not."""
    body = bytes(range(256)) * 1000
    path = "/a/caf%C3%A9.jpg?x=%2f"
    async with site({path: answer(body, "200 OK", "Content-Type: Image/JPEG; q=1")}) as web, fetching() as fetcher:
        fetched, got = await download(fetcher, web.url(f"{path}#part"))

    assert got == body
    assert (fetched.content_type, fetched.length, fetched.filename) == ("image/jpeg", len(body), "café.jpg")
    assert fetched.url == web.url(path)


async def test_the_request_names_calotype_and_carries_nothing_else():
    """User agent with version, no compression asked for, no cookies, no credentials, no referrer."""
    async with site({"/": answer(b"x")}) as web, fetching() as fetcher:
        await download(fetcher, web.url())

    [asked] = web.asked
    assert asked.line == "GET / HTTP/1.1"
    assert asked.headers == {
        "host": f"127.0.0.1:{web.port}",
        "user-agent": "Calotype/1.2.3",
        "accept": "*/*",
        "accept-encoding": "identity",
        "connection": "close",
    }


async def test_an_answer_without_length_or_type_ends_with_its_connection():
    """Old servers say neither; then nothing is claimed."""
    async with site({"/": answer(b"abc", length=-1)}) as web, fetching() as fetcher:
        fetched, got = await download(fetcher, web.url())

    assert (fetched.content_type, fetched.length, fetched.filename, got) == (None, None, None, b"abc")


async def test_a_chunked_answer_is_put_together():
    """The pieces of a chunked answer are its body, whatever stands between them."""
    chunked = answer(b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n", "200 OK", "Transfer-Encoding: chunked", length=-1)
    async with site({"/": chunked}) as web, fetching() as fetcher:
        assert (await download(fetcher, web.url()))[1] == b"abcde"


async def test_an_empty_file_is_a_file():
    """What an empty file is worth is decided by others."""
    async with site({"/": answer(b"")}) as web, fetching() as fetcher:
        assert (await download(fetcher, web.url()))[1] == b""


@pytest.mark.parametrize("status", ["301 M", "302 F", "303 S", "307 T", "308 P"])
async def test_redirects_are_followed(status):
    """Relative and absolute ones; the file keeps the name it was asked for by, and tells where it came from."""
    answers = {"/a/b.jpg": redirect("../c?d#e", status), "/f": answer(b"file")}
    async with site(answers) as web, fetching() as fetcher:
        web.answers["/c?d"] = redirect(web.url("/f"), status)
        fetched, got = await download(fetcher, web.url("/a/b.jpg"))

    assert got == b"file"
    assert (fetched.url, fetched.filename) == (web.url("/f"), "b.jpg")


async def test_five_redirects_are_followed_and_six_are_not():
    """The limit counts redirects, not requests; a loop ends there."""
    answers = {f"/{at}": redirect(f"/{at - 1}") for at in range(1, 10)} | {
        "/0": answer(b"end"),
        "/loop": redirect("/loop"),
    }
    async with site(answers) as web, fetching() as fetcher:
        assert (await download(fetcher, web.url(f"/{MAX_REDIRECTS}")))[1] == b"end"
        for start in (f"/{MAX_REDIRECTS + 1}", "/loop"):
            web.asked.clear()
            with pytest.raises(DownloadFailed, match="more than 5 redirects"):
                await download(fetcher, web.url(start))
            assert len(web.asked) == MAX_REDIRECTS + 1


@pytest.mark.parametrize("location", [None, ""])
async def test_a_redirect_to_nowhere_fails(location):
    """An answer that redirects must say where to."""
    async with site({"/": redirect(location)}) as web, fetching() as fetcher:
        with pytest.raises(DownloadFailed, match="without saying where"):
            await download(fetcher, web.url())


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.2:{port}/secret",
        "http://[::1]:{port}/secret",
        "http://[::ffff:127.0.0.1]:{port}/secret",
        "http://2130706433:{port}/secret",
        "http://0x7f.1:{port}/secret",
        "http://localhost.:{port}/secret",
        "//inner.example:{port}/secret",
        "http://169.254.169.254/latest/meta-data/",
        "file:///etc/passwd",
        "gopher://127.0.0.1:{port}/_x",
        "ftp://127.0.0.1:{port}/x",
        "http://user:secret@127.0.0.1:{port}/secret",
        "//user@other.example:{port}/secret",
        "http://127.0.0.1:99999/",
        "http://127.0.0.1:{port}\\@other.example/",
        "http:///secret",
        "https://",
        "//",
        "//[",
    ],
)
async def test_a_redirect_is_checked_like_any_url(location):
    """Nothing is sent to where a redirect must not lead, and the message does not repeat it."""
    names = Names(inner_example=[["10.0.0.1"]], localhost=[["127.0.0.1", "::1"]], other_example=[["127.0.0.1"]])
    async with site({"/secret": answer(b"secret")}) as web, fetching(lookup=names) as fetcher:
        web.answers["/"] = redirect(location.format(port=web.port))
        with pytest.raises(AddressNotAllowed) as refused:
            await download(fetcher, web.url())

    assert [asked.path for asked in web.asked] == ["/"]
    assert not any(text in refused.value.message for text in ("secret", "127.0", "10.0", "::1"))


async def test_cookies_are_neither_kept_nor_sent():
    """Not to the next redirect, not in the next fetch. (A name, because no jar keeps cookies of bare addresses.)"""
    names = Names(host_example=[["127.0.0.1"]])
    cookie = "Set-Cookie: session=1; Path=/"
    answers = {"/": answer(b"", "302 Found", cookie, "Location: /x"), "/x": answer(b"x", "200 OK", cookie)}
    async with site(answers) as web, fetching(lookup=names) as fetcher:
        await download(fetcher, web.url(host="host.example"))
        await download(fetcher, web.url(host="host.example"))

    assert len(web.asked) == 4
    assert not any("cookie" in asked.headers for asked in web.asked)


async def test_no_connection_is_used_twice():
    """Each request is sent to an address that was checked for it, even to the same host."""
    keep = "Connection: keep-alive"
    answers = {"/": answer(b"", "302 Found", keep, "Location: /x"), "/x": answer(b"x", "200 OK", keep)}
    async with site(answers) as web, fetching() as fetcher:
        await download(fetcher, web.url())
        await download(fetcher, web.url())

    assert web.connections == len(web.asked) == 4


async def test_a_file_as_large_as_the_limit_is_taken():
    """Announced or not."""
    for length in (None, -1):
        async with site({"/": answer(b"x" * 1000, length=length)}) as web, fetching() as fetcher:
            assert len((await download(fetcher, web.url(), limit=1000))[1]) == 1000


async def test_an_announced_length_over_the_limit_is_refused_at_once():
    """No byte of the body is waited for: this server sends none."""

    async def announce(reader, writer):
        writer.write(answer(b"", length=1001))
        await reader.read()

    async with site({"/": announce}) as web, fetching() as fetcher:
        with pytest.raises(TooLarge) as refused:
            await download(fetcher, web.url(), limit=1000)

    assert refused.value.context == {"limit": 1000, "actual": 1001}


@pytest.mark.parametrize("headers", [(), ("Transfer-Encoding: chunked",)])
async def test_an_endless_body_ends_at_the_limit(headers):
    """Without an announcement bytes are counted as they come, and no more than the limit is given out."""
    gone = asyncio.Event()

    async def endless(reader, writer):
        writer.write(answer(b"", "200 OK", *headers, length=-1))
        try:
            while True:
                writer.write(b"2710\r\n" + b"x" * 10_000 + b"\r\n")
                await writer.drain()
        except ConnectionError:
            gone.set()

    given = 0

    async def collect():
        nonlocal given
        async with fetcher.fetch(web.url(), limit=1_000_000) as fetched:
            async for chunk in fetched.chunks:
                given += len(chunk)

    async with site({"/": endless}) as web, fetching() as fetcher:
        with pytest.raises(TooLarge) as refused:
            await collect()
        await gone.wait()

    assert given <= 1_000_000
    assert refused.value.context == {"limit": 1_000_000}


async def test_what_is_not_read_is_not_fetched():
    """Leaving early closes the connection."""
    gone = asyncio.Event()

    async def endless(reader, writer):
        writer.write(answer(b"x", length=1_000_000))
        await reader.read()
        gone.set()

    async with site({"/": endless}) as web, fetching() as fetcher:
        async with fetcher.fetch(web.url(), limit=1_000_000) as fetched:
            assert await anext(aiter(fetched.chunks)) == b"x"
        await gone.wait()


async def test_an_error_of_the_reader_stays_what_it_is():
    """What goes wrong where chunks are used is no failure of the download, and closes the connection."""
    async with site({"/": answer(b"x")}) as web, fetching() as fetcher:
        with pytest.raises(ZeroDivisionError):
            async with fetcher.fetch(web.url(), limit=10):
                raise ZeroDivisionError


async def test_a_cancelled_fetch_ends_and_closes_its_connection():
    """Cancelling is passed on while an answer or a body is waited for."""
    for start in (b"", answer(b"x", length=10)):
        asked, gone = asyncio.Event(), asyncio.Event()

        async def silent(reader, writer, start=start, asked=asked, gone=gone):
            writer.write(start)
            asked.set()
            await reader.read()
            gone.set()

        async with site({"/": silent}) as web, fetching() as fetcher:
            task = asyncio.create_task(download(fetcher, web.url()))
            await asked.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await gone.wait()


async def test_many_fetches_at_once_keep_to_their_own_addresses():
    """Each of forty goes to the address its own name leads to, though all share one client."""
    names = Names(**{f"h{at}_example": [[f"127.0.0.{at % 2 + 1}"]] for at in range(40)})
    async with site({"/": answer(b"one")}) as one, fetching("127.0.0.0/8", lookup=names) as fetcher:
        server = await asyncio.start_server(lambda r, w: w.close(), "127.0.0.2", one.port)
        results = await asyncio.gather(
            *(download(fetcher, one.url(host=f"h{at}.example")) for at in range(40)), return_exceptions=True
        )
        server.close()

    for at, result in enumerate(results):
        if at % 2 == 0:
            assert not isinstance(result, BaseException)
            assert result[1] == b"one"
        else:
            assert isinstance(result, DownloadFailed)


@pytest.mark.parametrize("start", [b"", b"HTTP/1.1 200", answer(b"", length=10), answer(b"x", length=10)])
async def test_closing_ends_what_is_running(start):
    """A fetch that waits for its server, or starts later, fails when its fetcher is closed."""
    asked = asyncio.Event()

    async def silent(reader, writer):
        writer.write(start)
        asked.set()
        await reader.read()

    async with site({"/": silent}) as web:
        async with fetching() as fetcher:
            task = asyncio.create_task(download(fetcher, web.url()))
            await asked.wait()
        for ended in (task, download(fetcher, web.url()), download(fetcher, web.url(host="localhost"))):
            with pytest.raises(DownloadFailed):
                await ended


async def test_closing_ends_what_is_being_looked_up():
    """No connection is made for a name that is found too late."""
    asked, found = asyncio.Event(), asyncio.Event()

    async def late(name):
        asked.set()
        await found.wait()
        return ["127.0.0.1"]

    async with site({"/": answer(b"x")}) as web:
        async with fetching(lookup=late) as fetcher:
            task = asyncio.create_task(download(fetcher, web.url(host="host.example")))
            await asked.wait()
        found.set()
        with pytest.raises(DownloadFailed):
            await task

    assert web.connections == 0


def test_the_http_library_is_loaded_by_the_first_fetch():
    """Commands that fetch nothing do not wait for it."""
    done = run_program("import sys, calotype.bootstrap; print({'aiohttp', 'yarl'} & set(sys.modules))")
    assert done.stdout == "set()\n", done.stderr


async def test_a_fetcher_that_was_never_used_can_be_closed():
    """Nothing was opened, so nothing is in the way."""
    async with fetching():
        pass
