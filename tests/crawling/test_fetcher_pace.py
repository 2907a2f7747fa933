"""How long a large file may take to come, and which failures are worth another try."""

import asyncio
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calotype.crawling.pace import Pace
from calotype.domain.errors import DownloadFailed
from tests.crawling.sites import Names, answer, download, fetching, site


async def fetched(fetcher, url, **options):
    """The bytes of a file."""
    async with fetcher.fetch(url, limit=10**6, **options) as found:
        return b"".join([chunk async for chunk in found.chunks])


async def test_a_large_file_may_take_longer_than_the_usual_time():
    """With a least rate each byte buys time; without one the same file does not come through."""

    async def slow(reader, writer):
        writer.write(answer(b"x" * 1000, length=2000))
        await writer.drain()
        await asyncio.sleep(1.2)
        writer.write(b"y" * 1000)

    async with site({"/": slow}) as web, fetching(total=1) as fetcher:
        assert len(await fetched(fetcher, web.url(), least_rate=10)) == 2000
        with pytest.raises(DownloadFailed, match=r"longer than 1 seconds"):
            await fetched(fetcher, web.url())


async def test_a_drip_buys_too_little_time():
    """A server that sends a byte now and then keeps its connection no longer than its bytes are worth."""

    async def drip(reader, writer):
        writer.write(answer(b"", length=10**6))
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.01)

    async with site({"/": drip}) as web, fetching(total=0.1) as fetcher:
        with pytest.raises(DownloadFailed, match="too slow") as failed:
            await fetched(fetcher, web.url(), least_rate=10_000)
    assert failed.value.context["is_passing"]


@given(st.floats(0.1, 100), st.floats(1, 10**7), st.integers(0, 2**40), st.integers(0, 2**40))
def test_time_grows_with_what_has_arrived(seconds, rate, some, more):
    """By a second for as many bytes as the rate; without a rate not at all."""
    pace = Pace(seconds, rate)
    assert pace.allowed(0) == Pace(seconds).allowed(more) == seconds
    assert pace.allowed(some + more) - pace.allowed(some) == pytest.approx(more / rate, abs=1e-3)


async def failure(answers, url="/", **options):
    """What is known of the failure of a fetch."""
    async with site(answers) as web, fetching(**options) as fetcher:
        with pytest.raises(DownloadFailed) as failed:
            await download(fetcher, web.url(url) if url.startswith("/") else url)
    return failed.value.context


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 599])
async def test_a_server_in_trouble_may_be_asked_again(status):
    """What it says of itself and the moment may change."""
    assert (await failure({"/": answer(b"", f"{status} X")}))["is_passing"]


@pytest.mark.parametrize("status", [201, 204, 300, 400, 401, 403, 404, 410, 451])
async def test_a_clear_answer_stays(status):
    """Asking again would be the same question."""
    context = await failure({"/": answer(b"", f"{status} X")})
    assert not context["is_passing"]
    assert context["is_refusal"] is (status in {401, 403})


async def test_a_broken_way_may_be_mended():
    """Connections that break, name servers that are away, and silence pass; names that do not exist do not."""

    async def reset(reader, writer):
        writer.transport.abort()

    async def hang(reader, writer):
        await reader.read()

    assert (await failure({"/": reset}))["is_passing"]
    assert (await failure({"/": answer(b"abc", length=5)}))["is_passing"]
    assert (await failure({"/": hang}, idle=0.05))["is_passing"]
    assert (await failure({"/": hang}, total=0.05))["is_passing"]
    assert not (await failure({}, "http://nowhere.example/", lookup=Names()))["is_passing"]


async def test_a_name_server_that_is_away_is_told_from_a_name_that_is_not_there():
    """The system says which it is."""

    async def away(name):
        raise socket.gaierror(socket.EAI_AGAIN, "try again")

    async def unknown(name):
        raise socket.gaierror(socket.EAI_NONAME, "no such name")

    assert (await failure({}, "http://photos.example/", lookup=away))["is_passing"]
    assert not (await failure({}, "http://photos.example/", lookup=unknown))["is_passing"]


async def test_what_is_not_http_stays_so():
    """A server that speaks something else will not have learned it in a minute."""
    assert not (await failure({"/": b"SSH-2.0-x\r\n\r\n"}))["is_passing"]
