"""Asking a service and reading its whole answer: what is given, how far it is read, and how long."""

import asyncio

import pytest

from calotype.crawling.addresses import Allowed
from calotype.crawling.urls import endpoint_of
from calotype.domain.errors import AddressNotAllowed, DownloadFailed, TooLarge
from tests.crawling.sites import answer, fetching, redirect, site

BODY = b'{"model": "seer"}'


async def ask(fetcher, url, *, seconds=5.0, limit=1000):
    """Ask with a body and a header."""
    return await fetcher.ask(url, BODY, {"Content-Type": "application/json"}, seconds=seconds, limit=limit)


def taking(more, *headers, status="200 OK", length=None, ends=True):
    """A script that reads requests for as long as they come and answers each."""

    async def script(reader, writer):
        while True:
            assert await reader.readexactly(len(BODY)) == BODY
            writer.write(answer(more, status, *headers, length=length))
            await writer.drain()
            if ends:
                return
            await reader.readuntil(b"\r\n\r\n")

    return script


@pytest.mark.parametrize("status", ["200 OK", "201 Created", "400 Bad", "429 Busy", "500 Down", "302 Found"])
async def test_an_answer_is_given_whole_whatever_its_status(status):
    """Status, body, and the wish for a pause as it came."""
    async with site({"/a": taking(b"said", "Retry-After: 7", status=status)}) as web, fetching() as fetcher:
        told = await ask(fetcher, web.url("/a"))
    assert (told.status, told.retry_after, told.body) == (int(status[:3]), "7", b"said")


async def test_no_redirect_is_followed():
    """Not even to the same host."""
    async with site({"/here": redirect("/there"), "/there": taking(b"")}) as web, fetching() as fetcher:
        assert (await ask(fetcher, web.url("/here"))).status == 302
    assert [asked.path for asked in web.asked] == ["/here"]


@pytest.mark.parametrize("length", [None, -1])
async def test_more_than_the_limit_is_too_large(length):
    """Announced or not; one byte less is given."""
    pages = {"/over": taking(b"x" * 1001, length=length), "/just": taking(b"x" * 1000, length=length)}
    async with site(pages) as web, fetching() as fetcher:
        assert len((await ask(fetcher, web.url("/just"))).body) == 1000
        with pytest.raises(TooLarge):
            await ask(fetcher, web.url("/over"))


@pytest.mark.parametrize(
    "page",
    [
        taking(b"xx", "Content-Encoding: gzip"),
        taking(b"xx", "Transfer-Encoding: gzip, chunked", length=-1),
        taking(b"x", length=10),
    ],
)
async def test_what_is_compressed_or_not_whole_is_a_failure(page):
    """Nothing is unpacked, and half an answer is none."""
    async with site({"/": page}) as web, fetching() as fetcher:
        with pytest.raises(DownloadFailed):
            await ask(fetcher, web.url())


async def test_the_time_limit_covers_the_body():
    """A server that sends a byte now and then does not hold the caller; its connection is closed."""
    left = asyncio.Event()

    async def drip(reader, writer):
        writer.write(answer(b"", length=10**6))
        try:
            while True:
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.02)
        finally:
            left.set()

    async with site({"/": drip}) as web, fetching() as fetcher:
        with pytest.raises(DownloadFailed) as failed:
            await ask(fetcher, web.url(), seconds=0.3, limit=10**7)
        assert failed.value.message == "there was no answer within 0.3 seconds"
        async with asyncio.timeout(20):
            await left.wait()


@pytest.mark.parametrize(("keeps", "connections"), [(True, 1), (False, 4)])
async def test_connections_are_kept_where_that_is_asked_for(keeps, connections):
    """One serves all requests then; without it each has its own."""
    async with site({"/": taking(b"said", ends=False)}) as web, fetching(keeps=keeps) as fetcher:
        for _ in range(4):
            assert (await ask(fetcher, web.url())).body == b"said"
        assert web.connections == connections


async def test_a_kept_connection_whose_answer_was_not_read_serves_nobody():
    """What is left of it would be the beginning of another answer."""
    async with site({"/": taking(b"x" * 10**7, ends=False)}) as web, fetching(keeps=True) as fetcher:
        for _ in range(3):
            with pytest.raises(TooLarge):
                await ask(fetcher, web.url())
        assert web.connections == 3


async def test_what_is_not_allowed_is_not_asked():
    """The rules are those of fetching."""
    async with fetching() as fetcher:
        for url in ("http://10.0.0.1/", "ftp://a/", "http://a:b@c/"):
            with pytest.raises(AddressNotAllowed):
                await ask(fetcher, url)


# ----------------------------------------------------------------- addresses of services


@pytest.mark.parametrize(
    ("url", "base", "name"),
    [
        ("http://127.0.0.1:11434/v1", "http://127.0.0.1:11434/v1", "127.0.0.1"),
        ("https://API.example.com/v1//", "https://api.example.com/v1", "api.example.com"),
        ("http://[::1]:8000/", "http://[::1]:8000", "::1"),
        ("http://gpu.lan", "http://gpu.lan", "gpu.lan"),
    ],
)
def test_a_base_url_is_allowed_its_host_only(url, base, name):
    """Without slashes at its end, for paths are put behind it."""
    assert endpoint_of(url) == (base, Allowed(frozenset({name})))


@pytest.mark.parametrize(
    "url",
    [
        "",
        "gpu.lan:8000",
        "ftp://a/",
        "http://",
        "http://a:b@c/",
        "http://a/v1?b=c",
        "http://a/v1?",
        "http://a/#b",
        "http://a b/",
    ],
)
def test_what_is_no_base_url_is_refused(url):
    """With the reason."""
    with pytest.raises(AddressNotAllowed):
        endpoint_of(url)
