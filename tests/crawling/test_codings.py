"""Unpacking answers: what comes out is what went in, never more than was asked for, and half a body is no body."""

import gzip
import tracemalloc
import zlib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calotype.crawling.codings import UNPACKED, Unpacker, unpacker_of
from calotype.domain.errors import DownloadFailed, TooLarge
from tests.crawling.sites import answer, download, fetching, site


def raw_deflate(data):
    """Deflate without a frame, as many servers send it."""
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


WAYS = {"gzip": ("gzip", gzip.compress), "zlib": ("deflate", zlib.compress), "bare": ("deflate", raw_deflate)}


def unpacked(coding, data, size):
    """What comes of a body that arrives in pieces of so many bytes."""
    unpacker = Unpacker(coding)
    parts = [piece for at in range(0, len(data), size) for piece in unpacker.pieces(data[at : at + size])]
    return b"".join([*parts, *unpacker.finish()])


@given(st.sampled_from(sorted(WAYS)), st.binary(max_size=300), st.integers(1, 3000), st.integers(1, 500))
def test_a_body_is_unpacked_however_it_is_cut(way, data, times, size):
    """In all three codings, and whatever follows behind its end plays no part."""
    coding, pack = WAYS[way]
    packed = pack(data * times)
    assert unpacked(coding, packed, size) == data * times
    assert unpacked(coding, packed + b"behind", size) == data * times


@given(st.sampled_from(sorted(WAYS)), st.binary(min_size=1, max_size=300), st.data())
def test_half_a_body_is_a_failure_that_may_pass(way, data, drawn):
    """Wherever it breaks off."""
    coding, pack = WAYS[way]
    packed = pack(data)
    end = drawn.draw(st.integers(1, len(packed) - 1))
    with pytest.raises(DownloadFailed, match="ended before it was whole") as failed:
        unpacked(coding, packed[:end], 100)
    assert failed.value.context["is_passing"]


@given(st.sampled_from(sorted(WAYS)), st.binary(max_size=300))
def test_any_bytes_unpack_or_fail(way, data):
    """With the one kind of error."""
    with suppress(DownloadFailed):
        unpacked(WAYS[way][0], data, 7)


@pytest.mark.parametrize("way", sorted(WAYS))
async def test_a_compressed_page_is_read(way):
    """It is asked for, and its length is not that of what arrives."""
    coding, pack = WAYS[way]
    page = b"<p>Hello</p>" * 1000
    packed = answer(pack(page), "200 OK", f"Content-Encoding: {coding}", "Content-Type: text/html; charset=UTF-8")
    async with (
        site({"/": packed}) as web,
        fetching() as fetcher,
        fetcher.fetch(web.url(), limit=10**6, unpacks=True) as found,
    ):
        assert b"".join([chunk async for chunk in found.chunks]) == page
        assert found.length is None
        assert found.charset == "utf-8"
    assert web.asked[0].headers["accept-encoding"] == UNPACKED


async def test_a_page_as_large_as_the_limit_is_taken_and_not_a_byte_more():
    """The limit is one of what comes out; one byte less refuses the page instead of cutting it."""
    web_answer = answer(gzip.compress(b"x" * 200_000), "200 OK", "Content-Encoding: gzip")
    async with site({"/": web_answer}) as web, fetching() as fetcher:
        async with fetcher.fetch(web.url(), limit=200_000, unpacks=True) as found:
            assert len(b"".join([chunk async for chunk in found.chunks])) == 200_000
        with pytest.raises(TooLarge) as refused:
            async with fetcher.fetch(web.url(), limit=199_999, unpacks=True) as found:
                assert len(b"".join([chunk async for chunk in found.chunks])) < 200_000
    assert refused.value.context == {"limit": 199_999}


async def test_a_bomb_is_given_up_at_the_limit():
    """Half a gigabyte in half a megabyte costs no more memory than the pieces that were taken."""
    packer = zlib.compressobj(9, wbits=31)
    bomb = b"".join([packer.compress(bytes(2**20)) for _ in range(512)] + [packer.flush()])

    async def largest():
        async with fetcher.fetch(web.url(), limit=10**6, unpacks=True) as found:
            return max([len(chunk) async for chunk in found.chunks])

    async with site({"/": answer(bomb, "200 OK", "Content-Encoding: gzip")}) as web, fetching() as fetcher:
        tracemalloc.start()
        with pytest.raises(TooLarge):
            await largest()
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 8 * 2**20


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, gzip", "deflate, gzip", "compress", "x"])
async def test_other_codings_and_several_in_a_row_are_refused(coding):
    """Also where compression is asked for."""
    assert unpacker_of(" ", UNPACKED) is unpacker_of("identity", UNPACKED) is None
    async with (
        site({"/": answer(b"x", "200 OK", f"Content-Encoding: {coding}")}) as web,
        fetching() as fetcher,
    ):
        with pytest.raises(DownloadFailed, match="compressed"):
            async with fetcher.fetch(web.url(), limit=100, unpacks=True):
                pass


async def test_nothing_is_whole_in_every_coding():
    """Some servers name one for an empty answer."""
    async with (
        site({"/": answer(b"", "200 OK", "Content-Encoding: gzip")}) as web,
        fetching() as fetcher,
        fetcher.fetch(web.url(), limit=100, unpacks=True) as found,
    ):
        assert [chunk async for chunk in found.chunks] == []


@pytest.mark.parametrize(
    ("header", "charset"),
    [
        ("text/html", None),
        ("text/html; charset=utf-8", "utf-8"),
        ('text/html;charset="Shift_JIS"', "shift_jis"),
        ("text/html; Charset = ISO-8859-1; x=y", "iso-8859-1"),
        ("text/html; boundary=x; charset='windows-1252'", "windows-1252"),
        ("text/html; charset=", None),
        ("text/html; charset=<script>", None),
        ("text/html; charset=-x", None),
        ("text/html; xcharset=utf-8", None),
    ],
)
async def test_the_declared_encoding_is_told(header, charset):
    """In lower case, without quotes; what is none is none."""
    async with site({"/": answer(b"x", "200 OK", f"Content-Type: {header}")}) as web, fetching() as fetcher:
        assert (await download(fetcher, web.url()))[0].charset == charset


async def test_without_a_header_no_encoding_is_declared():
    """Nothing is guessed here."""
    async with site({"/": answer(b"x")}) as web, fetching() as fetcher:
        assert (await download(fetcher, web.url()))[0].charset is None


async def test_permission_is_asked_before_every_request():
    """For where a redirect leads, too; a refusal ends the fetch before anything is sent there."""
    asked = []

    async def permit(url):
        asked.append(url)
        if url.endswith("/third"):
            raise DownloadFailed("forbidden here")

    hops = {"/": b"/second", "/second": b"/third"}
    answers = {path: answer(b"", "302 Found", f"Location: {to.decode()}") for path, to in hops.items()}
    async with site(answers) as web, fetching() as fetcher:
        with pytest.raises(DownloadFailed, match="forbidden here"):
            async with fetcher.fetch(web.url("/#x"), limit=100, permit=permit):
                pass
    assert asked == [web.url("/"), web.url("/second"), web.url("/third")]
    assert [request.path for request in web.asked] == ["/", "/second"]


async def test_the_beginning_of_an_answer_is_given_whatever_its_status():
    """At most so many bytes of a good one, compressed or not, announced or not; nothing of others."""
    answers = {
        "/short": answer(b"abc"),
        "/long": answer(b"x" * 5000),
        "/endless": answer(b"x" * 5000, length=-1),
        "/packed": answer(gzip.compress(b"x" * 5000), "200 OK", "Content-Encoding: gzip"),
        "/gone": answer(b"sorry", "410 Gone"),
        "/moved": answer(b"", "301 Moved Permanently", "Location: /short"),
    }
    async with site(answers) as web, fetching() as fetcher:
        found = {path: await fetcher.beginning(web.url(path), limit=1000) for path in answers}
    assert found["/short"].body == found["/moved"].body == b"abc"
    assert found["/long"].body == found["/endless"].body == found["/packed"].body == b"x" * 1000
    assert (found["/gone"].status, found["/gone"].body) == (410, b"")
