"""Bringing something to a URL: what is sent, what is told of the answer, and where it never goes."""

import asyncio

import pytest

from calotype.domain.errors import AddressNotAllowed, DownloadFailed
from tests.crawling.sites import Names, answer, fetching, redirect, site

BODY = b'{"type":"test"}'
HEADERS = {"Content-Type": "application/json", "webhook-id": "evt_1"}


async def post(fetcher, url, seconds=5):
    """Bring the body."""
    return await fetcher.post(url, BODY, HEADERS, seconds=seconds)


def taking(sent, status="200 OK", more=b""):
    """A script that reads a request's body before it answers."""

    async def script(reader, writer):
        sent.append(await reader.readexactly(len(BODY)))
        writer.write(answer(more, status))
        await writer.drain()

    return script


async def test_body_and_headers_arrive_as_they_are():
    """One request with the length of its body, our name, and nothing that says more of us."""
    sent = []
    async with site({"/hook?a=%20": taking(sent)}) as web, fetching() as fetcher:
        told = await post(fetcher, web.url("/hook?a=%20"))
    assert (told.status, told.is_success, told.is_redirect) == (200, True, False)
    assert sent == [BODY]
    (asked,) = web.asked
    assert asked.line == "POST /hook?a=%20 HTTP/1.1"
    assert asked.headers == {
        "host": f"127.0.0.1:{web.port}",
        "user-agent": "Calotype/1.2.3",
        "accept": "*/*",
        "accept-encoding": "identity",
        "content-type": "application/json",
        "webhook-id": "evt_1",
        "content-length": str(len(BODY)),
        "connection": "close",
    }


@pytest.mark.parametrize(
    ("status", "success"),
    [
        (200, True),
        (201, True),
        (202, True),
        (204, True),
        (299, True),
        (300, False),
        (400, False),
        (410, False),
        (500, False),
    ],
)
async def test_every_answer_is_told_by_its_status(status, success):
    """Nothing of it is an error here; the successes are those of HTTP."""
    async with site({"/": answer(b"", f"{status} Some text")}) as web, fetching() as fetcher:
        told = await post(fetcher, web.url())
    assert (told.status, told.is_success) == (status, success)


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
async def test_no_redirect_is_followed(status):
    """Neither to another path nor to another host; that it is one is told."""
    sent = []
    async with site({"/there": taking(sent)}) as other, fetching() as fetcher:
        answers = {"/here": redirect("/there", status), "/away": redirect(other.url("/there"), status)}
        async with site(answers | {"/there": taking(sent)}) as web:
            for path in answers:
                told = await post(fetcher, web.url(path))
                assert (told.is_success, told.is_redirect) == (False, True)
    assert sent == []
    assert other.asked == []


@pytest.mark.parametrize(("status", "asks"), [(429, True), (503, True), (500, False), (200, False)])
async def test_a_wish_for_a_pause_is_handed_on(status, asks):
    """As it was written; only two statuses mean it."""
    async with site({"/": answer(b"", f"{status} Text", "Retry-After: 120")}) as web, fetching() as fetcher:
        told = await post(fetcher, web.url())
    assert (told.retry_after, told.asks_for_patience) == ("120", asks)


@pytest.mark.parametrize(
    "url", ["http://10.0.0.1/", "http://[::1]/", "ftp://example.com/", "http://a@example.com/", ""]
)
async def test_what_the_text_shows_is_refused_before_anything_is_looked_up(url):
    """The rules are those of fetching."""
    names = Names()
    async with fetching(lookup=names) as fetcher:
        with pytest.raises(AddressNotAllowed):
            await post(fetcher, url)
    assert names.asked == []


@pytest.mark.parametrize(
    "addresses", [["10.0.0.1"], ["127.0.0.1", "10.0.0.1"], ["169.254.169.254"], ["::ffff:127.0.0.1"]]
)
async def test_a_name_with_any_private_address_is_refused(addresses):
    """Nothing is sent, also to those of its addresses that are allowed."""
    async with site({"/": answer()}) as web, fetching(lookup=Names(host_example=[addresses])) as fetcher:
        with pytest.raises(AddressNotAllowed):
            await post(fetcher, web.url(host="host.example"))
    assert web.connections == 0


async def test_the_body_goes_to_the_address_that_was_checked():
    """A name that leads elsewhere at the second look was not looked up twice."""
    sent = []
    names = Names(host_example=[["127.0.0.1"], ["127.0.0.2"]])
    async with site({"/": taking(sent)}) as web, fetching(lookup=names) as fetcher:
        assert (await post(fetcher, web.url(host="host.example"))).status == 200
        with pytest.raises(AddressNotAllowed):
            await post(fetcher, web.url(host="host.example"))
    assert sent == [BODY]


async def test_silence_ends_with_a_failure_in_time():
    """A server that takes the body and says nothing, or drips its headers, has only so many seconds."""

    async def silent(reader, writer):
        await reader.read()

    async def dripping(reader, writer):
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            writer.write(b"X-More: 1\r\n")
            await writer.drain()
            await asyncio.sleep(0.05)

    async with site({"/silent": silent, "/drip": dripping}) as web, fetching() as fetcher:
        for path in ("/silent", "/drip"):
            with pytest.raises(DownloadFailed) as failed:
                await post(fetcher, web.url(path), seconds=0.4)
            assert failed.value.message == "there was no answer within 0.4 seconds"


async def test_nobody_listening_is_a_failure_that_names_no_address():
    """So is a server that hangs up."""

    async def hang_up(reader, writer):
        writer.transport.abort()

    async with site({"/": hang_up}) as web, fetching() as fetcher:
        with pytest.raises(DownloadFailed) as failed:
            await post(fetcher, web.url())
        assert "127.0.0.1" not in failed.value.message
        assert web.connections == 1  # never sent twice by ourselves
        with pytest.raises(DownloadFailed) as failed:
            await post(fetcher, "http://127.0.0.1:9/")
        assert failed.value.message == "no connection to the server could be made"


@pytest.mark.parametrize("kind", ["endless", "broken", "bomb"])
async def test_what_an_answer_holds_plays_no_part(kind):
    """Its status counts; a body without end, one that breaks off, and a compressed one are not waited for."""

    async def endless(reader, writer):
        writer.write(answer(b"", length=-1))
        while True:
            writer.write(b"x" * 65536)
            await writer.drain()

    bodies = {
        "endless": endless,
        "broken": answer(b"abc", length=10),
        "bomb": answer(b"abc", "200 OK", "Content-Encoding: gzip"),
    }
    async with site({"/": bodies[kind]}) as web, fetching() as fetcher:
        assert (await post(fetcher, web.url())).is_success


async def test_a_dripping_body_does_not_hold_the_attempt():
    """A byte now and then is not waited for to the end."""
    left = asyncio.Event()

    async def drip(reader, writer):
        writer.write(answer(b"", length=10**6))
        try:
            while True:
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.05)
        finally:
            left.set()

    async with site({"/": drip}) as web, fetching() as fetcher:
        assert (await post(fetcher, web.url(), seconds=30)).is_success
        await asyncio.wait_for(left.wait(), 20)


async def test_nothing_is_brought_by_a_fetcher_that_is_closed():
    """As nothing is fetched."""
    async with site({"/": answer()}) as web, fetching() as fetcher:
        await fetcher.aclose()
        with pytest.raises(DownloadFailed):
            await post(fetcher, web.url())
        assert web.connections == 0
